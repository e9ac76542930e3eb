import { Argument } from 'commander';
import { completion, SHELLS, type ShellName } from '../completion.ts';
import type { Declare } from './declare.ts';

const EXAMPLES = `
Examples:
  $ source <(clusterfirewall completion bash)
  $ clusterfirewall completion zsh > "\${fpath[1]}/_clusterfirewall"
  $ clusterfirewall completion fish \\
      > ~/.config/fish/completions/clusterfirewall.fish`;

export const declareCompletion: Declare = (program, { io }) => {
  program
    .command('completion')
    .description('print a script that completes commands and options in a shell')
    .addArgument(new Argument('<shell>', 'the shell').choices(SHELLS))
    .addHelpText('after', EXAMPLES)
    .action((shell: ShellName) => {
      io.stdout(completion(program, shell));
    });
};
