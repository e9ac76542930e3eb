import type { UninstallInput } from '../uninstall.ts';
import { clusterOptions } from './cluster.ts';
import { seconds, type Declare } from './declare.ts';

const EXAMPLES = `
Examples:
  $ clusterfirewall uninstall
  $ clusterfirewall uninstall --yes --context staging
  $ clusterfirewall uninstall --retain

It says which namespaces and nodes open, and asks. It deletes the ClusterFirewalls, waits while the operator removes its policies in order, and does that itself where no operator renews its Lease. It also ends a ClusterFirewall that waits for an operator that is gone, and removes policies that belong to no ClusterFirewall any more. Failsafes of Felix are given back first.

With --retain everything stays in force, and belongs to nobody.

It uses your own rights, and removes neither the operator nor the CustomResourceDefinition: it prints the commands that do.

Exit codes: 0 done, 1 not confirmed, 2 nobody could be asked, 3 something is left.`;

export const declareUninstall: Declare = (program, { io, exit }) => {
  clusterOptions(program.command('uninstall'))
    .description('open what ClusterFirewalls close, and remove them, with an operator or without')
    .option('--retain', 'keep everything in force, without a ClusterFirewall')
    .option('-y, --yes', 'do not ask')
    .option('--timeout <seconds>', 'time for the ClusterFirewalls to end', seconds, 120)
    .addHelpText('after', EXAMPLES)
    .action(async (input: UninstallInput) => {
      const { uninstall } = await import('../uninstall.ts');
      exit(await uninstall(input, io));
    });
};
