/**
 * Flows that both ends let pass, as rules that open both ends. A flow that one end lets pass and the other closes
 * is left out: a rule for it would open the other end, too.
 */
import { addressesOf, FAMILIES, type Family, type Known, NODES, nodesOf } from '../addresses.ts';
import type { SourceLine } from '../result.ts';
import { covers, intersect, type Spans, subtract, union } from '../spans.ts';
import type { Judged } from './evaluate.ts';
import { type End, type Flow, isCovered, type Opening, simplified, within } from './flows.ts';
import { withoutFamily, withoutNames } from './packets.ts';

/** A flow whose packets belong to no family: every family that its ends have is meant. */
export type Plain = Opening;

interface Combined {
  readonly flows: readonly Plain[];
  /** Rules of which the other end closes a part. */
  readonly narrowed: ReadonlySet<SourceLine>;
  /** Rules between pods that are about one IP family, where pods have both. */
  readonly oneFamily: ReadonlySet<SourceLine>;
  /** Why a rule opens nothing. */
  readonly closed: ReadonlyMap<SourceLine, string>;
}

const OTHER_END =
  'not opened: other policies close the other end of all its flows, and a rule would open both ends';
const NAME_OF_ADDRESS = 'not opened: only pods have ports with names. Give the number';
const ONE_FAMILY =
  'not opened: between pods it is about one IP family, and a rule opens both. Say --ipv4-only if the cluster has no IPv6';

export function combine(egress: Judged, ingress: Judged, known: Known): Combined {
  const narrowed = new Set<SourceLine>();
  const oneFamily = new Set<SourceLine>();
  const closed = new Map<SourceLine, string>();
  const both = simplified([
    ...openedBy(egress.opened, [...ingress.opened, ...ingress.untouched], narrowed),
    ...openedBy(ingress.opened, [...egress.opened, ...egress.untouched], narrowed),
  ]);
  const flows = both.flatMap((flow) => plain(flow, known, oneFamily));
  const [met, kept] = [linesOf(both), linesOf(flows)];
  for (const line of linesOf([...egress.opened, ...ingress.opened])) {
    if (!met.has(line)) closed.set(line, OTHER_END);
    else if (!kept.has(line)) closed.set(line, oneFamily.has(line) ? ONE_FAMILY : NAME_OF_ADDRESS);
  }
  return { flows: simplified(flows), narrowed, oneFamily, closed };
}

const linesOf = (openings: readonly Opening[]): ReadonlySet<SourceLine> =>
  new Set(openings.flatMap(({ lines }) => lines));

const isBetweenPods = ({ from, to }: Flow): boolean => from.kind === 'pods' && to.kind === 'pods';

function openedBy(
  opened: readonly Opening[],
  others: readonly (Flow & Partial<Opening>)[],
  narrowed: Set<SourceLine>,
): readonly Opening[] {
  const betweenPods = others.filter(isBetweenPods);
  return opened.flatMap((flow): readonly Opening[] => {
    if (!isBetweenPods(flow)) return [flow];
    if (!betweenPods.some((other) => isCovered(flow, other)))
      for (const line of flow.lines) narrowed.add(line);
    return betweenPods.flatMap((other) =>
      within([flow], [other]).map((each) => ({
        ...each,
        lines: [...new Set([...flow.lines, ...(other.lines ?? [])])],
      })),
    );
  });
}

/** Families that pods, or nodes, may have. */
function familiesOf(known: Known, kind: 'pods' | 'nodes'): readonly Family[] {
  const ranges = known[kind];
  return FAMILIES.filter(
    (family) =>
      !(family === 6 && known.ipv4Only) &&
      (ranges === undefined || ranges.some((range) => range.family === family)),
  );
}

function plain(flow: Opening, known: Known, oneFamily: Set<SourceLine>): readonly Plain[] {
  const { from, to, packets } = flow;
  if (from.kind === 'pods' && to.kind === 'pods') {
    const families = familiesOf(known, 'pods').map((family) => withoutFamily(packets, family));
    const shared = families.reduce(intersect, families[0] ?? []);
    if (families.some((own) => !covers(shared, own))) for (const line of flow.lines) oneFamily.add(line);
    return shared.length === 0 ? [] : [{ ...flow, packets: shared }];
  }
  const outside = from.kind === 'outside' ? from : to;
  if (outside.kind !== 'outside') return [];
  return outsideParts(outside.spans, packets, known).flatMap(([spans, own]): readonly Plain[] => {
    const end: End = { kind: 'outside', spans };
    if (from.kind === 'outside') return [{ ...flow, packets: own, from: end }];
    const numbered = withoutNames(own);
    return numbered.length === 0 ? [] : [{ ...flow, packets: numbered, to: end }];
  });
}

function outsideParts(spans: Spans, packets: Spans, known: Known): readonly (readonly [Spans, Spans])[] {
  const addresses = FAMILIES.filter((family) => !(family === 6 && known.ipv4Only)).map(
    (family) => [intersect(spans, addressesOf(family)), withoutFamily(packets, family)] as const,
  );
  const nodes = familiesOf(known, 'nodes').map((family) =>
    covers(spans, nodesOf(family)) ? withoutFamily(packets, family) : [],
  );
  const ofNodes = nodes.reduce(intersect, nodes[0] ?? []);
  const [four, six] = addresses;
  const together =
    four !== undefined && six !== undefined && four[0].length > 0 && six[0].length > 0
      ? intersect(four[1], six[1])
      : [];
  const parts: (readonly [Spans, Spans])[] = [
    [union(...addresses.map(([own]) => own)), together],
    ...addresses.map(([own, traffic]) => [own, subtract(traffic, together)] as const),
    [NODES, ofNodes],
  ];
  return parts.filter(([own, traffic]) => own.length > 0 && traffic.length > 0);
}
