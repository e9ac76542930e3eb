import type { Declare } from './declare.ts';

const EXAMPLES = `
Examples:
  $ clusterfirewall baseline
  $ clusterfirewall baseline firewall.yaml
  $ kubectl get clusterfirewall default -o yaml | clusterfirewall baseline -

spec.nodes.baseline.disable switches off entries by name. An entry that says "where found" is on in clusters with the program it is for.`;

export const declareBaseline: Declare = (program, { io, exit }) => {
  program
    .command('baseline')
    .description('list the ports that are open at nodes whatever zones say')
    .argument('[file...]', 'manifests that disable entries or replace ports; - for standard input')
    .addHelpText('after', EXAMPLES)
    .action(async (files: readonly string[]) => {
      const { baseline } = await import('../baseline.ts');
      exit(await baseline(files, io));
    });
};
