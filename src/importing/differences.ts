/** Traffic that a ClusterFirewall judges differently than the rules of a machine, on purpose. */
import type { Nodes } from '../api/schema.ts';
import { addressesOf, type Family, type Known, NO_SOURCES, podsOf } from './addresses.ts';
import type { Opening } from './boxes.ts';
import { type Difference, placeOf, type SourceLine } from './result.ts';
import { covers, overlap, type Spans, union } from './spans.ts';
import { ICMP } from './traffic.ts';

interface Imports {
  readonly families: readonly Family[];
  readonly known: Known;
  readonly openings: readonly Opening[];
  readonly nodes: Pick<Nodes, 'blocked'>;
  /** Sources that lines refuse altogether. */
  readonly refused: readonly Spans[];
  readonly rejects: boolean;
  readonly ambiguous: readonly SourceLine[];
}

/** In the order in which people should read them. */
export const differencesOf = (imports: Imports): readonly Difference[] => [
  ...ALWAYS,
  ...families(imports),
  ...pods(imports),
  ...icmp(imports),
  ...blocked(imports),
  ...(imports.rejects ? [REJECT] : []),
];

const ALWAYS: readonly Difference[] = [
  {
    what: 'traffic that a cluster needs',
    before: 'as the lines say',
    after: 'open by the baseline, see `clusterfirewall baseline`',
  },
  {
    what: 'NodePorts of Services',
    before: 'never asked this chain, so they were open',
    after: 'closed, unless a zone or `nodePorts` of a rule opens them',
  },
  {
    what: 'lo, and established connections',
    before: 'as the lines say',
    after: 'pass without a rule',
  },
];

const REJECT: Difference = {
  what: 'refused packets',
  before: 'some were answered (REJECT)',
  after: 'dropped without an answer',
};

function families({ families: given, known }: Imports): readonly Difference[] {
  const missing = ([4, 6] as const).filter(
    (family) => !given.includes(family) && !(family === 6 && known.ipv4Only),
  );
  return missing.map((family) => ({
    what: `IPv${String(family)}, of which no rules were given`,
    before: 'unknown',
    after: `closed, and "everybody" means addresses of the other family, without pods and nodes. Give the rules of IPv${String(family)} too${family === 6 ? ', or say --ipv4-only' : ''}`,
  }));
}

function pods({ openings, ambiguous, known }: Imports): readonly Difference[] {
  const byAddress = openings.some(({ sources }) =>
    ([4, 6] as const).some(
      (family) =>
        overlap(sources, addressesOf(family)) && !covers(sources, union(addressesOf(family), podsOf(family))),
    ),
  );
  if (!byAddress && ambiguous.length === 0) return [];
  const isKnown = known.pods !== undefined && known.nodes !== undefined;
  const lines = [...new Set(ambiguous.map(placeOf))];
  const some =
    lines.length > 5
      ? `${lines.slice(0, 5).join(', ')} and ${String(lines.length - 5)} more`
      : lines.join(', ');
  return [
    {
      what: 'pods and nodes with an address of a rule',
      before: lines.length === 0 ? 'part of the range' : `perhaps part of a range: ${some}`,
      after: `not meant by addresses${isKnown ? '' : ': give --pods and --nodes with their ranges, so that rules for them are found'}`,
    },
  ];
}

/** Every source of a family that was given, whatever the type of ICMP. */
function icmp({ openings, refused, families: given }: Imports): readonly Difference[] {
  const sources = union(
    NO_SOURCES,
    ...refused,
    ...openings.filter(({ traffic }) => overlap(traffic, ICMP)).map((box) => box.sources),
  );
  if (given.every((family) => covers(sources, addressesOf(family)))) return [];
  return [
    {
      what: 'ICMP',
      before: 'not open to everybody',
      after: 'open by the baseline: `baseline.disable: [icmp, icmpv6]` closes it',
    },
  ];
}

const blocked = ({ nodes }: Imports): readonly Difference[] =>
  nodes.blocked === undefined
    ? []
    : [
        {
          what: 'refused addresses (`blocked`)',
          before: 'refused where their line stands',
          after: 'refused first of all, ICMP and what the baseline opens included',
        },
      ];
