import { type Command, Option } from 'commander';
import type { KubeConfigChoice } from '../../cluster/http/kubeconfig-file.ts';
import type { ValidateInput } from '../validate.ts';
import { kubeconfigOptions } from './cluster.ts';
import { outputOption, type Declare } from './declare.ts';
import { INVENTORY, manifestCommand, manifestInput, type ManifestFlags } from './manifests.ts';

const EXAMPLES = `
Examples:
  $ clusterfirewall validate firewall.yaml
  $ clusterfirewall validate default.yaml teams/ --inventory cluster.yaml
  $ kustomize build . | clusterfirewall validate -
  $ clusterfirewall validate team.yaml --cluster
  $ clusterfirewall validate firewall.yaml -o json | jq -r '.findings[].message'

All files are validated together, as if they were in one cluster. Objects of other API groups are skipped and counted. Folders in a folder are not searched.

Assertions are evaluated as if every mode were Enforce: of the manifests, and those of the stored ClusterFirewall default, which every change must keep.
Other stored ClusterFirewalls count as they are. Without a cluster, an assertion needs namespaceLabels for each pod.

With a cluster or an inventory, validate also says what the manifests do: namespaces, failsafes that stay open, and remarks on nodes.
${INVENTORY}

JSON contains valid, firewalls (the names that were validated), skipped (a number), findings, and with an inventory summary. A finding contains severity (problem or warning),
file, document (its number in the file, from 1), line, firewall, path, reason and message. Unknown fields are left out.
Findings are sorted by file and line.

Exit codes: 0 valid, 1 something is wrong in a manifest or an assertion fails, 2 a file or an option is wrong, 3 an assertion is Unknown and nothing is wrong.`;

type ValidateFlags = ManifestFlags &
  KubeConfigChoice &
  Pick<ValidateInput, 'output'> & { readonly cluster?: true };

export const declareValidate: Declare = (program, { io, exit }) => {
  kubeconfigOptions(manifestCommand(program, 'validate', EXAMPLES))
    .description('validate ClusterFirewall manifests, without a cluster unless --cluster says so')
    .addOption(
      new Option('--cluster', 'take the cluster of the kubeconfig in place of an inventory').conflicts(
        'inventory',
      ),
    )
    .addOption(outputOption())
    .action(async (files: readonly string[], flags: ValidateFlags, command: Command) => {
      const { validate } = await import('../validate.ts');
      const live = flags.cluster === true && { live: flags };
      exit(await validate({ ...manifestInput(files, flags, command), output: flags.output, ...live }, io));
    });
};
