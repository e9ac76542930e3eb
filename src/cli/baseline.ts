import { DEFAULT_FIREWALL } from '../api/schema.ts';
import type { BaselineLine } from '../compiler/nodes/baseline-list.ts';
import { listBaseline } from '../compiler/nodes/baseline-list.ts';
import type { CommandIO, ExitCode } from './io.ts';
import { readFirewalls } from './manifests/firewalls.ts';
import { loadDocuments } from './manifests/load.ts';
import { report } from './report.ts';
import { table } from './table.ts';

/**
 * Prints what is open at nodes whatever zones say; with a manifest, as that has it. Exit code 1 for a manifest that is invalid or has no
 * ClusterFirewall called default.
 */
export async function baseline(file: string | undefined, io: CommandIO): Promise<ExitCode> {
  if (file === undefined) {
    io.stdout(table(rowsOf(listBaseline())));
    return 0;
  }
  const loaded = await loadDocuments([file], io.stdin);
  const { firewalls, findings } = readFirewalls(loaded.documents, loaded.findings.length === 0 ? [file] : []);
  const invalid = [...loaded.findings, ...findings];
  report(invalid, io);
  if (invalid.length > 0) return 1;
  const main = firewalls.find(({ metadata }) => metadata.name === DEFAULT_FIREWALL);
  if (main === undefined) {
    io.stderr(`${file}: has no ClusterFirewall called ${DEFAULT_FIREWALL}, which alone has nodes\n`);
    return 1;
  }
  io.stdout(table(rowsOf(listBaseline(main.spec.nodes))));
  return 0;
}

const COLUMNS = ['name', 'state', 'ports', 'from', 'what'] as const;

const rowsOf = (lines: readonly BaselineLine[]): readonly (readonly string[])[] => [
  COLUMNS.map((column) => column.toUpperCase()),
  ...lines.map((line) => COLUMNS.map((column) => line[column])),
];
