import type { TableFlags } from '../questions/ask-table.ts';
import type { Declare } from './declare.ts';
import { questionOptions, tableOptions } from './questions.ts';

const EXAMPLES = `
Examples:
  $ clusterfirewall report > report.html
  $ clusterfirewall report -f new.yaml --inventory cluster.json > report.html
  $ clusterfirewall report --to shop/web > shop.html

The page is one file. It asks no network, and works in any browser of 2024 or later. It shows the same table as reach, and
the rules behind each cell.

Exit codes: 0 done, 2 the question is wrong, 3 something is Unknown, or a manifest has a problem.`;

export const declareReport: Declare = (program, { io, exit }) => {
  tableOptions(questionOptions(program.command('report')))
    .description('write everything that is allowed, and why, as one HTML page')
    .addHelpText('after', EXAMPLES)
    .action(async (flags: TableFlags) => {
      const { reportPage } = await import('../report-page.ts');
      exit(await reportPage(flags, io));
    });
};
