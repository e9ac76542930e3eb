import { DEFAULT_FIREWALL } from '../api/schema.ts';
import type { BaselineLine } from '../compiler/nodes/baseline-list.ts';
import { listBaseline } from '../compiler/nodes/baseline-list.ts';
import { columns } from './columns.ts';
import type { CommandIO, ExitCode } from './io.ts';
import { displayName } from './manifests/diagnostics.ts';
import { readFirewalls } from './manifests/firewalls.ts';
import { loadDocuments } from './manifests/load.ts';
import { report, reportSkipped } from './report.ts';

/**
 * Prints the ports that are open at nodes whatever zones say. With manifests, it prints them as the manifests
 * change them. Exit code 2 for a manifest that is invalid, or without a ClusterFirewall called default.
 */
export async function baseline(files: readonly string[], io: CommandIO): Promise<ExitCode> {
  if (files.length === 0) {
    io.stdout(columns(rowsOf(listBaseline())));
    return 0;
  }
  const { firewalls, diagnostics, skipped } = readFirewalls(await loadDocuments(files, io.stdin));
  report(diagnostics, io);
  reportSkipped(skipped, io);
  if (diagnostics.length > 0) return 2;
  const main = firewalls.find(({ metadata }) => metadata.name === DEFAULT_FIREWALL);
  if (main === undefined) {
    io.stderr(
      `${files.map(displayName).join(', ')}: no ClusterFirewall called ${DEFAULT_FIREWALL}, the only one that may have nodes: give its manifest\n`,
    );
    return 2;
  }
  io.stdout(columns(rowsOf(listBaseline(main.spec.nodes))));
  return 0;
}

const rowsOf = (lines: readonly BaselineLine[]): readonly (readonly string[])[] => [
  ['NAME', 'STATE', 'PORTS, FROM, WHAT FOR'],
  ...lines.map(({ name, state, ports, from, what }) => [name, state, `${ports} from ${from}: ${what}`]),
];
