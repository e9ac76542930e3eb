import type { Command } from 'commander';
import type { ValidateInput } from '../validate.ts';
import { outputOption, type Declare } from './declare.ts';
import { INVENTORY, manifestCommand, manifestInput, type ManifestFlags } from './manifests.ts';

const EXAMPLES = `
Examples:
  $ clusterfirewall validate firewall.yaml
  $ clusterfirewall validate default.yaml teams/ --inventory cluster.yaml
  $ kustomize build . | clusterfirewall validate -
  $ clusterfirewall validate firewall.yaml -o json | jq -r '.findings[].message'

All files are validated together, as if they were in one cluster. Objects of other API groups are skipped and counted. Folders in a folder are not searched.

With an inventory, validate also says what the manifests do: namespaces, failsafes that stay open, and remarks on nodes.
${INVENTORY}

JSON contains valid, firewalls (the names that were validated), skipped (a number), findings, and with an inventory summary. A finding contains severity (problem or warning),
file, document (its number in the file, from 1), line, firewall, path, reason and message. Unknown fields are left out.
Findings are sorted by file and line.`;

type ValidateFlags = ManifestFlags & Pick<ValidateInput, 'output'>;

export const declareValidate: Declare = (program, { io, exit }) => {
  manifestCommand(program, 'validate', EXAMPLES)
    .description('validate ClusterFirewall manifests, without a cluster')
    .addOption(outputOption())
    .action(async (files: readonly string[], flags: ValidateFlags, command: Command) => {
      const { validate } = await import('../validate.ts');
      exit(await validate({ ...manifestInput(files, flags, command), output: flags.output }, io));
    });
};
