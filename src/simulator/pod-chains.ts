/**
 * The decisions of pods' chains about a packet of each cell. A chain says the same of two ends that its rules do
 * not tell apart, and two pods with the same policies have the same chain, so few decisions are about all pairs.
 */
import { PROTOCOL } from '../calico/read/protocols.ts';
import type { Cell } from './cells.ts';
import { judge, type Chain, type Direction } from './chains.ts';
import { TUNNEL_OF_POD, type Decision } from './decision.ts';
import type { Prepared, PreparedNode } from './prepared.ts';
import { aspectOf, type Aspect, type End } from './rules.ts';
import type { Pod } from './world.ts';
import type { StoredPolicy } from '../calico/read/policy.ts';

/** A pod, and its address of the family that a question is about. */
export interface PodEnd {
  readonly pod: Pod;
  readonly address: string;
  readonly family: 4 | 6;
  readonly node: PreparedNode;
}

/** Pods whose chain decides alike. */
interface Judge<T> {
  readonly number: number;
  readonly chain: Chain;
  /** About the other end. */
  readonly aspect: Aspect;
  readonly byAnswers: Map<string, T>;
  /** Its indexes are numbers of signatures of the other end. */
  readonly bySignature: (T | undefined)[];
}

/** Answers by signature are a shortcut, which a very large cluster has for some of its pairs. */
const MOST_SHORTCUTS = 8_000_000;

const SIDES = {
  egress: { own: 'source', other: 'destination' },
  ingress: { own: 'destination', other: 'source' },
} as const satisfies Readonly<Record<Direction, Readonly<Record<'own' | 'other', End>>>>;

/** @typeParam T what a caller makes of the decisions about all cells, once for all pairs that share them */
export class PodChains<T> {
  readonly #prepared: Prepared;
  readonly #cells: Readonly<Record<4 | 6, readonly Cell[]>>;
  readonly #make: (decisions: readonly Decision[], family: 4 | 6) => T;
  readonly #aspects = new Map<string, Readonly<Record<End, Aspect>>>();
  readonly #keys = new WeakMap<Chain, string>();
  readonly #policies = new Map<StoredPolicy, number>();
  readonly #judges = new Map<string, Judge<T>>();
  readonly #ofEnds = { egress: new WeakMap<PodEnd, Judge<T>>(), ingress: new WeakMap<PodEnd, Judge<T>>() };
  readonly #signatures = new Map<string, number>();
  readonly #signaturesOf = new WeakMap<PodEnd, number>();
  #shortcuts = 0;

  constructor(
    prepared: Prepared,
    cells: Readonly<Record<4 | 6, readonly Cell[]>>,
    make: (decisions: readonly Decision[], family: 4 | 6) => T,
  ) {
    this.#prepared = prepared;
    this.#cells = cells;
    this.#make = make;
  }

  /** The egress is that of the source, the ingress that of the destination. */
  decided(direction: Direction, from: PodEnd, to: PodEnd): T {
    const [own, other] = direction === 'egress' ? [from, to] : [to, from];
    const judge = this.judgeOf(direction, own);
    const signature = this.#signatureOf(other);
    const known = judge.bySignature[signature];
    if (known !== undefined) return known;
    const answers = this.#prepared.book.answers(judge.aspect, this.#prepared.party(other.address));
    const found = judge.byAnswers.get(answers) ?? this.#make(this.#judged(direction, from, to), from.family);
    judge.byAnswers.set(answers, found);
    if (this.#shortcuts < MOST_SHORTCUTS) {
      judge.bySignature[signature] = found;
      this.#shortcuts++;
    }
    return found;
  }

  #judged(direction: Direction, from: PodEnd, to: PodEnd): readonly Decision[] {
    const { chain } = this.judgeOf(direction, direction === 'egress' ? from : to);
    const parties = {
      source: this.#prepared.party(from.address),
      destination: this.#prepared.party(to.address),
    };
    return this.#cells[from.family].map(({ header }) =>
      direction === 'egress' && isTunnel(from.node, header)
        ? TUNNEL_OF_POD
        : judge(this.#prepared.book, chain, header, parties),
    );
  }

  /** Its number is the same for pods whose chain says the same of every other end. */
  judgeOf(direction: Direction, end: PodEnd): Judge<T> {
    const known = this.#ofEnds[direction].get(end);
    if (known !== undefined) return known;
    const chain = this.#prepared.podChains(end.pod)[direction];
    const rules = this.#keyOf(direction, chain);
    const aspects = this.#aspectsOf(rules, chain);
    const { own, other } = SIDES[direction];
    const answers = this.#prepared.book.answers(aspects[own], this.#prepared.party(end.address));
    const tunnels = direction === 'egress' ? tunnelsOf(end.node) : '';
    const key = `${String(end.family)} ${rules} ${tunnels} ${answers}`;
    const found = this.#judges.get(key) ?? {
      number: this.#judges.size,
      chain,
      aspect: aspects[other],
      byAnswers: new Map<string, T>(),
      bySignature: [],
    };
    this.#judges.set(key, found);
    this.#ofEnds[direction].set(end, found);
    return found;
  }

  /** Equal texts: chains of the same policies. */
  #keyOf(direction: Direction, chain: Chain): string {
    const known = this.#keys.get(chain);
    if (known !== undefined) return known;
    const tiers = chain.tiers.map(({ policies }) =>
      policies.map(({ policy }) => numberOf(this.#policies, policy)).join(','),
    );
    const by = chain.unknown?.by;
    const key = `${direction} ${tiers.join(';')} ${by?.kind === 'unknown' ? by.because : ''}`;
    this.#keys.set(chain, key);
    return key;
  }

  #aspectsOf(key: string, chain: Chain): Readonly<Record<End, Aspect>> {
    const known = this.#aspects.get(key);
    if (known !== undefined) return known;
    const rules = chain.tiers.flatMap(({ policies }) =>
      policies.flatMap((policy) => policy.rules.map(({ rule }) => rule)),
    );
    const aspects = { source: aspectOf(rules, 'source'), destination: aspectOf(rules, 'destination') };
    this.#aspects.set(key, aspects);
    return aspects;
  }

  #signatureOf(end: PodEnd): number {
    const known = this.#signaturesOf.get(end);
    if (known !== undefined) return known;
    const { book } = this.#prepared;
    const number = numberOf(this.#signatures, book.signature(this.#prepared.party(end.address)));
    this.#signaturesOf.set(end, number);
    return number;
  }
}

const IPIP = 4;

function isTunnel({ settings }: PreparedNode, { protocol, port }: Cell['header']): boolean {
  if (protocol === IPIP) return !settings.allowsIpipFromWorkloads;
  return protocol === PROTOCOL.UDP && port === settings.vxlanPort && !settings.allowsVxlanFromWorkloads;
}

const tunnelsOf = ({ settings }: PreparedNode): string =>
  `${String(settings.vxlanPort)} ${String(settings.allowsVxlanFromWorkloads)} ${String(settings.allowsIpipFromWorkloads)}`;

/** The number of a key, which is the next one where it is new. */
export function numberOf<K>(numbers: Map<K, number>, key: K): number {
  const known = numbers.get(key);
  if (known !== undefined) return known;
  numbers.set(key, numbers.size);
  return numbers.size - 1;
}
