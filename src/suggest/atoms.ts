/** Rules about one pair of ends and one port each, which can be merged where all but one part is alike. */
import type { Labels } from '../simulator/world.ts';
import type { Need, Party } from './needs.ts';

/** Labels with the values that each may have. */
export type PodSet = Readonly<Record<string, readonly string[]>>;

/** The other end of a rule. */
export type Peer =
  | { readonly kind: 'pods'; readonly namespaces: readonly string[]; readonly pods: PodSet }
  | { readonly kind: 'cidr'; readonly cidr: string }
  | { readonly kind: 'peer'; readonly name: string }
  | { readonly kind: 'node'; readonly labels: Labels }
  | { readonly kind: 'entity'; readonly entity: string };

export type List = 'ingress' | 'connections' | 'egress' | 'zones';

export interface Atom {
  readonly list: List;
  /** Empty for zones. */
  readonly namespaces: readonly string[];
  /** The pods of the group: those that accept, and for egress and connections those that open. */
  readonly pods: PodSet;
  /** For connections alone. */
  readonly toPods?: PodSet;
  readonly peers: readonly Peer[];
  readonly ports: readonly (number | string)[];
  readonly nodePorts?: readonly (number | string)[];
  readonly hostPorts?: readonly (number | string)[];
  /** For zones: the labels of the node. */
  readonly node?: Labels;
  readonly needs: readonly Need[];
}

/** How far a suggestion may go beyond the addresses that were seen. */
export type Reach = 'exact' | 'peers' | 'world';

export interface Known {
  /** Peers of the firewall that are addresses, the smallest first. */
  readonly peers: readonly { readonly name: string; readonly has: (address: string) => boolean }[];
  /** The firewall has spec.nodes, so rules may open ports of nodes. */
  readonly hasNodes: boolean;
  readonly reach: Reach;
}

const HOSTNAME = 'kubernetes.io/hostname';

/** Several for several addresses. A text: why there is none. */
export function atomsFor(need: Need, known: Known): readonly Atom[] | string {
  const { from, to } = need;
  const base = { ports: [need.port], needs: [need] };
  if (to.kind === 'pods') {
    const subject = { namespaces: [to.namespace], pods: setOf(to.labels) };
    if (from.kind === 'pods' && from.namespace === to.namespace) {
      const ends = { namespaces: [from.namespace], pods: setOf(from.labels), toPods: setOf(to.labels) };
      return [{ list: 'connections', ...ends, peers: [], ...base }];
    }
    return withPeers(peersOf(from, known), (peers) => ({
      list: 'ingress',
      ...subject,
      ...throughNodes(need, peers, known),
      ...base,
    }));
  }
  if (from.kind === 'pods') {
    const subject = { namespaces: [from.namespace], pods: setOf(from.labels) };
    if (need.isApiServer)
      return [
        {
          list: 'egress',
          ...subject,
          peers: [{ kind: 'entity', entity: 'KubeAPIServer' }],
          ...base,
          ports: ['All'],
        },
      ];
    return withPeers(peersOf(to, known), (peers) => ({ list: 'egress', ...subject, peers, ...base }));
  }
  if (from.kind === 'addresses' && to.kind === 'node') {
    const hostname = to.labels[HOSTNAME];
    if (hostname === undefined) return `the Node ${to.name} has no label ${HOSTNAME}`;
    const zone = { list: 'zones', namespaces: [], pods: {}, node: { [HOSTNAME]: hostname } } as const;
    return withPeers(peersOf(from, known), (peers) => ({ ...zone, peers, ...base }));
  }
  return 'no rule of a ClusterFirewall is about flows from nodes to nodes or to the outside: look at spec.nodes';
}

/** A rule with nodePorts opens the pods to nodes, too. Without spec.nodes a rule has to name them. */
function throughNodes(
  { nodePort }: Need,
  peers: readonly Peer[],
  { hasNodes }: Known,
): Pick<Atom, 'peers' | 'nodePorts' | 'hostPorts'> {
  if (nodePort === undefined) return { peers };
  if (hasNodes) return { peers, [nodePort.list]: [nodePort.port] };
  return nodePort.masquerades ? { peers: [...peers, { kind: 'entity', entity: 'Nodes' }] } : { peers };
}

const setOf = (labels: Labels): PodSet =>
  Object.fromEntries(Object.entries(labels).map(([key, value]) => [key, [value]]));

const withPeers = (
  peers: readonly Peer[] | string,
  make: (peers: readonly Peer[]) => Atom,
): readonly Atom[] | string => (typeof peers === 'string' ? peers : [make(peers)]);

function peersOf(party: Party, known: Known): readonly Peer[] | string {
  switch (party.kind) {
    case 'pods':
      return [{ kind: 'pods', namespaces: [party.namespace], pods: setOf(party.labels) }];
    case 'node': {
      const hostname = party.labels[HOSTNAME];
      return hostname === undefined
        ? `the Node ${party.name} has no label ${HOSTNAME}`
        : [{ kind: 'node', labels: { [HOSTNAME]: hostname } }];
    }
    case 'addresses':
      return addressPeers(party, known);
  }
}

function addressPeers(
  { addresses, isMany }: Extract<Party, { readonly kind: 'addresses' }>,
  { reach }: Known,
): readonly Peer[] | string {
  if (!isMany) return addresses.map((address): Peer => ({ kind: 'cidr', cidr: single(address) }));
  return reach === 'world'
    ? [{ kind: 'entity', entity: 'World' }]
    : `it has more than ${String(addresses.length)} addresses outside: with --generalise world the rule is about World`;
}

/** A peer stands for its addresses where two of them or more were seen. */
export function withNamedPeers(atom: Atom, { peers, reach }: Known): Atom {
  if (reach === 'exact') return atom;
  const seen = atom.peers.flatMap((peer) => (peer.kind === 'cidr' ? [addressOf(peer)] : []));
  const named = atom.peers.map((peer): Peer => {
    if (peer.kind !== 'cidr') return peer;
    const found = peers.find(({ has }) => has(addressOf(peer)) && seen.filter(has).length > 1);
    return found === undefined ? peer : { kind: 'peer', name: found.name };
  });
  return { ...atom, peers: [...new Map(named.map((peer) => [JSON.stringify(peer), peer])).values()] };
}

const addressOf = ({ cidr }: Extract<Peer, { readonly kind: 'cidr' }>): string => cidr.replace(/\/.*$/, '');
const single = (address: string): string => `${address}/${address.includes(':') ? '128' : '32'}`;
