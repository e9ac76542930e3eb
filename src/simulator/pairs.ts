/** Members that stand for all pairs of two parties. */
import type { Party } from './parties.ts';
import type { Prepared } from './prepared.ts';

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

export interface PlacedPair extends Pair {
  readonly placement: Placement;
}

type Inside = Exclude<Party, { readonly kind: 'outside' }>;

type Inner = Exclude<Member, { readonly kind: 'outside' }>;

class Members {
  readonly all: readonly [Inner, ...Inner[]];
  readonly #prepared: Prepared;
  #byNode: ReadonlyMap<string | undefined, readonly Inner[]> | undefined;

  constructor(prepared: Prepared, { kind, names: [first, ...others] }: Inside) {
    const member = (name: string): Inner => ({ kind: kind === 'pods' ? 'pod' : 'node', name });
    this.all = [member(first), ...others.map(member)];
    this.#prepared = prepared;
  }

  get byNode(): ReadonlyMap<string | undefined, readonly Inner[]> {
    return (this.#byNode ??= Map.groupBy(this.all, (member) => nodeOf(this.#prepared, member)));
  }
}

const nodeOf = (prepared: Prepared, { kind, name }: Inner): string | undefined =>
  kind === 'node' ? name : prepared.pod(name)?.node;

/** Takes one member of each party. */
export type Visit = (from: Member, to: Member, placement: Placement) => void;

/**
 * Finds members for many pairs. One party always has the same objects for its members, and no object is made for a
 * pair: a large cluster has millions.
 */
export class Pairs {
  readonly #prepared: Prepared;
  readonly #isPlacedPods: boolean;
  readonly #members = new WeakMap<Inside, Members>();
  readonly #outside = new WeakMap<Party, Member>();

  constructor(prepared: Prepared) {
    this.#prepared = prepared;
    this.#isPlacedPods = prepared.world.hostEndpoints.length > 0;
  }

  /** One pair for each placement that may matter. */
  each(from: Party, to: Party, visit: Visit): void {
    if (from.kind === 'outside' || to.kind === 'outside') {
      if (from.kind !== to.kind) visit(this.#firstOf(from), this.#firstOf(to), 'anywhere');
    } else if (from.kind === 'pods' && to.kind === 'pods' && !this.#isPlacedPods) {
      this.#anywhere(from, to, visit);
    } else {
      this.#placed(from, to, 'same node', visit);
      this.#placed(from, to, 'other nodes', visit);
    }
  }

  of(from: Party, to: Party): readonly PlacedPair[] {
    const pairs: PlacedPair[] = [];
    this.each(from, to, (a, b, placement) => void pairs.push({ from: a, to: b, placement }));
    return pairs;
  }

  /** Two members that are not the same. Parties have no member in common, or all. */
  #anywhere(from: Inside, to: Inside, visit: Visit): void {
    const targets = this.#membersOf(to).all;
    const target = from.names[0] === to.names[0] ? targets[1] : targets[0];
    if (target !== undefined) visit(this.#membersOf(from).all[0], target, 'anywhere');
  }

  #placed(from: Inside, to: Inside, placement: 'same node' | 'other nodes', visit: Visit): void {
    const targets = this.#membersOf(to).byNode;
    for (const source of this.#membersOf(from).all) {
      const node = nodeOf(this.#prepared, source);
      const found =
        placement === 'same node'
          ? targets.get(node)?.find((each) => each.kind !== source.kind || each.name !== source.name)
          : firstElsewhere(targets, node);
      if (found === undefined) continue;
      visit(source, found, placement);
      return;
    }
  }

  #firstOf(party: Party): Member {
    if (party.kind !== 'outside') return this.#membersOf(party).all[0];
    const known = this.#outside.get(party) ?? { kind: 'outside', address: party.class.example };
    this.#outside.set(party, known);
    return known;
  }

  #membersOf(party: Inside): Members {
    const known = this.#members.get(party) ?? new Members(this.#prepared, party);
    this.#members.set(party, known);
    return known;
  }
}

/** The first member behind another node. */
function firstElsewhere(
  byNode: ReadonlyMap<string | undefined, readonly Inner[]>,
  node: string | undefined,
): Inner | undefined {
  for (const [other, members] of byNode) if (other !== node) return members[0];
  return undefined;
}
