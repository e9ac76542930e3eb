/** Every packet between two ends, for a question without a port: the lines of a report. */
import type { PageData, PageVerdict } from '../../page/data.ts';
import type { EndText } from '../../questions/end-text.ts';
import { QuestionError } from '../../questions/errors.ts';
import type { Setting } from '../../questions/explain.ts';
import { partyFilter } from '../../questions/party-filter.ts';
import { reportOf } from '../../questions/report.ts';
import { pageData } from './page-data.ts';
import { wrapped } from './wrap.ts';

/** Two classes of ends, and what goes from one to the other. */
export interface EveryPacket {
  readonly from: string;
  readonly to: string;
  readonly flows: readonly {
    readonly verdict: PageVerdict;
    readonly ports: readonly string[];
    readonly where: string;
    readonly why: readonly string[];
  }[];
}

/** @throws QuestionError for ends that no packet connects */
export function everyPacket(setting: Setting, from: EndText, to: EndText): readonly EveryPacket[] {
  const { prepared, names } = setting;
  const filter = { from: partyFilter(prepared, from, names), to: partyFilter(prepared, to, names) };
  const data = pageData(
    reportOf(setting, filter, () => undefined),
    prepared,
    { about: [], gaps: [] },
  );
  const pairs = data.sources.flatMap((source, row) =>
    data.destinations.flatMap((destination, column) => {
      const flows = flowsOf(data, data.table[row]?.[column]);
      return flows.length === 0 ? [] : [{ from: source.name, to: destination.name, flows }];
    }),
  );
  if (pairs.length === 0)
    throw new QuestionError('no packet goes from one of these ends to the other through this cluster');
  return pairs;
}

/** The same with staged policies enforced. Undefined where they change nothing. */
export function everyPacketStaged(
  setting: Setting,
  pairs: readonly EveryPacket[],
  from: EndText,
  to: EndText,
): readonly EveryPacket[] | undefined {
  if (setting.staged === undefined) return undefined;
  const staged = everyPacket({ ...setting, prepared: setting.staged() }, from, to);
  return isSame(pairs, staged) ? undefined : staged;
}

/** Staged policies may only tell apart what was one class, and then its name is another one. */
function isSame(pairs: readonly EveryPacket[], staged: readonly EveryPacket[]): boolean {
  if (JSON.stringify(pairs) === JSON.stringify(staged)) return true;
  return new Set([...pairs, ...staged].map(({ flows }) => JSON.stringify(flows))).size === 1;
}

const flowsOf = ({ contents, flows, reasons }: PageData, index = -1): EveryPacket['flows'] =>
  (contents[index] ?? []).flatMap(([number, ...why]) => {
    const flow = flows[number];
    return flow === undefined ? [] : [{ ...flow, why: why.flatMap((reason) => reasons[reason] ?? []) }];
  });

const INDENT = 9;

export const everyPacketText = (pairs: readonly EveryPacket[]): string =>
  pairs
    .map(({ from, to, flows }) =>
      [
        wrapped('', `${from} → ${to}`, 0),
        ...flows.flatMap(({ verdict, ports, where, why }) => [
          wrapped(verdict.toUpperCase(), `${ports.join(', ')}${where === '' ? '' : ` (${where})`}`, INDENT),
          ...why.map((reason) => wrapped('', reason, INDENT)),
        ]),
      ].join(''),
    )
    .join('\n');
