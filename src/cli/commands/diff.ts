import { Option } from 'commander';
import type { DiffInput } from '../diff.ts';
import type { Declare } from './declare.ts';
import { questionOptions } from './questions.ts';

const FORMATS = ['text', 'json', 'markdown'] satisfies readonly DiffInput['output'][];

const EXAMPLES = `
Examples:
  $ clusterfirewall diff -f new.yaml
  $ clusterfirewall diff old.yaml new.yaml --inventory cluster.json -o markdown
  $ clusterfirewall diff yesterday.json today.json

With -f: the flows that applying these ClusterFirewalls would open and close now.
OLD and NEW are manifests of ClusterFirewalls for one cluster, or two files of snapshot.
The answer is exact: it is about every packet between ends that are there before and after. Flows that open come first.

Exit codes: 0 no difference, 1 it only closes, 2 the question is wrong, 3 something is Unknown or a manifest has a problem, 4 it opens something.
2 comes before 4, 4 before 3, and 3 before 1.`;

export const declareDiff: Declare = (program, { io, exit }) => {
  questionOptions(program.command('diff'))
    .description('list the flows that a change opens and closes')
    .argument('[files...]', 'OLD and NEW')
    .addOption(new Option('-o, --output <format>', 'format of the output').choices(FORMATS).default('text'))
    .addHelpText('after', EXAMPLES)
    .action(async (files: readonly string[], input: DiffInput) => {
      const { diff } = await import('../diff.ts');
      exit(await diff(files, input, io));
    });
};
