/**
 * ClusterNetworkPolicy of policy.networking.k8s.io/v1alpha2, as Calico 3.32 converts it. Sources: network-policy-api
 * (apis/v1alpha2) and libcalico-go/lib/backend/k8s/conversion. Calico closes where it does not know a field: a
 * rule that accepts is left out, and any other one denies everything. A release that knows the field does
 * something else, so what depends on it is unclear.
 */
import type { Action } from '../types.ts';
import { FieldError, type Fields, type ObjectFields } from './fields.ts';
import { adminPeer, adminPolicy, byProtocol, combined, NOTHING, type PortOf } from './kubernetes-policy.ts';
import type { PolicyRule, Ports, RuleEnd, StoredPolicy } from './policy.ts';
import { PROTOCOL } from './protocols.ts';

const TIERS: ReadonlyMap<string, string> = new Map([
  ['Admin', 'kube-admin'],
  ['Baseline', 'kube-baseline'],
]);

const ACTIONS: ReadonlyMap<string, Action> = new Map([
  ['Accept', 'Allow'],
  ['Deny', 'Deny'],
  ['Pass', 'Pass'],
]);

type Direction = 'from' | 'to';

/** @throws FieldError */
export function readClusterNetworkPolicy(object: ObjectFields): StoredPolicy {
  const spec = object.fields.object('spec');
  const tier = TIERS.get(spec.text('tier'));
  if (tier === undefined) throw new FieldError('spec.tier', `is none of ${[...TIERS.keys()].join(', ')}`);
  const order = spec.number('priority');
  if (order === undefined) throw new FieldError('spec.priority', 'is missing');
  return adminPolicy(object, { prefix: 'kcnp', tier, order, rules: readRule });
}

function readRule(rule: Fields, direction: Direction): readonly PolicyRule[] {
  const action = ACTIONS.get(rule.text('action'));
  if (action === undefined)
    throw new FieldError(rule.at('action'), `is none of ${[...ACTIONS.keys()].join(', ')}`);
  // An early form of v1alpha2. A Calico that knows the later one would take it for a rule about every port.
  if (rule.has('ports'))
    throw new FieldError(rule.at('ports'), 'is of an early form of v1alpha2: write protocols');
  const name = rule.text('name');
  const named = (rules: readonly PolicyRule[]): readonly PolicyRule[] =>
    name === '' ? rules : rules.map((each) => ({ ...each, annotations: { name } }));
  const peers = rule.list(direction);
  if (peers.length === 0) throw new FieldError(rule.at(direction), 'needs at least one peer');
  const strange = peers.find((peer) => !isKnown(peer, direction));
  const protocols = rule.list('protocols');
  if (strange !== undefined)
    return named([
      everything(rule, action, `has the peer ${strange.path}, which releases of Calico read differently`),
    ]);
  const ends = peers.map(readPeer);
  const numbered = protocols.filter((each) => !each.has('destinationNamedPort')).map(readProtocol);
  if (numbered.length === protocols.length)
    return named(combined(direction, action, rule, { protocols: byProtocol(numbered), peers: ends }));
  const names = protocols.flatMap((each) =>
    each.has('destinationNamedPort') ? [each.text('destinationNamedPort')] : [],
  );
  return named(withNames(rule, direction, action, { names, numbered, ends }));
}

const isKnown = (peer: Fields, direction: Direction): boolean =>
  peer.has('namespaces') || peer.has('pods') || (direction === 'to' && peer.has('networks'));

function readPeer(peer: Fields): RuleEnd {
  if (peer.has('networks')) return { nets: peer.nets('networks'), notNets: [] };
  return { ...NOTHING, selector: adminPeer(peer) };
}

const NUMBERS = { tcp: PROTOCOL.TCP, udp: PROTOCOL.UDP, sctp: PROTOCOL.SCTP } as const;

function readProtocol(of: Fields): PortOf {
  for (const [key, protocol] of Object.entries(NUMBERS)) {
    const port = of.optional(key)?.optional('destinationPort');
    if (port !== undefined) return { protocol, port: readPort(port) };
    if (of.has(key)) return { protocol };
  }
  throw new FieldError(of.path, 'is none of tcp, udp, sctp and destinationNamedPort');
}

function readPort(port: Fields): Ports {
  const range = port.optional('range');
  const from = range === undefined ? port.number('number') : range.number('start');
  const to = range === undefined ? from : range.number('end');
  if (from === undefined || to === undefined) throw new FieldError(port.path, 'needs a number, or a range');
  return { ranges: [{ from, to }], names: [] };
}

interface WithNames {
  readonly names: readonly string[];
  readonly numbered: readonly PortOf[];
  readonly ends: readonly RuleEnd[];
}

const UNCLEAR = 'has a named port, which Calico and the API read differently';

/**
 * The API lets the rule match ports of these names. Calico 3.32 lets none of them through, and closes everything
 * with a rule that does not accept.
 */
function withNames(
  rule: Fields,
  direction: Direction,
  action: Action,
  { names, numbered, ends }: WithNames,
): readonly PolicyRule[] {
  const byName = Object.values(NUMBERS).map((protocol) => ({ protocol, port: { ranges: [], names } }));
  const all = combined(direction, action, rule, {
    protocols: byProtocol([...numbered, ...byName]),
    peers: ends,
  });
  if (action === 'Allow') return all.map((each) => ({ ...each, unclear: UNCLEAR }));
  return [...(action === 'Deny' ? all : []), everything(rule, action, UNCLEAR)];
}

/** It is about every packet that comes to it. */
const everything = ({ path }: Fields, action: Action, unclear: string): PolicyRule => ({
  action,
  source: NOTHING,
  destination: NOTHING,
  http: false,
  unclear,
  annotations: {},
  path,
});
