/**
 * The smallest addition to a ClusterFirewall that allows a flow: a rule about just these ends and this port. It
 * is only proposed once the simulator says that it does.
 */
import type { ClusterFirewall, Group, Spec } from '../api/schema.ts';
import { DEFAULT_FIREWALL } from '../api/schema.ts';
import type { Header } from '../simulator/packet.ts';
import type { Prepared } from '../simulator/prepared.ts';
import type { Step } from '../simulator/trail.ts';
import type { Labels, Pod, World } from '../simulator/world.ts';
import { fromLabelSelector, matchesSelector } from '../calico/selector.ts';
import type { Answer } from './ask.ts';
import { PROTOCOL_NAMES } from './packet-text.ts';
import { lastingLabels } from './pod-labels.ts';
import type { Place } from './provenance.ts';

export interface Addition {
  /** The firewall that gets it. */
  readonly firewall: string;
  /** The list that gets an entry, as `spec.namespaces[0].ingress`. */
  readonly field: string;
  readonly entry: object;
  /** The place of the list, or of its nearest parent. */
  readonly place?: Place;
}

export interface Candidate {
  readonly addition: Addition;
  readonly firewalls: readonly ClusterFirewall[];
}

interface Flow {
  readonly from: Party;
  readonly to: Party;
  readonly port: number | string;
}

type Party =
  | { readonly kind: 'pod'; readonly pod: Pod }
  | { readonly kind: 'node'; readonly name: string; readonly labels: Labels }
  | { readonly kind: 'address'; readonly cidr: string };

/** Additions that may allow the flow, the smallest first. */
export function candidatesFor(
  prepared: Prepared,
  { from, to, header, outcome }: Answer,
  firewalls: readonly ClusterFirewall[],
): readonly Candidate[] {
  const port = portOf(header, outcome.decisive.port);
  const destination = partyAt(prepared, to, outcome.decisive);
  const source = partyOf(from);
  if (port === undefined || source === undefined || destination === undefined) return [];
  // A rule about {} would be one about every pod of the namespace.
  const isNameless = (party: Party): boolean =>
    party.kind === 'pod' && Object.keys(lastingLabels(party.pod)).length === 0;
  if (isNameless(source) || isNameless(destination)) return [];
  const flow: Flow = { from: source, to: destination, port };
  return [...ruleFor(flow, firewalls, prepared.world), ...zoneFor(flow, firewalls)];
}

function portOf({ protocol }: Header, port: number): number | string | undefined {
  const name = PROTOCOL_NAMES.get(protocol) ?? '';
  if (name === 'TCP') return port;
  if (name.startsWith('ICMP')) return 'ICMP';
  return name === 'UDP' || name === 'SCTP' ? `${String(port)}/${name}` : undefined;
}

function partyOf(end: Answer['from']): Party | undefined {
  switch (end.kind) {
    case 'pod':
      return end;
    case 'node':
      return { kind: 'node', name: end.node.node.name, labels: end.node.node.labels };
    case 'outside':
      return end.class === undefined ? { kind: 'address', cidr: single(end.address) } : undefined;
    case 'service':
      return undefined;
  }
}

const single = (address: string): string => `${address}/${address.includes(':') ? '128' : '32'}`;

/** A Service stands for the pod or node behind it. */
function partyAt(prepared: Prepared, to: Answer['to'], { destination }: Step): Party | undefined {
  const own = partyOf(to);
  if (own?.kind === 'pod' || own?.kind === 'address') return own;
  const place = prepared.placeOf(destination);
  if (place?.kind === 'pod') return place;
  return place?.kind === 'node'
    ? { kind: 'node', name: place.node.node.name, labels: place.node.node.labels }
    : own;
}

const HOSTNAME = 'kubernetes.io/hostname';
const NAMESPACE_NAME = 'kubernetes.io/metadata.name';

/** The other end of a rule. Undefined where the API cannot name it alone. */
function peerOf(party: Party): object | undefined {
  switch (party.kind) {
    case 'pod':
      return {
        pods: {
          namespaceSelector: { matchLabels: { [NAMESPACE_NAME]: party.pod.namespace } },
          podSelector: { matchLabels: lastingLabels(party.pod) },
        },
      };
    case 'address':
      return { ipBlock: { cidr: party.cidr } };
    case 'node':
      return party.labels[HOSTNAME] === undefined
        ? undefined
        : { nodes: { matchLabels: { [HOSTNAME]: party.labels[HOSTNAME] } } };
  }
}

