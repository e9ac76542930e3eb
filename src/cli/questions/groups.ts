/** Answers that say the same of several ends, taken together. */
import { compareCidr, formatCidr, type Cidr } from '../../net/cidr.ts';
import type { Explanation } from '../../questions/explain.ts';
import type { End } from '../../questions/ends.ts';
import { listed } from '../../questions/errors.ts';
import { cidrsOf } from '../../simulator/outside.ts';

export interface Group {
  readonly first: Explanation;
  readonly all: readonly Explanation[];
  /** The answers of other groups about packets that come in at the same nodes. */
  readonly others: readonly Explanation[];
}

/** Denials come first, in the order of the answers. */
export function groupsOf(explanations: readonly Explanation[]): readonly Group[] {
  const groups = Map.groupBy(explanations, ({ cause, nearest, addition, answer, staged }) =>
    JSON.stringify([
      cause.verdict,
      cause.text,
      cause.rule?.id,
      answer.outcome.decisive.layer,
      nearest?.policy,
      addition,
      [staged?.verdict, staged?.decidedAt.cause.text, staged?.removals],
    ]),
  );
  const found = [...groups.values()].flatMap((all) => {
    const [first] = all;
    const entries = new Set(all.map(({ answer }) => answer.entry));
    const others = explanations.filter((each) => !all.includes(each) && entries.has(each.answer.entry));
    return first === undefined ? [] : [{ first, all, others }];
  });
  return found.sort((a, b) => RANK[a.first.cause.verdict] - RANK[b.first.cause.verdict]);
}

const RANK = { Denied: 0, Unknown: 1, Allowed: 2 } as const;

/** The ends of a group on one side, as people name them. */
export function endsText({ all, others }: Pick<Group, 'all' | 'others'>, side: 'from' | 'to'): string {
  const ends = all.map(({ answer }) => answer[side]);
  const names = [...new Set(ends.filter(isNamed).map(nameOf))];
  const elsewhere = others.map(({ answer }) => answer[side]);
  return [...(names.length > 0 ? [listed(names, MOST)] : []), ...worldText(ends, elsewhere)].join(', ');
}

const MOST = 6;

/** `world`, `world but 192.0.2.0/24`, or ranges: the shorter one. */
function worldText(ends: readonly End[], elsewhere: readonly End[]): readonly string[] {
  const rangesIn = (of: readonly End[], family: 4 | 6): readonly Cidr[] =>
    of
      .flatMap((end) => (end.kind === 'outside' && end.class?.family === family ? cidrsOf(end.class) : []))
      .sort(compareCidr);
  const families = ([4, 6] as const).map((family) => ({
    family,
    own: rangesIn(ends, family),
    rest: rangesIn(elsewhere, family),
  }));
  if (families.every(({ own }) => own.length === 0)) return [];
  if (families.every(({ rest }) => rest.length === 0)) return ['world'];
  return families.flatMap(({ family, own, rest }) => {
    if (own.length === 0) return [];
    const all = `world by IPv${String(family)}`;
    if (rest.length === 0) return [all];
    return rest.length < own.length
      ? [`${all} but ${listed(rest.map(formatCidr), MOST)}`]
      : [listed(own.map(formatCidr), MOST)];
  });
}

const isNamed = (end: End): boolean => end.kind !== 'outside' || end.class === undefined;
const nameOf = (end: End): string => (end.kind === 'outside' ? end.address : end.name);
