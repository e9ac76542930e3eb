/** Sets of flows: who sends, who receives, and which packets. */
import { NODES, WORLD } from '../addresses.ts';
import type { SourceLine } from '../result.ts';
import { covers, intersect, keyOf, type Spans, subtract, union } from '../spans.ts';
import { PACKETS } from './packets.ts';
import { EVERY_POD, isWithin, less, meet, type Term, termKey } from './terms.ts';

/** Pods by label, or addresses and nodes on the line of addresses.ts. */
export type End =
  { readonly kind: 'pods'; readonly term: Term } | { readonly kind: 'outside'; readonly spans: Spans };

export interface Flow {
  readonly from: End;
  readonly to: End;
  readonly packets: Spans;
}

/** Flows that rules let pass. */
export interface Opening extends Flow {
  readonly lines: readonly SourceLine[];
}

export const ANY_POD: End = { kind: 'pods', term: EVERY_POD };
export const ANY_OUTSIDE: End = { kind: 'outside', spans: union(WORLD, NODES) };

export const BETWEEN_PODS: Flow = { from: ANY_POD, to: ANY_POD, packets: PACKETS };

function meetEnds(a: End, b: End): End | undefined {
  if (a.kind === 'pods' && b.kind === 'pods') {
    const term = meet(a.term, b.term);
    return term && { kind: 'pods', term };
  }
  if (a.kind === 'pods' || b.kind === 'pods') return undefined;
  const spans = intersect(a.spans, b.spans);
  return spans.length === 0 ? undefined : { kind: 'outside', spans };
}

function lessEnds(a: End, b: End): readonly End[] {
  if (a.kind === 'pods' && b.kind === 'pods')
    return less(a.term, b.term).map((term) => ({ kind: 'pods', term }));
  if (a.kind === 'pods' || b.kind === 'pods') return [a];
  const spans = subtract(a.spans, b.spans);
  return spans.length === 0 ? [] : [{ kind: 'outside', spans }];
}

function meetFlows<T extends Flow>(a: T, b: Flow): T | undefined {
  const packets = intersect(a.packets, b.packets);
  if (packets.length === 0) return undefined;
  const from = meetEnds(a.from, b.from);
  const to = from && meetEnds(a.to, b.to);
  return from === undefined || to === undefined ? undefined : { ...a, from, to, packets };
}

export const within = <T extends Flow>(list: readonly T[], holes: readonly Flow[]): readonly T[] =>
  list.flatMap((flow) => holes.flatMap((hole) => meetFlows(flow, hole) ?? []));

export const outside = <T extends Flow>(list: readonly T[], holes: readonly Flow[]): readonly T[] =>
  holes.reduce<readonly T[]>((left, hole) => left.flatMap((flow) => cut(flow, hole)), list);

function cut<T extends Flow>(flow: T, hole: Flow): readonly T[] {
  const shared = meetFlows(flow, hole);
  if (shared === undefined) return [flow];
  const { from, to } = shared;
  const packets = subtract(flow.packets, hole.packets);
  return [
    ...lessEnds(flow.from, hole.from).map((rest) => ({ ...flow, from: rest })),
    ...lessEnds(flow.to, hole.to).map((rest) => ({ ...flow, from, to: rest })),
    ...(packets.length === 0 ? [] : [{ ...flow, from, to, packets }]),
  ];
}

const endWithin = (inner: End, outer: End): boolean =>
  inner.kind === 'pods'
    ? outer.kind === 'pods' && isWithin(inner.term, outer.term)
    : outer.kind === 'outside' && covers(outer.spans, inner.spans);

export const isCovered = (inner: Flow, outer: Flow): boolean =>
  covers(outer.packets, inner.packets) && endWithin(inner.from, outer.from) && endWithin(inner.to, outer.to);

const endKey = (end: End): string => (end.kind === 'pods' ? `pods ${termKey(end.term)}` : keyOf(end.spans));

/** Leaves out what others open as well, and joins what has the same ends. */
export function simplified(openings: readonly Opening[]): readonly Opening[] {
  const joined = new Map<string, Opening>();
  for (const each of openings) {
    const key = `${endKey(each.from)} > ${endKey(each.to)}`;
    const known = joined.get(key);
    joined.set(
      key,
      known === undefined
        ? each
        : {
            ...known,
            packets: union(known.packets, each.packets),
            lines: [...new Set([...known.lines, ...each.lines])],
          },
    );
  }
  const list = [...joined.values()];
  const kept = new Set(list);
  for (const each of list) {
    const wider = [...kept].find((other) => other !== each && isCovered(each, other));
    if (wider === undefined) continue;
    kept.delete(each);
  }
  return [...kept];
}
