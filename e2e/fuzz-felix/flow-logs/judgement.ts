/** One end's decision about a packet of a pod, as the simulator has it and as Felix writes it to its flow logs. */
import { PROTOCOL } from '../../../src/calico/read/protocols.ts';
import type { StoredPolicy } from '../../../src/calico/read/policy.ts';
import type { Flow, Hit, Seen } from '../../../src/flowlogs/flow.ts';
import { judge } from '../../../src/simulator/chains.ts';
import type { Asked, Decision } from '../../../src/simulator/decision.ts';
import type { Header } from '../../../src/simulator/packet.ts';
import type { Prepared } from '../../../src/simulator/prepared.ts';
import type { Step } from '../../../src/simulator/trail.ts';
import { podName } from '../../../src/simulator/world.ts';
import type { Expected } from '../compare.ts';
import { headerOf, type Packet } from '../packets.ts';

export interface Judgement {
  readonly packet: Packet;
  /** Node, end, both pods, protocol and port. Flow logs tell flows of one key apart by their policies only. */
  readonly key: string;
  /** The decision, as `textOf` writes it. At the end of a tier, Felix names one of several policies. */
  readonly enforced: readonly string[];
  /** With staged policies enforced. Empty where Calico works nothing out. */
  readonly pending: readonly string[];
  /** False where Felix leaves the flow out. */
  readonly isLogged: boolean;
}

/** The worlds as Felix enforces them, and as Calico reads them for `Pending`. */
export interface Worlds {
  readonly now: Prepared;
  readonly later: Prepared;
}

export function judgementsOf(worlds: Worlds, { packet, outcome }: Expected): readonly Judgement[] {
  const { decisive, steps } = outcome;
  const judgements = steps.flatMap((step) => judgementAt(worlds, packet, step) ?? []);
  return decisive.layer === 'Service'
    ? [...judgements, ...beforeReject(worlds, packet, decisive)]
    : judgements;
}

/** Layers whose decisions may be in the flow logs of a pod, with the end at which they are written. */
const ENDS: Partial<Record<Step['layer'], 'source' | 'destination'>> = {
  'pod egress': 'source',
  'pod ingress': 'destination',
  // Flow logs name policies, and not the endpoint. One that selects the pod as well is taken for the pod's.
  'host forward in': 'destination',
  'host before DNAT': 'destination',
  'host forward out': 'source',
  'host egress': 'source',
};

function judgementAt({ now, later }: Worlds, packet: Packet, step: Step): Judgement | undefined {
  const { layer, node, source, destination, port } = step;
  const at = ENDS[layer];
  const direction = at === 'source' ? 'egress' : 'ingress';
  const isOfPod = layer === 'pod egress' || layer === 'pod ingress';
  const enforced = isOfPod ? textsOf(step.decision, direction) : textsOfHost(now, step.decision, direction);
  if (at === undefined || enforced.length === 0) return undefined;
  const header = headerOf(packet);
  const [from, to] = [source, destination].map((address) => podAt(now, address));
  return {
    packet,
    key: keyOf({ node, at, from, to, protocol: header.protocol, port }),
    enforced,
    pending: pendingAt(later, direction, header, step),
    isLogged: isOfPod && ![source, destination].some((address) => isHostEndpoint(now, address, node)),
  };
}

/**
 * kube-proxy rejects what goes to a Service without endpoints. In iptables mode, Felix has judged the pod by
 * then, which changes nothing for the packet.
 */
function beforeReject({ now, later }: Worlds, packet: Packet, step: Step): readonly Judgement[] {
  const place = now.placeOf(step.source);
  if (place?.kind !== 'pod') return [];
  const of = { ...headerOf(packet), port: step.port };
  const parties = { source: now.party(step.source), destination: now.party(step.destination) };
  const decision = judge(now.book, now.podChains(place.pod).egress, of, parties);
  const egress = judgementAt({ now, later }, packet, { ...step, layer: 'pod egress', decision });
  return egress === undefined ? [] : [{ ...egress, isLogged: false }];
}

/** felix/collector/collector.go: a flow with a host endpoint of the same node is left out. */
function isHostEndpoint(prepared: Prepared, address: string, node: string): boolean {
  const place = prepared.placeOf(address);
  return place?.kind === 'node' && place.node.node.name === node && place.node.endpoints.length > 0;
}

function podAt(prepared: Prepared, address: string): string | undefined {
  const place = prepared.placeOf(address);
  return place?.kind === 'pod' ? podName(place.pod) : undefined;
}

