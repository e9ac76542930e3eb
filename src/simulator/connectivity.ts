/** The verdicts about every packet between two parties, cell by cell. */
import type { Cell } from './cells.ts';
import { unknown, type Decision, type Verdict } from './decision.ts';
import { familyOf, type Header } from './packet.ts';
import type { Member, Pair } from './pairs.ts';
import { PodChains } from './pod-chains.ts';
import type { Prepared, PreparedNode } from './prepared.ts';
import type { Outcome, Step } from './trail.ts';
import { walk, type Origin } from './walk.ts';
import { WayKeys, type End } from './way-keys.ts';

/** A place on the way of a packet, and its decision. */
export type Judged = Pick<Step, 'layer' | 'decision'>;

/** Equal verdicts about the cells of one family are one object. */
interface Verdicts {
  readonly number: number;
  readonly all: readonly Verdict[];
  /** These of a source's chain, with those of a destination's by number. */
  readonly before: (readonly Verdict[] | undefined)[];
}

interface Decided {
  readonly number: number;
  readonly all: readonly Decision[];
}

/** Answers for one world. It remembers what many pairs share. */
export class Connectivity {
  readonly prepared: Prepared;
  readonly #cells: Readonly<Record<4 | 6, readonly Cell[]>>;
  readonly #isPlain: boolean;
  readonly #verdicts: PodChains<Verdicts>;
  readonly #decisions: PodChains<Decided>;
  readonly #interned = new Map<string, Verdicts>();
  readonly #ways = new Map<string, readonly (readonly Judged[])[]>();
  readonly #keys: WayKeys;
  readonly #walked = new Map<string, readonly Verdict[]>();
  readonly #ends = new WeakMap<Member, Partial<Record<4 | 6, End>>>();

