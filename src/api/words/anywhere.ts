/** Words that mean the same wherever they stand. */
import type { Place } from '../places.ts';
import { type Entry, RULES } from './entry.ts';

const RULES_AND_GROUPS: readonly Place[] = [...RULES, 'group', 'spec'];
const NO_NAMES =
  'host names do not exist here, because packets carry addresses alone: write the addresses, as ipBlock or as a peer with cidrs';
const NO_INTERFACES =
  'interfaces do not exist here: say where traffic comes from, by addresses, peers and entities';

export const ANYWHERE: readonly Entry[] = [
  {
    words: 'ingressdeny egressdeny deny drop reject block blocked blacklist',
    places: RULES_AND_GROUPS,
    say: 'rules only allow, and whatever no rule names is closed; denies that no rule may undo stand in spec.guardrails',
  },
  {
    words: 'action verdict policyaction',
    places: 'anywhere',
    say: 'every rule allows, and whatever no rule names is closed: write no rule in order to refuse. Denies that no rule may undo stand in spec.guardrails, and addresses that nodes refuse in spec.nodes.blocked',
  },
  {
    words: 'policytypes types direction enabledefaultdeny',
    places: 'anywhere',
    say: 'both directions are closed, and spec.defaults.deny says otherwise for all namespaces; each rule opens both of its ends',
  },
  {
    words: 'order priority precedence tier weight',
    places: 'anywhere',
    say: 'rules have no order: all of them allow, and they add up. Guardrails come before every rule',
  },
  {
    words:
      'fqdn fqdns tofqdns matchname matchpattern domain domains domainname domainnames hostname hostnames host hosts dnsname',
    places: 'anywhere',
    say: NO_NAMES,
  },
  {
    words: 'interface interfaces interfacename iniface outiface ingresszone egresszone',
    places: 'anywhere',
    say: NO_INTERFACES,
  },
  {
    words: 'sourceport sourceports srcport srcports sport',
    places: 'anywhere',
    say: 'source ports do not exist here: a client may choose any, so they protect nothing',
  },
  {
    words: 'http l7 l7protocols l7rules path paths method methods sni servernames tls authentication',
    places: 'anywhere',
    say: 'the application layer does not exist here: packets are judged by addresses and ports; name the pods and ports that may be reached',
  },
  {
    words: 'limit ratelimit rate connlimit',
    places: 'anywhere',
    say: 'rates are not limited here: let the ingress controller or the program do it',
  },
  {
    words: 'log logging loglevel logprefix enablelogging loglabel',
    places: 'anywhere',
    say: 'refused packets are counted by rule, which `clusterfirewall counters` lists for a node; flows of pods are in the flow logs of Calico',
  },
  {
    words: 'applyonforward prednat donottrack',
    places: 'anywhere',
    say: 'spec.nodes judges NodePorts and hostPorts before DNAT by itself, and everything else after it',
  },
  {
    words: 'ipversion ipfamily family ipv4 ipv6 notprotocol',
    places: 'anywhere',
    say: 'a rule holds for both families; addresses say which one they are of',
  },
  {
    words: 'description comment comments annotations labels metadata short',
    places: ['spec', 'group', 'rule', 'connection', 'guardrail', 'zone', 'peer', 'nodes'],
    say: 'there is no field for a comment: write it after a #, or say it in the name',
  },
];
