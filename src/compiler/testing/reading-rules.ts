/** One Calico rule as a predicate over flows. */
import type { Action, CalicoPort, EntityRule, Protocol, Rule } from '../../calico/types.ts';
import type { Flow } from './cluster.ts';
import { addressOf, inCidr } from './cluster.ts';
import { type Matchable, selectorMatch, type Surroundings } from './reading-labels.ts';

export interface PlainRule {
  readonly action: Action;
  readonly matches: (flow: Flow) => boolean;
  /** The rule as it was given, for messages. */
  readonly text: string;
}

const KUBERNETES = 'default/kubernetes';

/** @param namespace the namespace of the policy, '' for a global one */
export function plainRule(rule: Rule, namespace: string, around: Surroundings): PlainRule {
  refuseInvalid(rule);
  const source = addressMatch(rule.source ?? {}, namespace, around.matchables);
  const destination = addressMatch(rule.destination ?? {}, namespace, around.matchables);
  const port = portMatch(rule, namespace, around);
  return {
    action: rule.action,
    text: JSON.stringify({ ...rule, metadata: undefined }),
    matches: (flow) =>
      (rule.ipVersion === undefined || rule.ipVersion === flow.ipVersion) &&
      (rule.protocol === undefined || numberOf(rule.protocol) === wireProtocol(flow)) &&
      (rule.notProtocol === undefined || numberOf(rule.notProtocol) !== wireProtocol(flow)) &&
      source(addressOf(flow, 'from'), flow) &&
      destination(addressOf(flow, 'to'), flow) &&
      port(addressOf(flow, 'to'), flow),
  };
}

/** IANA's. */
const NUMBERS: Readonly<Record<string, number>> = {
  ICMP: 1,
  TCP: 6,
  UDP: 17,
  GRE: 47,
  ICMPv6: 58,
  SCTP: 132,
};
const numberOf = (protocol: Protocol): number =>
  typeof protocol === 'number' ? protocol : (NUMBERS[protocol] ?? NaN);
const wireProtocol = ({ protocol, ipVersion }: Flow): number =>
  NUMBERS[protocol === 'ICMP' && ipVersion === 6 ? 'ICMPv6' : protocol] ?? NaN;

/** @throws Error for a rule that makes Felix drop the whole policy, or that this reading does not support */
function refuseInvalid(rule: Rule): void {
  const refuse = (why: string): never => {
    throw new Error(`${why}: ${JSON.stringify(rule)}`);
  };
  const { source = {}, destination = {} } = rule;
  if (source.ports !== undefined) refuse('source ports');
  if (destination.ports !== undefined && !['TCP', 'UDP', 'SCTP'].includes(String(rule.protocol)))
    refuse('ports without a protocol that has them');
  if (source.services !== undefined) refuse('services as a source');
  if (destination.services === undefined) return;
  const { namespace, name } = destination.services;
  if (`${namespace}/${name}` !== KUBERNETES) refuse('a Service that this cluster has not');
  if (Object.keys(destination).length > 1) refuse('services together with something else');
}

type AddressMatch = (address: string, flow: Flow) => boolean;

function addressMatch(entity: EntityRule, namespace: string, matchables: readonly Matchable[]): AddressMatch {
  const { positive, negative } = selectorMatch(entity, namespace);
  const members = positive === undefined ? undefined : matchables.filter(({ label }) => positive(label));
  const strangers = negative === undefined ? [] : matchables.filter(({ label }) => negative(label));
  return remembered(
    (address, { ipVersion }) =>
      netsMatch(entity.nets, address, ipVersion) &&
      notNetsMatch(entity.notNets, address, ipVersion) &&
      (members?.some(({ has }) => has(address)) ?? true) &&
      !strangers.some(({ has }) => has(address)),
  );
}

const familyOf = (cidr: string): 4 | 6 => (cidr.includes(':') ? 6 : 4);

const netsMatch = (nets: EntityRule['nets'], address: string, ipVersion: 4 | 6): boolean =>
  nets === undefined ||
  nets.length === 0 ||
  nets.some((net) => familyOf(net) === ipVersion && inCidr(address, net));

/**
 * felix/rules/policy.go, filterNets: a rule whose negated nets are all of the other family does not exist for
 * this family.
 */
function notNetsMatch(notNets: EntityRule['notNets'], address: string, ipVersion: 4 | 6): boolean {
  if (notNets === undefined || notNets.length === 0) return true;
  const own = notNets.filter((net) => familyOf(net) === ipVersion);
  if (own.length === 0 || own.includes('0.0.0.0/0') || own.includes('::/0')) return false;
  return !own.some((net) => inCidr(address, net));
}

function portMatch(rule: Rule, namespace: string, { matchables, apiServer }: Surroundings): AddressMatch {
  const { ports, services } = rule.destination ?? {};
  if (services !== undefined) {
    return (address, { protocol, port }) =>
      protocol === 'TCP' && apiServer.some((each) => each.address === address && each.port === port);
  }
  if (ports === undefined || ports.length === 0) return () => true;
  const { positive } = selectorMatch(rule.destination ?? {}, namespace);
  // rule_scanner.go: a named port stands for the addresses of the endpoints that have it, filtered by the
  // positive selector.
  const endpoints = matchables.filter(({ label }) => positive?.(label) ?? true);
  const ranges = ports.map((each) => ({ name: each, range: rangeOf(each) }));
  return (address, { port, protocol }) =>
    port !== undefined &&
    ranges.some(({ name, range }) => {
      if (range !== undefined) return range.from <= port && port <= range.to;
      return endpoints.some(
        (endpoint) =>
          endpoint.has(address) &&
          endpoint.ports.some(
            (named) => named.name === name && named.protocol === protocol && named.port === port,
          ),
      );
    });
}

function rangeOf(port: CalicoPort): { readonly from: number; readonly to: number } | undefined {
  const [from, to = from] = String(port).split(':').map(Number);
  return from === undefined || to === undefined || Number.isNaN(from) ? undefined : { from, to };
}

function remembered(match: AddressMatch): AddressMatch {
  const known = new Map<string, boolean>();
  return (address, flow) => {
    const before = known.get(address);
    if (before !== undefined) return before;
    const answer = match(address, flow);
    known.set(address, answer);
    return answer;
  };
}
