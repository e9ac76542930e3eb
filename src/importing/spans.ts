/** Sets of integers as ranges: addresses, and ports with their protocols. */

/** Both ends belong to it. */
interface Span {
  readonly from: bigint;
  readonly to: bigint;
}

/** Sorted, and neither overlapping nor adjacent. */
export type Spans = readonly Span[];

export const span = (from: bigint, to = from): Spans => [{ from, to }];

export function union(...sets: readonly Spans[]): Spans {
  const joined: { from: bigint; to: bigint }[] = [];
  for (const { from, to } of sets.flat().sort((a, b) => (a.from < b.from ? -1 : a.from > b.from ? 1 : 0))) {
    const last = joined.at(-1);
    if (last !== undefined && from <= last.to + 1n) last.to = to > last.to ? to : last.to;
    else joined.push({ from, to });
  }
  return joined;
}

export function intersect(a: Spans, b: Spans): Spans {
  const common: Span[] = [];
  for (let [i, j] = [0, 0]; ;) {
    const [left, right] = [a[i], b[j]];
    if (left === undefined || right === undefined) return common;
    const from = left.from > right.from ? left.from : right.from;
    const to = left.to < right.to ? left.to : right.to;
    if (from <= to) common.push({ from, to });
    if (left.to < right.to) i += 1;
    else j += 1;
  }
}

export function subtract(a: Spans, b: Spans): Spans {
  const rest: Span[] = [];
  for (const { from: start, to } of a) {
    let from = start;
    for (const hole of b) {
      if (hole.to < from || hole.from > to) continue;
      if (hole.from > from) rest.push({ from, to: hole.from - 1n });
      from = hole.to + 1n;
    }
    if (from <= to) rest.push({ from, to });
  }
  return rest;
}

export const covers = (outer: Spans, inner: Spans): boolean => subtract(inner, outer).length === 0;
export const overlap = (a: Spans, b: Spans): boolean => intersect(a, b).length > 0;
export const keyOf = (spans: Spans): string =>
  spans.map(({ from, to }) => `${String(from)}-${String(to)}`).join();
