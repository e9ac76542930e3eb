import type { KubeConfigChoice } from '../cluster/http/kubeconfig-file.ts';
import { snapshotLines } from '../snapshot/file.ts';
import type { CommandIO, ExitCode } from './io.ts';
import { printable } from './printable.ts';
import { readLiveObjects } from './questions/cluster.ts';

/**
 * Prints the cluster of the kubeconfig as JSON, one object a line. Exit code 3 if a kind could not be read; the
 * first line names it.
 */
export async function snapshot(choice: KubeConfigChoice, io: CommandIO): Promise<ExitCode> {
  const { objects, lacks } = await readLiveObjects(choice, io);
  for (const line of snapshotLines(objects, lacks)) io.stdout(line);
  for (const { kind, because } of lacks) io.stderr(`${kind} objects are missing: ${printable(because)}\n`);
  return lacks.length > 0 ? 3 : 0;
}
