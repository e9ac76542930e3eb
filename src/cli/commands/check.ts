import type { CheckInput } from '../show-check.ts';
import { clusterOptions } from './cluster.ts';
import { outputOption, seconds, type Declare } from './declare.ts';

const EXAMPLES = `
Examples:
  $ clusterfirewall check --pre
  $ clusterfirewall check --wait 120
  $ clusterfirewall check -o json | jq '.findings[] | select(.grade != "ok")'

--pre looks at Kubernetes, Calico, your rights, webhooks, policies and host endpoints. Without it, the operator is looked at too: its API, Deployment, Lease and guards, and whether every ClusterFirewall is ready.

Exit codes: 0 nothing fails (warnings do not count), 1 something fails, 2 no cluster was found, 3 something may not be read.`;

export const declareCheck: Declare = (program, { io, exit }) => {
  clusterOptions(program.command('check'))
    .description('check a cluster before the operator is installed, and the operator afterwards')
    .option('--pre', 'only what matters before the operator is installed')
    .option('--wait <seconds>', 'repeat until nothing fails, at most for this time', seconds)
    .addOption(outputOption())
    .addHelpText('after', EXAMPLES)
    .action(async (input: CheckInput) => {
      const { showCheck } = await import('../show-check.ts');
      exit(await showCheck(input, io));
    });
};
