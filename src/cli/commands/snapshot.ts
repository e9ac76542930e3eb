import type { KubeConfigChoice } from '../../cluster/http/kubeconfig-file.ts';
import { kubeconfigOptions } from './cluster.ts';
import type { Declare } from './declare.ts';

const EXAMPLES = `
Examples:
  $ clusterfirewall snapshot > cluster.json
  $ clusterfirewall explain shop/web shop/db 5432 --inventory cluster.json

The file has one JSON object a line: the kinds and fields that decide about packets, and no others. There are no Secrets, ConfigMaps,
environment variables and images in it. The first line names kinds that could not be read.
config/viewer is the ClusterRole that this command needs. It only lists.

Exit codes: 0 done, 2 no answer of the API server, 3 a kind could not be read.`;

export const declareSnapshot: Declare = (program, { io, exit }) => {
  kubeconfigOptions(program.command('snapshot'))
    .description('print the cluster as one file, reduced to what decides about packets')
    .addHelpText('after', EXAMPLES)
    .action(async (choice: KubeConfigChoice) => {
      const { snapshot } = await import('../snapshot.ts');
      exit(await snapshot(choice, io));
    });
};
