/** The flows that a change opens and closes, in each format. Openings come first. */
import type { Change, ChangeKind, Difference } from '../../questions/diff.ts';
import type { PartyText } from '../../questions/party-text.ts';
import { listed } from '../../questions/errors.ts';
import { printable } from '../printable.ts';
import { wrapped } from './wrap.ts';

export interface DiffRow extends Omit<Change, 'from' | 'to'> {
  readonly from: PartyText;
  readonly to: PartyText;
}

type Only = Pick<Difference, 'onlyOld' | 'onlyNew'>;

const TITLES: Readonly<Record<ChangeKind, string>> = {
  opens: 'OPENS',
  unknown: 'UNKNOWN',
  closes: 'CLOSES',
};
const KINDS: readonly ChangeKind[] = ['opens', 'unknown', 'closes'];

/** The rule that does it, with its place. */
function causeText({ rule, text, policies }: Change['cause']): string {
  if (rule !== undefined) {
    const place =
      rule.place === undefined ? '' : ` (${rule.place.file}:${String(rule.place.line)}, ${rule.field})`;
    return `rule ${rule.id}${place}`;
  }
  const [policy] = policies;
  if (policy === undefined) return text;
  const { kind, namespace, name } = policy;
  return `${kind} ${namespace === undefined ? '' : `${namespace}/`}${name}`;
}

interface Grouped {
  readonly kind: ChangeKind;
  readonly cause: string;
  readonly flows: readonly { readonly ends: string; readonly ports: string }[];
}

/** By rule, and both families of one flow together. */
function groupsOf(rows: readonly DiffRow[]): readonly Grouped[] {
  return KINDS.flatMap((kind) => {
    const own = rows.filter((row) => row.kind === kind);
    return [...Map.groupBy(own, ({ cause }) => causeText(cause))].map(([cause, of]) => ({
      kind,
      cause,
      flows: [...Map.groupBy(of, ({ from, to }) => `${from.name} → ${to.name}`)].map(([ends, each]) => ({
        ends,
        ports: [...new Set(each.map(portsOf))].join('; '),
      })),
    }));
  });
}

const portsOf = ({ ports, placement }: DiffRow): string =>
  `${ports.join(', ')}${placement === 'anywhere' ? '' : ` (${placement})`}`;

function text(rows: readonly DiffRow[], only: Only): string {
  const groups = groupsOf(rows);
  const parts = groups.map(({ kind, cause, flows }) =>
    [
      wrapped(TITLES[kind], `by ${cause}`, 9),
      ...flows.map(({ ends, ports }) => wrapped('', `${ends}: ${ports}`, 9)),
    ].join(''),
  );
  const body = parts.length === 0 ? 'no difference\n' : parts.join('\n');
  return `${body}${onlyText(only)
    .map((each) => `\n${wrapped('', each, 0)}`)
    .join('')}`;
}

const onlyText = ({ onlyOld, onlyNew }: Only): readonly string[] => [
  ...(onlyOld.length > 0 ? [`Not compared, because they are gone: ${listed(onlyOld)}.`] : []),
  ...(onlyNew.length > 0 ? [`Not compared, because they are new: ${listed(onlyNew)}.`] : []),
];

function markdown(rows: readonly DiffRow[], only: Only): string {
  const groups = groupsOf(rows);
  const sections = KINDS.flatMap((kind) => {
    const own = groups.filter((group) => group.kind === kind);
    if (own.length === 0) return [];
    const lines = own.flatMap(({ cause, flows }) => [
      `- by ${code(cause)}`,
      ...flows.map(({ ends, ports }) => `  - ${code(ends)}: ${code(ports)}`),
    ]);
    return [`### ${MARKDOWN_TITLES[kind]}`, '', ...lines, ''];
  });
  const body = sections.length === 0 ? ['No flow opens or closes.', ''] : sections;
  return [...body, ...onlyText(only).flatMap((each) => [code(each), ''])].join('\n');
}

const MARKDOWN_TITLES: Readonly<Record<ChangeKind, string>> = {
  opens: '⚠ This change opens flows',
  unknown: 'Not known',
  closes: 'This change closes flows',
};

/** Names come from a cluster, so none may end the code or begin a link. */
const code = (of: string): string => `\`${printable(of).replaceAll('`', "'")}\``;

const json = (rows: readonly DiffRow[], only: Only): string =>
  `${JSON.stringify({ changes: rows, onlyOld: only.onlyOld, onlyNew: only.onlyNew }, undefined, 2)}\n`;

export const DIFF_FORMATS = { text, json, markdown } as const satisfies Readonly<
  Record<string, (rows: readonly DiffRow[], only: Only) => string>
>;
