/** Sets of packets: who sends them, to which addresses of a node, and what they are. */
import type { SourceLine } from './result.ts';
import { intersect, type Spans, subtract } from './spans.ts';

export interface Box {
  readonly sources: Spans;
  readonly destinations: Spans;
  readonly traffic: Spans;
}

/** Packets that lines of the source let in. */
export interface Opening extends Box {
  readonly lines: readonly SourceLine[];
}

function meet<T extends Box>(a: T, b: Box): T | undefined {
  const sources = intersect(a.sources, b.sources);
  if (sources.length === 0) return undefined;
  const destinations = intersect(a.destinations, b.destinations);
  const traffic = intersect(a.traffic, b.traffic);
  return destinations.length === 0 || traffic.length === 0
    ? undefined
    : { ...a, sources, destinations, traffic };
}

/** The packets of `list` that are in one of the holes. */
export const within = <T extends Box>(list: readonly T[], holes: readonly Box[]): readonly T[] =>
  list.flatMap((box) => holes.flatMap((hole) => meet(box, hole) ?? []));

/** The packets of `list` that are in none of the holes. */
export const outside = <T extends Box>(list: readonly T[], holes: readonly Box[]): readonly T[] =>
  holes.reduce<readonly T[]>((left, hole) => left.flatMap((box) => cut(box, hole)), list);

function cut<T extends Box>(box: T, hole: Box): readonly T[] {
  const common = meet(box, hole);
  if (common === undefined) return [box];
  const { sources, destinations } = common;
  return [
    { ...box, sources: subtract(box.sources, hole.sources) },
    { ...box, sources, destinations: subtract(box.destinations, hole.destinations) },
    { ...box, sources, destinations, traffic: subtract(box.traffic, hole.traffic) },
  ].filter(isFilled);
}

const isFilled = (box: Box): boolean =>
  box.sources.length > 0 && box.destinations.length > 0 && box.traffic.length > 0;
