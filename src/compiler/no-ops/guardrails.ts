/** Ends of rules that a guardrail refuses whole. It says so only where that is certain. */
import type { ClusterFirewall, Defaults, Guardrail, LabelSelector, Peer } from '../../api/schema.ts';
import { fromLabelSelector, printSelector } from '../../calico/selector.ts';
import { containsCidr, parseCidr } from '../../net/cidr.ts';
import { formatPort, parsePort, type Port } from '../../net/ports.ts';
import { METADATA_ADDRESSES } from '../pods/defaults.ts';
import type { ProblemCollector } from '../problems.ts';
import { rulesOf, type RuleEnd, type WrittenRule } from './entries.ts';

/** @param main the firewall called default, whose guardrails bound the rules of all */
export function reportRefused(
  firewall: ClusterFirewall,
  main: ClusterFirewall,
  collector: ProblemCollector,
): void {
  const bounds: Bounds = {
    guardrails: main.spec.guardrails ?? [],
    metadataAPI: main.spec.defaults?.metadataAPI,
    peersOfRule: peersOf(firewall),
    peersOfGuardrail: peersOf(main),
    isMain: firewall === main,
  };
  for (const written of rulesOf(firewall)) {
    for (const { end, at } of written.ends) {
      const why = refusal(end, written, bounds);
      if (why !== undefined) collector.warn(written.place, 'NoEffect', why, at);
    }
  }
}

interface Bounds {
  readonly guardrails: readonly Guardrail[];
  readonly metadataAPI: Defaults['metadataAPI'] | undefined;
  readonly peersOfRule: ReadonlyMap<string, Peer>;
  readonly peersOfGuardrail: ReadonlyMap<string, Peer>;
  readonly isMain: boolean;
}

const peersOf = ({ spec }: ClusterFirewall): ReadonlyMap<string, Peer> =>
  new Map((spec.peers ?? []).map((peer) => [peer.name, peer]));

function refusal(end: RuleEnd, { group, rule }: WrittenRule, bounds: Bounds): string | undefined {
  const cidrs = cidrsOf(end, bounds.peersOfRule);
  const { action, addresses = METADATA_ADDRESSES, exceptNamespaces = [] } = bounds.metadataAPI ?? {};
  const isExcepted = group.namespaces?.every((name) => exceptNamespaces.includes(name)) === true;
  if ('to' in rule && action !== 'None' && !isExcepted && isWithin(cidrs, addresses))
    return "opens nothing, because no rule can open the cloud's metadata API: list the namespaces in defaults.metadataAPI.exceptNamespaces";
  const guardrail = bounds.guardrails.find(
    ({ pods, to = [], from = [], ports }) =>
      pods.serviceAccounts === undefined &&
      (isEmpty(pods) || (pods.namespaceSelector === undefined && areSame(pods.podSelector, rule.pods))) &&
      rule.ports.every((port) => coversPort(ports, parsePort(port))) &&
      ('to' in rule ? to : from).some((refused) => covers(refused, end, cidrs, bounds)),
  );
  return (
    guardrail &&
    `opens nothing, because guardrail "${guardrail.name}" refuses all of it, and no rule undoes a guardrail: narrow the guardrail, if this is meant to be open`
  );
}

const areSame = (a: LabelSelector = {}, b: LabelSelector = {}): boolean =>
  printSelector(fromLabelSelector(a)) === printSelector(fromLabelSelector(b));

const isEmpty = (value: object): boolean => Object.keys(value).length === 0;

const cidrsOf = ({ ipBlock, peer }: RuleEnd, peers: ReadonlyMap<string, Peer>): readonly string[] =>
  ipBlock === undefined ? (peer !== undefined && peers.get(peer)?.cidrs) || [] : [ipBlock.cidr];

const isWithin = (inner: readonly string[], outer: readonly string[]): boolean =>
  inner.length > 0 &&
  inner.every((cidr) => outer.some((each) => containsCidr(parseCidr(each), parseCidr(cidr))));

/** Addresses that a block leaves out are not refused, so only whole blocks count. Those in a rule never mean pods or nodes, so World has them all. */
function covers(refused: RuleEnd, end: RuleEnd, cidrs: readonly string[], bounds: Bounds): boolean {
  if (refused.entity !== undefined)
    return (
      refused.entity === end.entity ||
      refused.entity === 'Everyone' ||
      (refused.entity === 'World' && (end.entity === 'Internet' || cidrs.length > 0)) ||
      (refused.entity === 'Pods' && (arePods(end) || end.entity === 'SameNamespace'))
    );
  if (refused.ipBlock?.except === undefined && isWithin(cidrs, cidrsOf(refused, bounds.peersOfGuardrail)))
    return true;
  if (refused.peer !== undefined) return bounds.isMain && refused.peer === end.peer;
  if (refused.pods === undefined) return false;
  // In a rule, pods without a namespaceSelector are those of one namespace; in a guardrail, of all.
  return (
    (isEmpty(refused.pods) && arePods(end)) ||
    (end.pods?.namespaceSelector !== undefined &&
      refused.pods.serviceAccounts === undefined &&
      areSame(refused.pods.namespaceSelector, end.pods.namespaceSelector) &&
      areSame(refused.pods.podSelector, end.pods.podSelector))
  );
}

const arePods = (end: RuleEnd): boolean =>
  end.pods !== undefined || ('service' in end && end.service !== undefined);

function coversPort(ports: Guardrail['ports'], port: Port): boolean {
  return ports.map(parsePort).some((each) => {
    if (each.kind === 'all') return true;
    if (each.kind !== 'range' || port.kind !== 'range') return formatPort(each) === formatPort(port);
    return each.protocol === port.protocol && each.from <= port.from && port.to <= each.to;
  });
}
