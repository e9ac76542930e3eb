import { Option } from 'commander';
import type { SuggestInput } from '../suggest.ts';
import type { Declare } from './declare.ts';
import { worldOptions } from './questions.ts';

const EXAMPLES = `
Examples:
  $ clusterfirewall suggest flows.txt edge1.txt -f firewall.yaml > new.yaml
  $ clusterfirewall suggest edge1.txt -f firewall.yaml --generalise world
  $ clusterfirewall diff firewall.yaml new.yaml --inventory cluster.json

Prints the ClusterFirewalls of -f with the fewest rules that allow the flows that Enforce would refuse. Each rule has a comment with the flows behind it.
Sources of flows are those of observe. The simulator has tried every rule that is printed.

Pods are named by the labels of their program, and namespaces by name. Ports and nodes are those that were seen.
--generalise exact      addresses outside are single addresses
--generalise peers      a peer of the firewall, where two of its addresses were seen
--generalise world      and World, where there are more than 64 addresses

Flows that nobody answered, and those of a source that looks like a scan, get no rule without --include.
Standard error says which flows have no rule and why, and what the rules open that was not seen.

Exit codes: 0 every flow has a rule, 1 some have none, 2 something cannot be read, 3 an end is not known, or a manifest has a problem.`;

export const declareSuggest: Declare = (program, { io, exit }) => {
  worldOptions(program.command('suggest'))
    .description('print ClusterFirewalls with rules for the flows that Enforce would refuse')
    .argument('[file...]', 'flows of Calico, or connections of nodes; - for standard input')
    .addOption(
      new Option('--generalise <how>', 'how far rules go beyond the addresses that were seen')
        .choices(['exact', 'peers', 'world'] satisfies readonly SuggestInput['generalise'][])
        .default('peers'),
    )
    .option('--include <source...>', 'addresses or programs that get rules for flows that nobody answered')
    .addOption(
      new Option('-o, --output <format>', 'format of the output').choices(['yaml', 'json']).default('yaml'),
    )
    .addHelpText('after', EXAMPLES)
    .action(async (files: readonly string[], input: SuggestInput) => {
      const { suggest } = await import('../suggest.ts');
      exit(await suggest(files, input, io));
    });
};
