/** The verdicts about every packet between two parties, cell by cell. */
import { PROTOCOL } from '../calico/read/protocols.ts';
import type { Cell } from './cells.ts';
import { judge } from './chains.ts';
import { TUNNEL_OF_POD, unknown, type Decision, type Verdict } from './decision.ts';
import { familyOf, type Header } from './packet.ts';
import type { Party } from './parties.ts';
import type { Prepared, PreparedNode } from './prepared.ts';
import { walk, type Origin } from './walk.ts';
import type { Outcome, Step } from './trail.ts';
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

/** A place on the way of a packet, and its decision. */
export type Judged = Pick<Step, 'layer' | 'decision'>;

/** The decisions about a packet of each cell: when it leaves a pod, and when it reaches another. */
interface Chained {
  /** Equal for pairs that share both. */
  readonly key: string;
  readonly egress: readonly Decision[];
  readonly ingress: readonly Decision[];
}

/** Answers for one world. It remembers what many pairs share. */
export class Connectivity {
  readonly prepared: Prepared;
  readonly #cells: Readonly<Record<4 | 6, readonly Cell[]>>;
  readonly #isPlain: boolean;
  readonly #usesOwnEnd: boolean;
  readonly #signatures = new Map<string, number>();
  readonly #subjects = new Map<string, number>();
  readonly #keys = new Map<Pod, readonly [number, number, number]>();
  readonly #known = new Map<string, readonly Decision[]>();
  readonly #ways = new Map<string, readonly (readonly Judged[])[]>();

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
    if (!this.#hasFamily(from, family) || !this.#hasFamily(to, family)) return undefined;
    const chained = this.#betweenPods(from, to, family, cells);
    if (chained === undefined)
      return cells.map(({ header }) => this.follow({ from, to }, header)?.verdict ?? 'Unknown');
    const { egress, ingress } = chained;
    return egress.map(({ verdict }, index) =>
      verdict === 'Allowed' ? (ingress[index]?.verdict ?? 'Unknown') : verdict,
    );
  }

  /**
   * The places that judge a packet of each cell, in order; the last one decides. Pairs with the same answer share
   * one object where that is cheap. Undefined where the pair has no addresses of the family.
   */
  ways({ from, to }: Pair, family: 4 | 6): readonly (readonly Judged[])[] | undefined {
    const cells = this.#cells[family];
    if (!this.#hasFamily(from, family) || !this.#hasFamily(to, family)) return undefined;
    const chained = this.#betweenPods(from, to, family, cells);
    if (chained === undefined)
      return cells.map(({ header }) => this.follow({ from, to }, header)?.steps ?? [NO_WAY]);
    const { key, egress, ingress } = chained;
    const ways =
      this.#ways.get(key) ??
      egress.map((decision, index): readonly Judged[] => {
        const first = { layer: 'pod egress', decision } as const;
        const second = ingress[index];
        return decision.verdict === 'Allowed' && second !== undefined
          ? [first, { layer: 'pod ingress', decision: second }]
          : [first];
      });
    this.#ways.set(key, ways);
    return ways;
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
   * other end alone. Pairs that share both share the answer. Undefined where more than that counts.
   */
  #betweenPods(from: Member, to: Member, family: 4 | 6, cells: readonly Cell[]): Chained | undefined {
    const [a, b] = [this.#podOf(from), this.#podOf(to)];
    if (!this.#isPlain || a === undefined || b === undefined) return undefined;
    const source = this.#addressOf(from, family);
    const destination = this.#addressOf(to, family);
    if (source === undefined || destination === undefined) return undefined;
    const node = this.prepared.node(a.node);
    if (node === undefined || this.prepared.node(b.node) === undefined)
      return { key: `no node ${String(family)}`, egress: cells.map(() => NO_WAY.decision), ingress: [] };
    const [ofA, ofB] = [this.#keyOf(a), this.#keyOf(b)];
    const own = (key: number): string => (this.#usesOwnEnd ? String(key) : '');
    const parties = { source: this.prepared.party(source), destination: this.prepared.party(destination) };
    const ask = (key: string, pod: Pod, direction: 'ingress' | 'egress'): readonly Decision[] => {
      const known = this.#known.get(key);
      if (known !== undefined) return known;
      const chain = this.prepared.podChains(pod)[direction];
      const found = cells.map(({ header }) => {
        const isMade = direction === 'egress' && isTunnel(node, header);
        return isMade ? TUNNEL_OF_POD : judge(this.prepared.book, chain, header, parties);
      });
      this.#known.set(key, found);
      return found;
    };
    const tunnels = `${String(node.settings.vxlanPort)}${String(node.settings.allowsVxlanFromWorkloads)}${String(node.settings.allowsIpipFromWorkloads)}`;
    const egress = `e${String(family)} ${String(ofA[0])} ${String(ofB[1])} ${own(ofA[1])} ${tunnels}`;
    const ingress = `i${String(family)} ${String(ofB[0])} ${String(ofA[1])} ${own(ofB[1])} ${String(ofB[2])}`;
    return {
      key: `${egress} ${ingress}`,
      egress: ask(egress, a, 'egress'),
      ingress: ask(ingress, b, 'ingress'),
    };
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

const NO_WAY: Judged = { layer: 'delivery', decision: unknown('the node of a pod is missing') };

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
