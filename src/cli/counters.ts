import { columns } from './columns.ts';
import { isRecord, valueAt } from '../json.ts';
import type { CommandIO, ExitCode } from './io.ts';
import { STDIN, UnreadableError, readText } from './manifests/source.ts';
import { type RuleCounter, countByRule } from './packet-filter/counters.ts';
import { type FilterLine, PacketFilterError, readPacketFilter } from './packet-filter/lines.ts';
import { interfaceOf, tierEnds, type TierEnd } from './packet-filter/tier-ends.ts';
import { printable } from './printable.ts';
import { loadCluster } from './questions/cluster.ts';
import { report } from './report.ts';

export interface CountersInput {
  /** Only rules that a packet has met. */
  readonly hits?: boolean;
  /** A file with the pods, for the names of their interfaces. */
  readonly inventory?: string;
  readonly output: 'text' | 'json';
}

/**
 * Prints the counters of each rule on a node, from one or more dumps of its packet filter, which are added
 * up. Exit code 2 for a file that cannot be read, for a dump without counters, and for dumps without one of
 * our rules.
 */
export async function counters(
  files: readonly string[],
  { output, hits = false, inventory }: CountersInput,
  io: CommandIO,
): Promise<ExitCode> {
  const lines: FilterLine[] = [];
  const texts: string[] = [];
  for (const file of files.length === 0 ? [STDIN] : files) {
    try {
      const text = await readText(file, io.stdin);
      lines.push(...readPacketFilter(text));
      texts.push(text);
    } catch (error) {
      if (!(error instanceof PacketFilterError || error instanceof UnreadableError)) throw error;
      io.stderr(`${file}: ${error.message}\n`);
      return 2;
    }
  }
  const pods = await podsIn(inventory, io);
  if (pods === undefined) return 2;
  const ends = tierEnds(texts.join('\n')).map((end) => ({ ...end, pod: pods.get(end.interface) }));
  if (lines.length === 0 && ends.length === 0) {
    io.stderr(`${NO_RULES}\n`);
    return 2;
  }
  const rules = countByRule(lines).filter(({ packets }) => !hits || packets > 0);
  if (output === 'json') io.stdout(`${JSON.stringify({ rules, tierEnds: ends }, undefined, 2)}\n`);
  else io.stdout(columns([...rowsOf(rules), ...ends.map(endRow)]));
  return 0;
}

/** Names of pods by their interfaces. Undefined where the file cannot be read, and standard error says why. */
async function podsIn(
  inventory: string | undefined,
  io: CommandIO,
): Promise<ReadonlyMap<string, string> | undefined> {
  if (inventory === undefined) return new Map();
  const { documents, diagnostics } = await loadCluster({ inventory }, io);
  report(diagnostics, io);
  if (diagnostics.length > 0) return undefined;
  return new Map(
    documents.flatMap(({ value }): readonly (readonly [string, string])[] => {
      if (!isRecord(value) || value['kind'] !== 'Pod') return [];
      const [namespace, name] = ['namespace', 'name'].map((key) => String(valueAt(value, 'metadata', key)));
      if (namespace === undefined || name === undefined) return [];
      return [[interfaceOf(namespace, name), `${namespace}/${name}`]];
    }),
  );
}

const endRow = ({
  pod,
  direction,
  tier,
  packets,
  bytes,
  ...end
}: TierEnd & { readonly pod: string | undefined }) => [
  VERDICTS.Dropped,
  String(packets),
  String(bytes),
  direction,
  printable(`end of tier ${tier}, pod ${pod ?? `behind ${end.interface}`}`),
];

const NO_RULES =
  'the dump contains no rule of a ClusterFirewall: dump the packet filter that Calico uses on this node (iptables-save -c, iptables-legacy-save -c or nft list ruleset); eBPF has no counters';

const VERDICTS = { Dropped: 'dropped', WouldDrop: 'would drop', Passed: 'passed' } as const;

const rowsOf = (rules: readonly RuleCounter[]): readonly (readonly string[])[] => [
  ['VERDICT', 'PACKETS', 'BYTES', 'WHERE', 'RULE'],
  ...rules.map(({ verdict, packets, bytes, where, rule }) => [
    VERDICTS[verdict],
    String(packets),
    String(bytes),
    where,
    rule,
  ]),
];
