/** Writes merged atoms as rules of the API. */
import type { Labels } from '../simulator/world.ts';
import type { Atom, Peer, PodSet } from './atoms.ts';

const NAMESPACE_NAME = 'kubernetes.io/metadata.name';

/** A rule or a zone. The schema's own types have mutable lists. */
export interface Entry {
  readonly name: string;
  readonly [field: string]: unknown;
}

export function entryOf(atom: Atom, name: string): Entry {
  const { list, pods, toPods, peers, ports, nodePorts, hostPorts, node } = atom;
  const others = peers.map(peerEntry);
  switch (list) {
    case 'connections':
      return { name, fromPods: selectorOf(pods), toPods: selectorOf(toPods ?? {}), ports };
    case 'ingress':
      return {
        name,
        pods: selectorOf(pods),
        from: others,
        ports,
        ...(nodePorts !== undefined && { nodePorts }),
        ...(hostPorts !== undefined && { hostPorts }),
      };
    case 'egress':
      return { name, pods: selectorOf(pods), to: others, ports };
    case 'zones':
      return { name, from: others, allow: { ports }, nodeSelector: { matchLabels: node } };
  }
}

function peerEntry(peer: Peer): object {
  switch (peer.kind) {
    case 'pods':
      return {
        pods: {
          namespaceSelector: selectorOf({ [NAMESPACE_NAME]: peer.namespaces }),
          podSelector: selectorOf(peer.pods),
        },
      };
    case 'cidr':
      return { ipBlock: { cidr: peer.cidr } };
    case 'peer':
      return { peer: peer.name };
    case 'node':
      return { nodes: { matchLabels: peer.labels } };
    case 'entity':
      return { entity: peer.entity };
  }
}

function selectorOf(set: PodSet): object {
  const single: Record<string, string> = {};
  const several: object[] = [];
  for (const [key, values] of Object.entries(set)) {
    const [only, ...others] = values;
    if (only !== undefined && others.length === 0) single[key] = only;
    else several.push({ key, operator: 'In', values });
  }
  return {
    ...(Object.keys(single).length > 0 && { matchLabels: single }),
    ...(several.length > 0 && { matchExpressions: several }),
  };
}

/** A DNS label that says who reaches whom. It is none of `taken`. */
export function nameFor(atom: Atom, taken: ReadonlySet<string>): string {
  const [need] = atom.needs;
  const text = need === undefined ? 'rule' : `${partyWord(need.from)}-to-${partyWord(need.to)}`;
  const slug = text
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .slice(0, 55)
    .replace(/^-+|-+$/g, '');
  for (let number = 1; ; number++) {
    const name = `${slug}${number === 1 ? '' : `-${String(number)}`}`;
    if (!taken.has(name)) return name;
  }
}

function partyWord(party: Atom['needs'][number]['from']): string {
  switch (party.kind) {
    case 'pods':
      return wordOf(party.labels) ?? party.namespace;
    case 'node':
      return party.name;
    case 'addresses':
      return party.addresses.length === 1 ? (party.addresses[0] ?? 'outside') : 'outside';
  }
}

const wordOf = (labels: Labels): string | undefined =>
  ['app.kubernetes.io/name', 'app', 'k8s-app', 'app.kubernetes.io/instance'].flatMap(
    (key) => labels[key] ?? [],
  )[0] ?? Object.values(labels)[0];
