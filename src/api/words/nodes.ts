/** Words in spec.nodes and its zones. */
import type { Place } from '../places.ts';
import { type Entry, RULES } from './entry.ts';

const NODES: readonly Place[] = ['nodes', 'zone', 'allow'];
const ZONE = 'that stands in a zone: zones: [{ name: …, from: […], allow: { services: […], ports: […] } }]';

export const AT_NODES: readonly Entry[] = [
  {
    words: 'source sources from to cidr cidrs ipblock peer peers entity entities address sourceaddress ipset',
    places: ['zone'],
    say: 'the sources of a zone are one list: from: [{ peer: … }, { ipBlock: { cidr: … } }, { entity: … }]',
  },
  {
    words: 'service services port ports all',
    places: ['zone'],
    say: 'what a zone opens stands in allow: allow: { services: [ssh], ports: [30080] }',
  },
  {
    words: 'rule rules richrule richrules',
    places: ['zone'],
    say: 'a rich rule is a zone of its own: { name: …, from: [{ ipBlock: { cidr: … } }], allow: { services: […] } }',
  },
  {
    words: 'nodes nodenames node hosts',
    places: ['zone'],
    say: 'the nodes of a zone are selected by label: nodeSelector: { matchLabels: {…} }',
  },
  {
    words: 'from allow ports port sources rules ingress zone richrules richrule',
    places: ['nodes'],
    say: ZONE,
  },
  {
    words: 'egress output out outgoing',
    places: NODES,
    say: 'what nodes send is not judged: only what arrives at them',
  },
  {
    words: 'target default defaultzone defaultpolicy policy',
    places: NODES,
    say: 'what no zone opens is closed, and a zone that opens everything says allow: { all: true }',
  },
  {
    words: 'deny drop reject denied dropped block ingressdeny',
    places: NODES,
    say: 'what no zone opens is closed; addresses that reach nothing, whatever zones say, stand in spec.nodes.blocked',
  },
  {
    words: 'protocol protocols',
    places: ['zone', 'allow'],
    besides: 'protocols',
    say: 'other IP protocols than TCP, UDP and SCTP are listed in protocols: [vrrp]',
  },
  {
    words: 'protocol protocols',
    places: ['zone', 'allow'],
    say: 'a port carries its protocol: allow: { ports: [514/UDP] }',
  },
  {
    words: 'icmp icmps icmpblock icmpblocks icmpblockinversion icmptypes',
    places: NODES,
    say: 'ICMP reaches nodes by the entries icmp and icmpv6 of the baseline; baseline.disable closes it',
  },
  {
    words: 'logging loglevel logprefix logdenied logrefused enablelogging',
    places: ['nodes'],
    say: 'log: Refused writes packets that no rule lets in to the kernel log of the node',
  },
  {
    words: 'log logging loglevel logprefix logdenied enablelogging',
    places: ['zone', 'allow', ...RULES],
    say: 'single rules and zones do not log; `clusterfirewall counters` counts the packets of each on a node',
  },
  {
    words: 'masquerade forward forwardport forwardports nat dnat snat',
    places: NODES,
    say: 'addresses are not translated here: that is for Services, and for natOutgoing of an IPPool',
  },
  {
    words: 'enabled disabled',
    places: ['nodes'],
    say: 'mode says it: Enforce, Observe or Disabled',
  },
];
