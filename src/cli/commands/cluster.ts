/** Options and life of the commands that ask a cluster. */
import type { Command } from 'commander';
import type { KubeConfigChoice } from '../../cluster/http/kubeconfig-file.ts';
import type { CommandIO, Connection } from '../io.ts';

export interface ClusterFlags extends KubeConfigChoice {
  /** Namespace of the operator. */
  readonly namespace?: string;
}

export const kubeconfigOptions = (command: Command): Command =>
  command
    .option('--kubeconfig <file>', 'the cluster; default: that of KUBECONFIG, or ~/.kube/config')
    .option('--context <name>', 'context of the kubeconfig');

export const clusterOptions = (command: Command): Command =>
  kubeconfigOptions(command).option(
    '-n, --namespace <name>',
    "the operator's namespace; default: wherever it is",
  );

/** Connects, works, and closes the connection whatever happens. */
export async function withCluster<T>(
  { kubeconfig, context }: KubeConfigChoice,
  io: CommandIO,
  work: (connection: Connection) => Promise<T>,
): Promise<T> {
  const connection = await io.connect({
    ...(kubeconfig !== undefined && { kubeconfig }),
    ...(context !== undefined && { context }),
  });
  try {
    return await work(connection);
  } finally {
    await connection.close();
  }
}
