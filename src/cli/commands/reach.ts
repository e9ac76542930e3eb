import { Option } from 'commander';
import type { ReachInput } from '../reach.ts';
import type { Declare } from './declare.ts';
import { questionOptions, tableOptions } from './questions.ts';

const FORMATS = ['text', 'json', 'csv', 'mermaid'] satisfies readonly ReachInput['output'][];

const EXAMPLES = `
Examples:
  $ clusterfirewall reach --from shop/web
  $ clusterfirewall reach --to shop/db -f firewall.yaml --inventory cluster.json
  $ clusterfirewall reach --from world -o csv > open.csv

Ends are written as for explain. Pods, nodes and addresses that nothing tells apart are one line, so the table is
exact: it is about every packet, and not about examples. Services are listed by the pods behind them.

Exit codes: 0 done, 2 the question is wrong, 3 something is Unknown, or a manifest has a problem.`;

export const declareReach: Declare = (program, { io, exit }) => {
  tableOptions(questionOptions(program.command('reach')))
    .description('list everything that is allowed, or what one end reaches')
    .addOption(new Option('-o, --output <format>', 'format of the output').choices(FORMATS).default('text'))
    .addHelpText('after', EXAMPLES)
    .action(async (input: ReachInput) => {
      const { reach } = await import('../reach.ts');
      exit(await reach(input, io));
    });
};
