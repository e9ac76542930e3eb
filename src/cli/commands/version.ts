import type { VersionInput } from '../show-version.ts';
import { clusterOptions } from './cluster.ts';
import { outputOption, type Declare } from './declare.ts';

const EXAMPLES = `
Examples:
  $ clusterfirewall version
  $ clusterfirewall version --client
  $ clusterfirewall version -o json | jq -r '.operators[].image'

Exit code 3 without an answer of the cluster: the client's own version is printed all the same.

JSON contains client, and of the cluster server, operators (namespace, version, image, replicas, ready) and api (the versions that are served). What the cluster does not tell is missing, and unknown says why.`;

export const declareVersion: Declare = (program, { io, exit }) => {
  clusterOptions(program.command('version'))
    .description('print the versions of this program, of the operator and of the API')
    .option('--client', 'ask no cluster')
    .addOption(outputOption())
    .addHelpText('after', EXAMPLES)
    .action(async (input: VersionInput) => {
      const { showVersion } = await import('../show-version.ts');
      exit(await showVersion(input, io));
    });
};
