import { columns } from './columns.ts';
import type { CommandIO, ExitCode } from './io.ts';
import { STDIN, UnreadableError, readText } from './manifests/source.ts';
import { type RuleCounter, countByRule } from './packet-filter/counters.ts';
import { type FilterLine, PacketFilterError, readPacketFilter } from './packet-filter/lines.ts';

export interface CountersInput {
  readonly output: 'text' | 'json';
}

/**
 * Prints the counters of each rule on a node, from one or more dumps of its packet filter, which are added
 * up. Exit code 2 for a file that cannot be read, for a dump without counters, and for dumps without one of
 * our rules.
 */
export async function counters(
  files: readonly string[],
  { output }: CountersInput,
  io: CommandIO,
): Promise<ExitCode> {
  const lines: FilterLine[] = [];
  for (const file of files.length === 0 ? [STDIN] : files) {
    try {
      lines.push(...readPacketFilter(await readText(file, io.stdin)));
    } catch (error) {
      if (!(error instanceof PacketFilterError || error instanceof UnreadableError)) throw error;
      io.stderr(`${file}: ${error.message}\n`);
      return 2;
    }
  }
  if (lines.length === 0) {
    io.stderr(`${NO_RULES}\n`);
    return 2;
  }
  const rules = countByRule(lines);
  io.stdout(output === 'json' ? `${JSON.stringify({ rules }, undefined, 2)}\n` : columns(rowsOf(rules)));
  return 0;
}

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