  constructor(prepared: Prepared, cells: Readonly<Record<4 | 6, readonly Cell[]>>) {
    this.prepared = prepared;
    this.#cells = cells;
    const { world } = prepared;
    const nodes = world.nodes.flatMap(({ name }) => prepared.node(name) ?? []);
    this.#isPlain =
      world.hostEndpoints.length === 0 &&
      world.lacks.length === 0 &&
      nodes.every(({ unknown }) => unknown === undefined);
    this.#verdicts = new PodChains(prepared, cells, (decisions, family) =>
      this.#intern(
        family,
        decisions.map(({ verdict }) => verdict),
      ),
    );
    this.#keys = new WayKeys(prepared, this.#verdicts);
    let numbers = 0;
    this.#decisions = new PodChains(prepared, cells, (all) => ({ number: numbers++, all }));
  }

  /**
   * One verdict for each cell. Equal ones of a family are one object. Undefined where the pair has no addresses of the
   * family.
   */
  verdicts(from: Member, to: Member, family: 4 | 6): readonly Verdict[] | undefined {
    const [a, b] = [this.#endOf(from, family), this.#endOf(to, family)];
    if (a === undefined || b === undefined) return undefined;
    const isChained = this.#isPlain && a.inPod !== undefined && b.inPod !== undefined;
    if (!isChained) return this.#walkedVerdicts({ from, to }, a, b);
    if (a.inPod === 'nowhere' || b.inPod === 'nowhere')
      return this.#intern(
        family,
        this.#cells[family].map(() => NO_WAY.decision.verdict),
      ).all;
    const egress = this.#verdicts.decided('egress', a.inPod, b.inPod);
    const ingress = this.#verdicts.decided('ingress', a.inPod, b.inPod);
    return (egress.before[ingress.number] ??= this.#intern(
      family,
      egress.all.map((verdict, index) =>
        verdict === 'Allowed' ? (ingress.all[index] ?? 'Unknown') : verdict,
      ),
    ).all);
  }

  #walkedVerdicts(pair: Pair, a: End, b: End): readonly Verdict[] {
    const key = this.#keys.keyOf(a, b);
    const known = key === undefined ? undefined : this.#walked.get(key);
    if (known !== undefined) return known;
    const cells = this.#cells[a.family];
    const { all } = this.#intern(
      a.family,
      cells.map(({ header }) => this.follow(pair, header)?.verdict ?? 'Unknown'),
    );
    if (this.#walked.size >= MOST_WALKED) this.#walked.clear();
    if (key !== undefined) this.#walked.set(key, all);
    return all;
  }

  #intern(family: 4 | 6, all: readonly Verdict[]): Verdicts {
    const text = `${String(family)} ${all.map((verdict) => verdict[0]).join('')}`;
    const known = this.#interned.get(text) ?? { number: this.#interned.size, all, before: [] };
    this.#interned.set(text, known);
    return known;
  }

  /**
   * The places that judge a packet of each cell, in order; the last one decides. Pairs with the same answer share
   * one object where that is cheap. Undefined where the pair has no addresses of the family.
   */
  ways(from: Member, to: Member, family: 4 | 6): readonly (readonly Judged[])[] | undefined {
    const cells = this.#cells[family];
    const [a, b] = [this.#endOf(from, family), this.#endOf(to, family)];
    if (a === undefined || b === undefined) return undefined;
    if (!this.#isPlain || a.inPod === undefined || b.inPod === undefined)
      return cells.map(({ header }) => this.follow({ from, to }, header)?.steps ?? [NO_WAY]);
    if (a.inPod === 'nowhere' || b.inPod === 'nowhere') return cells.map(() => [NO_WAY]);
    const egress = this.#decisions.decided('egress', a.inPod, b.inPod);
    const ingress = this.#decisions.decided('ingress', a.inPod, b.inPod);
    const key = `${String(egress.number)} ${String(ingress.number)}`;
    const ways =
      this.#ways.get(key) ??
      egress.all.map((decision, index): readonly Judged[] => {
        const first = { layer: 'pod egress', decision } as const;
        const second = ingress.all[index];
        return decision.verdict === 'Allowed' && second !== undefined
          ? [first, { layer: 'pod ingress', decision: second }]
          : [first];
      });
    if (this.#ways.size >= MOST_WAYS) this.#ways.clear();
    this.#ways.set(key, ways);
    return ways;
  }

  /** Undefined where an end has no address of the family. */
  follow({ from, to }: Pair, header: Header, explain = false): Outcome | undefined {
    const { family, port } = header;
    const source = this.#endOf(from, family)?.address;
    const destination = this.#endOf(to, family)?.address;
    if (source === undefined || destination === undefined) return undefined;
    const hop = { source: from.kind === 'node' ? '' : source, destination, port };
    const origin = this.#originOf(from, to);
    return origin && walk(this.prepared, origin, header, hop, { explain });
  }

  #endOf(member: Member, family: 4 | 6): End | undefined {
    const known = this.#ends.get(member) ?? {};
    if (family in known) return known[family];
    const end = this.#newEnd(member, family);
    this.#ends.set(member, { ...known, [family]: end });
    return end;
  }

  #newEnd(member: Member, family: 4 | 6): End | undefined {
    const ownIn = (addresses: readonly string[] = []): string | undefined =>
      addresses.find((each) => familyOf(each) === family);
    if (member.kind === 'outside') {
      const address = ownIn([member.address]);
      return address === undefined ? undefined : { address, family };
    }
    if (member.kind === 'node') {
      const node = this.prepared.node(member.name);
      const address = ownIn(node?.node.addresses);
      return node === undefined || address === undefined ? undefined : { address, family, node };
    }
    const pod = this.prepared.pod(member.name);
    const address = ownIn(pod?.addresses);
    if (pod === undefined || address === undefined) return undefined;
    const node = this.prepared.node(pod.node);
    return { address, family, inPod: node === undefined ? 'nowhere' : { pod, address, family, node } };
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
}

/* Bounds of memory. Where every pair has an answer of its own, nothing is shared, and all of them are gigabytes. */
const MOST_WALKED = 200_000;
const MOST_WAYS = 2_000;

const NO_WAY: Judged = { layer: 'delivery', decision: unknown('the node of a pod is missing') };

const asOrigin = (kind: 'node', node: PreparedNode | undefined): Origin | undefined => node && { kind, node };
