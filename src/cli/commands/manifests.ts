/** Arguments and options of the commands that read manifests and an inventory. */
import type { Command } from 'commander';
import { DEFAULT_OPERATOR_NAMESPACE } from '../../compiler/names.ts';
import type { ManifestInput } from '../manifests/compiled.ts';

export const INVENTORY = `An inventory comes from clusterfirewall snapshot. docs/install.md has one command of kubectl that makes it too.`;

export interface ManifestFlags extends Omit<ManifestInput, 'files'> {
  readonly filename?: readonly string[];
}

export const manifestCommand = (program: Command, name: string, examples: string): Command =>
  program
    .command(name)
    .argument('[file...]', 'manifests, or folders of them; - for standard input')
    .option('-f, --filename <file...>', 'the same, as kubectl names them')
    .option(
      '--inventory <file>',
      'manifests of the cluster: namespaces, nodes, pools and the objects that the API server calls; other kinds are ignored',
    )
    .option(
      '--operator-namespace <name>',
      'namespace of the operator, which is always exempt',
      DEFAULT_OPERATOR_NAMESPACE,
    )
    .option('--strict', 'refuse objects of other API groups, instead of skipping them')
    .addHelpText('after', examples);

/** Files that are named with -f or without. */
export function manifestInput(
  named: readonly string[],
  { filename = [], ...flags }: ManifestFlags,
  command: Command,
): ManifestInput {
  const files = [...named, ...filename];
  if (files.length === 0) command.error('error: name at least one manifest, or - for standard input');
  return { ...flags, files };
}
