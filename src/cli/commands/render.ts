import type { Command } from 'commander';
import type { Declare } from './declare.ts';
import { INVENTORY, manifestCommand, manifestInput, type ManifestFlags } from './manifests.ts';

const EXAMPLES = `
Examples:
  $ clusterfirewall render firewall.yaml
  $ clusterfirewall render firewall.yaml --inventory cluster.yaml > all.yaml
  $ kubectl get clusterfirewalls -o yaml | clusterfirewall render -

Without an inventory, every named namespace is assumed to exist. The nodes and the pods that the API server calls are not known.
${INVENTORY}`;

export const declareRender: Declare = (program, { io, exit }) => {
  manifestCommand(program, 'render', EXAMPLES)
    .description('print the Calico objects that the operator would apply')
    .action(async (files: readonly string[], flags: ManifestFlags, command: Command) => {
      const { render } = await import('../render.ts');
      exit(await render(manifestInput(files, flags, command), io));
    });
};
