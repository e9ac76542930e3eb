import { DEFAULT_FIREWALL } from '../api/schema.ts';
import type { BaselineLine } from '../compiler/nodes/baseline-list.ts';
import { listBaseline } from '../compiler/nodes/baseline-list.ts';
import type { CommandIO, ExitCode } from './io.ts';
import { readFirewalls } from './manifests/firewalls.ts';
import { loadDocuments } from './manifests/load.ts';
import { report } from './report.ts';
import { table } from './table.ts';

/**
 * Prints the ports that are open at nodes whatever zones say. With a manifest, it prints them as the manifest
 * changes them. Exit code 1 for a manifest that is invalid or has no ClusterFirewall called default.
 */
export async function baseline(file: string | undefined, io: CommandIO): Promise<ExitCode> {
  if (file === undefined) {
    io.stdout(table(rowsOf(listBaseline())));
    return 0;
  }
  const loaded = await loadDocuments([file], io.stdin);
  const { firewalls, diagnostics } = readFirewalls(
    loaded.documents,
    loaded.diagnostics.length === 0 ? [file] : [],
  );
  const invalid = [...loaded.diagnostics, ...diagnostics];
  report(invalid, io);
  if (invalid.length > 0) return 1;
  const main = firewalls.find(({ metadata }) => metadata.name === DEFAULT_FIREWALL);
  if (main === undefined) {
    io.stderr(
      `${file}: has no ClusterFirewall called ${DEFAULT_FIREWALL}, the only one that may have nodes: give its manifest\n`,
    );
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
