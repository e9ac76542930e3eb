import { clusterOptions, type ClusterFlags } from './cluster.ts';
import type { Declare } from './declare.ts';

const EXAMPLES = `
Examples:
  $ clusterfirewall sysdump
  $ clusterfirewall sysdump problem.tar.gz --context staging

The archive contains what version, check, status and snapshot print, the ClusterFirewalls with their status, the operator's Deployment, pods, Leases and Events, and the end of its log.

Of each object it keeps the fields that a list names, and no others. There are no Secrets, ConfigMaps and environment variables in it. Names, labels and addresses of the cluster are, so look into it before you publish it. about.json says what could not be read.

Exit codes: 0 done, 2 no answer of the API server, or the file exists, 3 something could not be read.`;

export const declareSysdump: Declare = (program, { io, exit }) => {
  clusterOptions(program.command('sysdump'))
    .description('save what a report of a problem needs as one archive')
    .argument('[file]', 'the archive; default: a name with the time')
    .addHelpText('after', EXAMPLES)
    .action(async (file: string | undefined, flags: ClusterFlags) => {
      const { sysdump } = await import('../sysdump.ts');
      exit(await sysdump({ ...flags, ...(file !== undefined && { file }) }, io));
    });
};
