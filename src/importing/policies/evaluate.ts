/**
 * The flows that policies let pass at one end, in Felix's order: tiers, policies, rules. An allow that is not
 * understood lets pass nothing, and a deny denies all that it may match, so a result is never wider.
 */
import type { StoredTier } from '../../calico/read/objects.ts';
import type { PolicyRule, StoredPolicy } from '../../calico/read/policy.ts';
import type { Notes } from '../notes.ts';
import { ImportError, type SourceLine } from '../result.ts';
import {
  ANY_OUTSIDE,
  ANY_POD,
  BETWEEN_PODS,
  type End,
  type Flow,
  type Opening,
  outside,
  within,
} from './flows.ts';
import { matchOf, type Surroundings } from './match.ts';
import { PACKETS } from './packets.ts';
import { type Bound, podsOf, type Term } from './terms.ts';

export interface SourcePolicy {
  readonly stored: StoredPolicy;
  readonly line: SourceLine;
  readonly name: string;
  lineOf(rule: PolicyRule): SourceLine;
}

export type Direction = 'ingress' | 'egress';

export interface Judged {
  /** Flows that rules let pass. */
  readonly opened: readonly Opening[];
  /** Flows of pods that no policy selects, and those that rules pass on to nobody. */
  readonly untouched: readonly Flow[];
  /** All pods that policies may select. */
  readonly selected: readonly Term[];
  /** Rules with addresses of which a part may be pods or nodes. */
  readonly ambiguous: ReadonlySet<SourceLine>;
  /** Rules that deny by labels, which network sets in no file may have. */
  readonly denyLabels: ReadonlySet<SourceLine>;
}

/** More become too slow to compare. */
const MAX_FLOWS = 4_000;

interface Context extends Surroundings {
  readonly notes: Notes;
}

export function judge(
  direction: Direction,
  policies: readonly SourcePolicy[],
  tiers: readonly StoredTier[],
  context: Context,
): Judged {
  const walk = new Walk(direction, context);
  for (const tier of tiers)
    walk.tier(
      tier,
      policies.filter(({ stored }) => stored.tier === tier.name && stored.types[direction]),
    );
  return walk;
}

class Walk implements Judged {
  readonly opened: Opening[] = [];
  readonly selected: Term[] = [];
  readonly ambiguous = new Set<SourceLine>();
  readonly denyLabels = new Set<SourceLine>();
  readonly #direction: Direction;
  readonly #context: Context;
  #open: readonly Flow[];
  #passed: Flow[] = [];

  constructor(direction: Direction, context: Context) {
    this.#direction = direction;
    this.#context = context;
    this.#open = [BETWEEN_PODS, this.#flow(ANY_POD, ANY_OUTSIDE)];
  }

  get untouched(): readonly Flow[] {
    return this.#open;
  }

  tier({ defaultAction }: StoredTier, policies: readonly SourcePolicy[]): void {
    this.#passed = [];
    const own: Flow[] = [];
    for (const policy of policies) {
      const subject = this.#subjectOf(policy, 'over');
      this.selected.push(...subject);
      own.push(...subject.flatMap((term) => this.#whole(term)));
      for (const rule of policy.stored[this.#direction]) this.#rule(rule, policy);
    }
    const selected = defaultAction === 'Pass' ? within(this.#open, own) : [];
    this.#open = [...outside(this.#open, own), ...this.#passed, ...selected];
  }

  /** A flow of the pods that are judged, and of the other end. */
  #flow(own: End, other: End): Flow {
    return this.#direction === 'egress'
      ? { from: own, to: other, packets: PACKETS }
      : { from: other, to: own, packets: PACKETS };
  }

  #whole(term: Term): readonly Flow[] {
    const own = { kind: 'pods', term } as const;
    return [this.#flow(own, ANY_POD), this.#flow(own, ANY_OUTSIDE)];
  }

  #subjectOf({ stored, line }: SourcePolicy, bound: Bound): readonly Term[] {
    const { terms, unknown } = podsOf(stored.selector, bound);
    if (unknown.length > 0)
      this.#context.notes.add('left', line, `all pods that it may select stay closed: ${unknown.join('; ')}`);
    return terms;
  }

  #rule(rule: PolicyRule, policy: SourcePolicy): void {
    const { notes } = this.#context;
    const line = policy.lineOf(rule);
    if (rule.action === 'Log') {
      notes.add('left', line, 'single rules do not log');
      return;
    }
    const match = matchOf(rule, this.#context);
    const why = match.unknown.join('; ');
    const of = (bound: Bound, flows: readonly Flow[]): readonly Flow[] =>
      within(
        flows,
        this.#subjectOf(policy, bound).flatMap((term) => this.#whole(term)),
      );
    const sure = within(this.#open, of('under', match.sure));
    if (match.isAmbiguous) this.ambiguous.add(line);
    if (rule.action === 'Allow') {
      this.opened.push(...sure.map((flow) => ({ ...flow, lines: [line] })));
      if (why !== '') notes.add('left', line, `not opened: ${why}`);
      else if (sure.length === 0) notes.add('idle', line, FAR);
    } else {
      const other = this.#direction === 'egress' ? rule.destination : rule.source;
      if (other.selector !== undefined) this.denyLabels.add(line);
      if (rule.action === 'Pass') this.#passed.push(...sure);
      const all = of('over', match.maybe);
      if (why !== '') notes.add('left', line, `all that it may match stays closed: ${why}`);
      else notes.add(within(this.#open, all).length === 0 ? 'idle' : 'taken', line, FAR);
      this.#open = outside(this.#open, all);
    }
    if (this.#open.length + this.opened.length > MAX_FLOWS)
      throw new ImportError(
        `${line.file}:${String(line.line)}: these policies make more than ${String(MAX_FLOWS)} combinations of pods. Give fewer policies at a time`,
      );
  }
}

const FAR = 'no packet comes as far as this rule';
