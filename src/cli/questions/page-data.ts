/** The data of the page: names, and verdicts by the numbers of what many pairs share. */
import type { PageContent, PageData, PageFlow, PageParty } from '../../page/data.ts';
import { partyText } from '../../questions/party-text.ts';
import { EVERYTHING, EVERYTHING_ELSE } from '../../questions/cell-text.ts';
import { Numbers } from '../../questions/numbers.ts';
import type { Flow, Report, Why } from '../../questions/report.ts';
import type { Party } from '../../simulator/parties.ts';
import type { Prepared } from '../../simulator/prepared.ts';
import { printable } from '../printable.ts';
import { placeText } from './place-text.ts';

/** @param around texts about the question */
export function pageData(
  report: Report,
  prepared: Prepared,
  { about, gaps }: Pick<PageData, 'about' | 'gaps'>,
): PageData {
  const { parties, contents, table } = report;
  const isFlow = (row: number, column: number): boolean =>
    (contents[table[row]?.[column] ?? -1] ?? []).length > 0;
  const [rows, columns] = [report.sources, report.destinations].map((each) => [...each.keys()]);
  const ends = (of: readonly Party[], isShown: (index: number) => boolean): readonly Placed[] =>
    inOrder(of.map((party, index) => ({ party: partyOf(party, prepared, parties), index }))).filter(
      ({ index }) => isShown(index),
    );
  const sources = ends(report.sources, (row) => columns?.some((column) => isFlow(row, column)) === true);
  const destinations = ends(
    report.destinations,
    (column) => rows?.some((row) => isFlow(row, column)) === true,
  );
  const [reasons, flows] = [new Numbers<string>(), new Numbers<PageFlow>()];
  const texts = report.reasons.map((why) => reasons.of(printable(whyText(why))));
  const families = new Set(contents.flat().flatMap((flow) => flow.families));
  const packed = contents.map((content) =>
    packedContent(content, { flows, reasonOf: (index) => texts[index] ?? 0, isDual: families.size > 1 }),
  );
  return {
    about: about.map(([term, text]) => [term, printable(text)]),
    gaps: gaps.map(printable),
    sources: sources.map(({ party }) => party),
    destinations: destinations.map(({ party }) => party),
    reasons: reasons.all,
    flows: flows.all,
    contents: packed,
    table: sources.map(({ index: row }) =>
      destinations.map(({ index: column }) => table[row]?.[column] ?? 0),
    ),
  };
}

interface Placed {
  readonly party: PageParty;
  readonly index: number;
}

function partyOf(party: Party, prepared: Prepared, all: readonly Party[]): PageParty {
  const { kind, name, members } = partyText(party, prepared, all);
  return { kind, name: printable(name), members: members.map(printable) };
}

const RANK: Readonly<Record<PageParty['kind'], number>> = { outside: 1, nodes: 2, pods: 3 };

/** The world comes first, because most readers look for it. */
const rankOf = ({ kind, name }: PageParty): number => (/^world\b/.test(name) ? 0 : RANK[kind]);

const inOrder = (parties: readonly Placed[]): readonly Placed[] =>
  parties.toSorted(
    ({ party: a }, { party: b }) => rankOf(a) - rankOf(b) || (a.name < b.name ? -1 : a.name > b.name ? 1 : 0),
  );

interface Packing {
  readonly flows: Numbers<PageFlow>;
  readonly reasonOf: (index: number) => number;
  /** True where some flow is of one family alone, so that each must say which. */
  readonly isDual: boolean;
}

/** Flows that read alike are one. */
function packedContent(content: readonly Flow[], { flows, reasonOf, isDual }: Packing): PageContent {
  const groups = Map.groupBy(content, (flow) =>
    JSON.stringify([flow.verdict, whereText(flow, isDual), flow.why.map(reasonOf)]),
  );
  return [...groups.values()].flatMap((group): PageContent => {
    const [first] = group;
    if (first === undefined) return [];
    const where = whereText(first, isDual);
    const isAll = content.every((flow) => group.includes(flow) || whereText(flow, isDual) !== where);
    const ports = group.flatMap((flow) => flow.ports);
    const shown = isAll ? [EVERYTHING] : ports.includes(EVERYTHING_ELSE) ? [EVERYTHING_ELSE] : ports;
    const reasons = new Set(first.why.map(reasonOf));
    return [[flows.of({ verdict: first.verdict, ports: shown, where }), ...reasons]];
  });
}

const whereText = ({ placement, families }: Flow, isDual: boolean): string =>
  [
    ...(isDual && families.length === 1 ? [`IPv${String(families[0])}`] : []),
    ...(placement === 'anywhere' ? [] : [placement]),
  ].join(', ');

const LAYERS: Readonly<Record<Why['layer'], string>> = {
  'pod egress': 'out of the pod: ',
  'pod ingress': 'into the pod: ',
  'host before DNAT': 'before DNAT on the node: ',
  'host ingress': 'into the node: ',
  'host egress': 'out of the node: ',
  'host forward in': 'forwarded in by the node: ',
  'host forward out': 'forwarded out by the node: ',
  'pod to its node': 'to its own node: ',
  tunnel: 'through VXLAN: ',
  Service: 'at the Service: ',
  delivery: '',
};

const whyText = ({ layer, cause }: Why): string => `${LAYERS[layer]}${cause.text}.${placeText(cause)}`;
