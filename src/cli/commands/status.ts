import type { StatusFlags } from '../show-status.ts';
import { clusterOptions } from './cluster.ts';
import { outputOption, type Declare } from './declare.ts';

const EXAMPLES = `
Examples:
  $ clusterfirewall status
  $ clusterfirewall status team-a
  $ clusterfirewall status -o json |
      jq -r '.namespaces[] | select(.state == "open").name'

A namespace is enforced, observed, exempt or open. Calico's stored policies decide, and not the spec: "wanted" names what the spec asks for where that is something else. SINCE is the creation of the policy, and for a node that of its endpoint or label.

Exit codes: 0 everything is as it is wanted and an operator looks, 1 something is not, 2 there is no such ClusterFirewall, 3 something may not be read.

JSON contains ok, operator, firewalls, namespaces, nodes, and unknown where something could not be read.`;

export const declareStatus: Declare = (program, { io, exit }) => {
  clusterOptions(program.command('status'))
    .description('say who is enforced, observed and exempt in a cluster, and whether an operator looks')
    .argument('[name]', 'a ClusterFirewall; default: all')
    .addOption(outputOption())
    .addHelpText('after', EXAMPLES)
    .action(async (name: string | undefined, flags: StatusFlags) => {
      const { showStatus } = await import('../show-status.ts');
      exit(await showStatus({ ...flags, ...(name !== undefined && { name }) }, io));
    });
};
