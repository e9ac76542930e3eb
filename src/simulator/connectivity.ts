/** The verdicts about every packet between two parties, cell by cell. */
import { PROTOCOL } from '../calico/read/protocols.ts';
import type { Cell } from './cells.ts';
import { judge } from './chains.ts';
import type { Verdict } from './decision.ts';
import { familyOf, type Header } from './packet.ts';
import type { Party } from './parties.ts';
import type { Prepared, PreparedNode } from './prepared.ts';
import { walk, type Origin } from './walk.ts';
import type { Outcome } from './trail.ts';
import type { Pod } from './world.ts';

/** Where both ends are, for parties of several members. */
export type Placement = 'same node' | 'other nodes' | 'anywhere';

/** One member of each party. */
export interface Pair {
  readonly from: Member;
  readonly to: Member;
}

export type Member =
  | { readonly kind: 'pod'; readonly name: string }
  | { readonly kind: 'node'; readonly name: string }
  | { readonly kind: 'outside'; readonly address: string };

/** Answers for one world. It remembers what many pairs share. */
export class Connectivity {
  readonly prepared: Prepared;
  readonly #cells: Readonly<Record<4 | 6, readonly Cell[]>>;
  readonly #isPlain: boolean;
  readonly #usesOwnEnd: boolean;
  readonly #signatures = new Map<string, number>();
  readonly #subjects = new Map<string, number>();
  readonly #keys = new Map<Pod, readonly [number, number, number]>();
  readonly #known = new Map<string, readonly Verdict[]>();