function pendingAt(
  later: Prepared,
  direction: 'ingress' | 'egress',
  of: Header,
  { source, destination, port }: Step,
): readonly string[] {
  const place = later.placeOf(direction === 'egress' ? source : destination);
  if (place?.kind !== 'pod') return [];
  const asked: Asked[] = [];
  const parties = { source: later.party(source), destination: later.party(destination) };
  const header = of.port === port ? of : { ...of, port };
  const decision = judge(later.book, later.podChains(place.pod)[direction], header, parties, asked);
  // app-policy/checker/check.go: nothing is worked out once a policy of a missing tier does not match.
  const known = new Set([...later.world.tiers.map(({ name }) => name), ...BUILT_IN]);
  const isCut = asked.some(({ policy, rule }) => rule === undefined && !known.has(policy.tier));
  return isCut ? [] : textsOf(decision, direction);
}

const BUILT_IN = ['default', 'adminnetworkpolicy', 'baselineadminnetworkpolicy'];

/** Every way to write the decision; none for one that no policy takes. */
function textsOf({ verdict, by }: Decision, direction: 'ingress' | 'egress'): readonly string[] {
  switch (by.kind) {
    case 'rule': {
      const rule = by.policy[direction].indexOf(by.rule);
      return [`${verdict} by ${nameOf(by.policy)}, rule ${String(rule)}`];
    }
    case 'endOfTier':
      return by.policies.map((policy) => `${verdict} at the end of tier ${by.tier}, of ${nameOf(policy)}`);
    case 'profile':
      return [`${verdict} by profile ${by.profile}`];
    default:
      return [];
  }
}

/** At the end of a tier, Felix names a policy of the pod, whatever selects the host endpoint. */
function textsOfHost(
  { world }: Prepared,
  decision: Decision,
  direction: 'ingress' | 'egress',
): readonly string[] {
  const { by } = decision;
  if (by.kind !== 'endOfTier') return textsOf(decision, direction);
  const policies = world.policies.filter(({ tier }) => tier === by.tier);
  return textsOf({ ...decision, by: { ...by, policies } }, direction);
}

const nameOf = ({ kind, sortName }: StoredPolicy): string =>
  `${kind.startsWith('Staged') ? 'staged ' : ''}${sortName}`;

interface Key {
  readonly node: string;
  readonly at: 'source' | 'destination';
  readonly from: string | undefined;
  readonly to: string | undefined;
  readonly protocol: number;
  readonly port: number;
}

/** Felix reads ports of TCP and UDP only (felix/collector/iptables.go). */
const WITH_PORTS: readonly number[] = [PROTOCOL.TCP, PROTOCOL.UDP];
const ELSEWHERE = 'elsewhere';

function keyOf({ node, at, from = ELSEWHERE, to = ELSEWHERE, protocol, port }: Key): string {
  const shown = WITH_PORTS.includes(protocol) ? port : 0;
  return `${node}, ${at}: ${from} → ${to}, protocol ${String(protocol)} port ${String(shown)}`;
}

/** A decision about a flow that began, as Felix logs it. */
export interface Logged {
  readonly key: string;
  readonly enforced: string;
  readonly pending: string;
}

/** Undefined for a flow that only goes on, which may be of policies that are gone. */
export function loggedOf(node: string, { from, to, protocol, port, policies }: Flow): Logged | undefined {
  if (policies === undefined || policies.started === 0) return undefined;
  const ends = { from: podOf(from), to: podOf(to) };
  return {
    key: keyOf({ node, at: policies.at, ...ends, protocol, port }),
    enforced: textOf(policies.enforced),
    pending: textOf(policies.pending),
  };
}

const podOf = (seen: Seen): string | undefined =>
  seen.kind === 'name' && seen.of === 'pod' ? `${seen.namespace ?? ''}/${seen.name}` : undefined;

/** The last policy decides. */
function textOf(hits: readonly Hit[]): string {
  const last = hits.at(-1);
  if (last === undefined) return 'nothing';
  const verdict = last.action === 'Allow' ? 'Allowed' : last.action === 'Deny' ? 'Denied' : last.action;
  if (last.kind === 'Profile') return `${verdict} by profile ${last.name}`;
  if (last.trigger !== undefined)
    return `${verdict} at the end of tier ${last.tier}, of ${sortName(last.trigger)}`;
  return `${verdict} by ${sortName(last)}, rule ${String(last.rule)}`;
}

/** Calico's name of a policy, from what flow logs say of it. */
function sortName({
  kind,
  namespace,
  name,
  tier,
}: Pick<Hit, 'kind' | 'namespace' | 'name' | 'tier'>): string {
  const staged = kind.startsWith('Staged') ? 'staged ' : '';
  if (kind === 'NetworkPolicy' || kind === 'StagedKubernetesNetworkPolicy')
    return `${staged}${namespace}/knp.default.${name}`;
  // AdminNetworkPolicies are logged as if they were GlobalNetworkPolicies with their long name.
  const own = /^kb?anp\./.test(name) ? name : `${tier}.${name}`;
  return `${staged}${namespace === '' ? '' : `${namespace}/`}${own}`;
}