function ruleFor(
  { from, to, port }: Flow,
  firewalls: readonly ClusterFirewall[],
  world: World,
): readonly Candidate[] {
  const name = ruleName(from, to);
  const ports = [port];
  if (from.kind === 'pod' && to.kind === 'pod' && from.pod.namespace === to.pod.namespace) {
    const ends = { fromPods: selector(from.pod), toPods: selector(to.pod) };
    return inGroup(firewalls, world, to.pod.namespace, 'connections', { name, ...ends, ports });
  }
  if (to.kind === 'pod') {
    const peer = peerOf(from);
    if (peer === undefined) return [];
    return inGroup(firewalls, world, to.pod.namespace, 'ingress', {
      name,
      pods: selector(to.pod),
      from: [peer],
      ports,
    });
  }
  const peer = peerOf(to);
  if (from.kind !== 'pod' || peer === undefined) return [];
  return inGroup(firewalls, world, from.pod.namespace, 'egress', {
    name,
    pods: selector(from.pod),
    to: [peer],
    ports,
  });
}

const selector = (pod: Pod): object => ({ matchLabels: lastingLabels(pod) });

type List = 'ingress' | 'connections' | 'egress';

/** In the group of the namespace, or in a new one. */
function inGroup(
  firewalls: readonly ClusterFirewall[],
  world: World,
  namespace: string,
  list: List,
  entry: object,
): readonly Candidate[] {
  const labels = world.namespaces.find(({ name }) => name === namespace)?.labels ?? {};
  for (const firewall of firewalls) {
    const groups = firewall.spec.namespaces ?? [];
    const index = groups.findIndex((group) => isOnlyFor(group, namespace, labels));
    if (index < 0) continue;
    const group = groups[index];
    const changed = { ...group, [list]: [...(group?.[list] ?? []), entry] };
    const spec = { ...firewall.spec, namespaces: groups.with(index, changed as Group) };
    const field = `spec.namespaces[${String(index)}].${list}`;
    return [candidate(firewalls, firewall, spec, { field, entry })];
  }
  const main = firewalls.find(({ metadata }) => metadata.name === DEFAULT_FIREWALL);
  if (main === undefined) return [];
  const group = { name: namespace.slice(0, 63), namespaces: [namespace], [list]: [entry] };
  const spec = { ...main.spec, namespaces: [...(main.spec.namespaces ?? []), group as Group] };
  return [candidate(firewalls, main, spec, { field: 'spec.namespaces', entry: group })];
}

/** A rule in a group of several namespaces would open more than the flow. */
function isOnlyFor({ namespaces, namespaceSelector }: Group, namespace: string, labels: Labels): boolean {
  if (namespaces !== undefined) return namespaces.length === 1 && namespaces[0] === namespace;
  return (
    namespaceSelector?.matchLabels?.[NAMESPACE_NAME] === namespace &&
    matchesSelector(fromLabelSelector(namespaceSelector), labels)
  );
}

function zoneFor({ from, to, port }: Flow, firewalls: readonly ClusterFirewall[]): readonly Candidate[] {
  const main = firewalls.find(({ metadata }) => metadata.name === DEFAULT_FIREWALL);
  const nodes = main?.spec.nodes;
  if (main === undefined || nodes === undefined || to.kind !== 'node' || port === 'ICMP') return [];
  const hostname = to.labels[HOSTNAME];
  const where = hostname === undefined ? {} : { nodeSelector: { matchLabels: { [HOSTNAME]: hostname } } };
  if (from.kind !== 'address') return [];
  const entry = {
    name: ruleName(from, to),
    from: [{ ipBlock: { cidr: from.cidr } }],
    ...where,
    allow: { ports: [port] },
  };
  const zones = [...(nodes.zones ?? []), entry] as NonNullable<Spec['nodes']>['zones'];
  const spec = { ...main.spec, nodes: { ...nodes, zones } };
  return [candidate(firewalls, main, spec, { field: 'spec.nodes.zones', entry })];
}

const candidate = (
  firewalls: readonly ClusterFirewall[],
  changed: ClusterFirewall,
  spec: Spec,
  addition: Omit<Addition, 'firewall'>,
): Candidate => ({
  addition: { firewall: changed.metadata.name, ...addition },
  firewalls: firewalls.map((each) => (each === changed ? { ...each, spec } : each)),
});

/** A DNS label. */
function ruleName(from: Party, to: Party): string {
  const text = `${partyName(from)}-to-${partyName(to)}`.toLowerCase().replace(/[^a-z0-9]+/g, '-');
  return text.slice(0, 63).replace(/^-+|-+$/g, '') || 'rule';
}

function partyName(party: Party): string {
  switch (party.kind) {
    case 'pod': {
      const labels = lastingLabels(party.pod);
      return labels['app.kubernetes.io/name'] ?? labels['app'] ?? labels['k8s-app'] ?? party.pod.namespace;
    }
    case 'node':
      return party.name;
    case 'address':
      return party.cidr.replace(/\/.*$/, '');
  }
}