  constructor(prepared: Prepared, cells: Readonly<Record<4 | 6, readonly Cell[]>>) {
    this.prepared = prepared;
    this.#cells = cells;
    const { world } = prepared;
    const nodes = world.nodes.flatMap(({ name }) => prepared.node(name) ?? []);
    this.#isPlain =
      world.hostEndpoints.length === 0 &&
      world.lacks.length === 0 &&
      nodes.every(({ unknown }) => unknown === undefined);
    const rules = prepared.policies.map(({ policy }) => policy);
    const isBare = (end: (typeof rules)[number]['ingress'][number]['source']): boolean =>
      end.nets.length + end.notNets.length === 0 &&
      [end.selector, end.notSelector, end.service].every((each) => each === undefined);
    this.#usesOwnEnd = rules.some(
      ({ ingress, egress }) =>
        egress.some(({ source }) => !isBare(source)) ||
        ingress.some(({ destination }) => !isBare(destination)),
    );
  }

  /** One verdict for each cell. Undefined where the pair has no addresses of the family. */
  verdicts({ from, to }: Pair, family: 4 | 6): readonly Verdict[] | undefined {
    const cells = this.#cells[family];
    const pods = [this.#podOf(from), this.#podOf(to)] as const;
    if (this.#isPlain && pods[0] !== undefined && pods[1] !== undefined)
      return this.#betweenPods(pods[0], pods[1], family, cells);
    if (!this.#hasFamily(from, family) || !this.#hasFamily(to, family)) return undefined;
    return cells.map(({ header }) => this.follow({ from, to }, header)?.verdict ?? 'Unknown');
  }

  /** Undefined where an end has no address of the family. */
  follow({ from, to }: Pair, header: Header, explain = false): Outcome | undefined {
    const { family, port } = header;
    const source = this.#addressOf(from, family);
    const destination = this.#addressOf(to, family);
    if (source === undefined || destination === undefined) return undefined;
    const hop = { source: from.kind === 'node' ? '' : source, destination, port };
    const origin = this.#originOf(from, to);
    return origin && walk(this.prepared, origin, header, hop, { explain });
  }

  #podOf(member: Member): Pod | undefined {
    return member.kind === 'pod' ? this.prepared.pod(member.name) : undefined;
  }

  #hasFamily(member: Member, family: 4 | 6): boolean {
    return this.#addressOf(member, family) !== undefined;
  }

  #addressOf(member: Member, family: 4 | 6): string | undefined {
    const addresses =
      member.kind === 'pod'
        ? (this.prepared.pod(member.name)?.addresses ?? [])
        : member.kind === 'node'
          ? (this.prepared.node(member.name)?.node.addresses ?? [])
          : [member.address];
    return addresses.find((each) => familyOf(each) === family);
  }

  #originOf(from: Member, to: Member): Origin | undefined {
    if (from.kind === 'pod') {
      const pod = this.prepared.pod(from.name);
      return pod && { kind: 'pod', pod };
    }
    if (from.kind === 'node') return asOrigin('node', this.prepared.node(from.name));
    const name =
      to.kind === 'pod' ? this.prepared.pod(to.name)?.node : to.kind === 'node' ? to.name : undefined;
    const at = this.prepared.node(name ?? '');
    return at && { kind: 'outside', at };
  }

  /**
   * Without host endpoints the verdict is that of two chains, and each depends on its own policies and on the
   * other end alone. Pairs that share both share the answer.
   */
  #betweenPods(a: Pod, b: Pod, family: 4 | 6, cells: readonly Cell[]): readonly Verdict[] | undefined {
    const [source, destination] = [a, b].map((pod) =>
      pod.addresses.find((each) => familyOf(each) === family),
    );
    if (source === undefined || destination === undefined) return undefined;
    const node = this.prepared.node(a.node);
    if (node === undefined || this.prepared.node(b.node) === undefined) return cells.map(() => 'Unknown');
    const [ofA, ofB] = [this.#keyOf(a), this.#keyOf(b)];
    const own = (key: number): string => (this.#usesOwnEnd ? String(key) : '');
    const parties = { source: this.prepared.party(source), destination: this.prepared.party(destination) };
    const ask = (key: string, pod: Pod, direction: 'ingress' | 'egress'): readonly Verdict[] => {
      const known = this.#known.get(key);
      if (known !== undefined) return known;
      const chain = this.prepared.podChains(pod)[direction];
      const found = cells.map(({ header }): Verdict => {
        const isMade = direction === 'egress' && isTunnel(node, header);
        return isMade ? 'Denied' : judge(this.prepared.book, chain, header, parties).verdict;
      });
      this.#known.set(key, found);
      return found;
    };
    const tunnels = `${String(node.settings.vxlanPort)}${String(node.settings.allowsVxlanFromWorkloads)}${String(node.settings.allowsIpipFromWorkloads)}`;
    const egress = ask(
      `e${String(family)} ${String(ofA[0])} ${String(ofB[1])} ${own(ofA[1])} ${tunnels}`,
      a,
      'egress',
    );
    const ingress = ask(
      `i${String(family)} ${String(ofB[0])} ${String(ofA[1])} ${own(ofB[1])} ${String(ofB[2])}`,
      b,
      'ingress',
    );
    return egress.map((verdict, index) => (verdict === 'Allowed' ? (ingress[index] ?? 'Unknown') : verdict));
  }

  /** Numbers of its policies, of its addresses, and of its named ports. */
  #keyOf(pod: Pod): readonly [number, number, number] {
    const known = this.#keys.get(pod);
    if (known !== undefined) return known;
    const signature = pod.addresses.map((address) => this.prepared.signature(address)).join(' | ');
    const ports = pod.ports
      .map(({ name, protocol, port }) => `${name} ${String(protocol)} ${String(port)}`)
      .join();
    const key = [
      numberOf(this.#subjects, this.prepared.subjectOf(pod)),
      numberOf(this.#signatures, signature),
      numberOf(this.#signatures, `ports ${ports}`),
    ] as const;
    this.#keys.set(pod, key);
    return key;
  }
}

const asOrigin = (kind: 'node', node: PreparedNode | undefined): Origin | undefined => node && { kind, node };

const IPIP = 4;

function isTunnel({ settings }: PreparedNode, { protocol, port }: Header): boolean {
  if (protocol === IPIP) return !settings.allowsIpipFromWorkloads;
  return protocol === PROTOCOL.UDP && port === settings.vxlanPort && !settings.allowsVxlanFromWorkloads;
}

function numberOf(numbers: Map<string, number>, text: string): number {
  const known = numbers.get(text);
  if (known !== undefined) return known;
  numbers.set(text, numbers.size);
  return numbers.size - 1;
}

/** Members that stand for all pairs of two parties, one for each placement that may matter. */
export function pairsOf(
  prepared: Prepared,
  from: Party,
  to: Party,
): readonly { readonly placement: Placement; readonly pair: Pair }[] {
  if (from.kind === 'outside' || to.kind === 'outside') {
    if (from.kind === to.kind) return [];
    return [{ placement: 'anywhere', pair: { from: firstOf(from), to: firstOf(to) } }];
  }
  const isAnywhere = from.kind === 'pods' && to.kind === 'pods' && prepared.world.hostEndpoints.length === 0;
  if (isAnywhere) {
    const pair = findPair(prepared, from, to, undefined);
    return pair === undefined ? [] : [{ placement: 'anywhere', pair }];
  }
  return (['same node', 'other nodes'] as const).flatMap((placement) => {
    const pair = findPair(prepared, from, to, placement);
    return pair === undefined ? [] : [{ placement, pair }];
  });
}

function firstOf(party: Party): Member {
  switch (party.kind) {
    case 'pods':
      return { kind: 'pod', name: party.names[0] };
    case 'nodes':
      return { kind: 'node', name: party.names[0] };
    case 'outside':
      return { kind: 'outside', address: party.class.example };
  }
}

type Inside = Exclude<Party, { readonly kind: 'outside' }>;

/** Two members that are not the same. */
function findPair(
  prepared: Prepared,
  from: Inside,
  to: Inside,
  placement: 'same node' | 'other nodes' | undefined,
): Pair | undefined {
  const nodeOf = (kind: Inside['kind'], name: string): string | undefined =>
    kind === 'nodes' ? name : prepared.pod(name)?.node;
  const member = (kind: Inside['kind'], name: string): Member => ({
    kind: kind === 'pods' ? 'pod' : 'node',
    name,
  });
  const targets = Map.groupBy(to.names, (name) => nodeOf(to.kind, name));
  for (const name of from.names) {
    const node = nodeOf(from.kind, name);
    const found =
      placement === undefined
        ? to.names.find((each) => each !== name)
        : placement === 'same node'
          ? targets.get(node)?.find((each) => from.kind !== to.kind || each !== name)
          : [...targets].find(([of]) => of !== node)?.[1][0];
    if (found !== undefined) return { from: member(from.kind, name), to: member(to.kind, found) };
  }
  return undefined;
}
