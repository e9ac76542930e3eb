/** The command line: declares the commands, and turns every outcome into an exit code and a message. */
import { Command, CommanderError, Option } from 'commander';
import type { CountersInput } from './counters.ts';
import type { CommandIO, ExitCode } from './io.ts';
import type { ManifestInput } from './manifests/compiled.ts';
import { DEFAULT_OPERATOR_NAMESPACE } from '../compiler/names.ts';
import type { EndpointFlags } from '../serving/endpoints.ts';
import type { ValidateInput } from './validate.ts';
import { VERSION } from './version.ts';
import { messageOf } from '../cluster/errors.ts';

const EXAMPLES = `
Examples:
  $ clusterfirewall validate firewall.yaml
  $ clusterfirewall render firewall.yaml
  $ clusterfirewall baseline
  $ clusterfirewall counters dump.txt
  $ clusterfirewall run

Every command has its own --help. Files are manifests, folders of them, or - for standard input.

Exit codes of every command:
  0  yes, or done; warnings do not count
  1  no: validate found something wrong in a manifest
  2  no answer: a file or an option is wrong, or there is no ClusterFirewall; render then prints no object
  3  incomplete: render left out rules that have a problem`;

const INVENTORY = `An inventory comes from this command. Only validate uses pods, so leave them out if they are too many:
  $ kubectl get -A -o yaml namespaces,pods,nodes,ippools,hostendpoints,globalnetworkpolicies,tiers,felixconfigurations,bgppeers,kubecontrollersconfigurations,services,endpointslices,apiservices,crds,validatingwebhookconfigurations,mutatingwebhookconfigurations > cluster.yaml`;

const RENDER_EXAMPLES = `
Examples:
  $ clusterfirewall render firewall.yaml
  $ clusterfirewall render firewall.yaml --inventory cluster.yaml > policies.yaml
  $ kubectl get clusterfirewalls -o yaml | clusterfirewall render -

Without an inventory, every named namespace is assumed to exist. The nodes and the pods that the API server calls are not known.
${INVENTORY}`;

const VALIDATE_EXAMPLES = `
Examples:
  $ clusterfirewall validate firewall.yaml
  $ clusterfirewall validate default.yaml teams/ --inventory cluster.yaml
  $ kustomize build . | clusterfirewall validate -
  $ clusterfirewall validate firewall.yaml --output json | jq -r '.findings[].message'

All files are validated together, as if they were in one cluster. Objects of other API groups are skipped and counted. Folders in a folder are not searched.

With an inventory, validate also says what the manifests do: namespaces, failsafes that stay open, and remarks on nodes.
${INVENTORY}

JSON contains valid, firewalls (the names that were validated), skipped (a number), findings, and with an inventory summary. A finding contains severity (problem or warning),
file, document (its number in the file, from 1), line, firewall, path, reason and message. Unknown fields are left out.
Findings are sorted by file and line.`;

const BASELINE_EXAMPLES = `
Examples:
  $ clusterfirewall baseline
  $ clusterfirewall baseline firewall.yaml
  $ kubectl get clusterfirewall default -o yaml | clusterfirewall baseline -

spec.nodes.baseline.disable switches off entries by name. An entry that says "where found" is on in clusters with the program it is for.`;

const COUNTERS_EXAMPLES = `
Examples:
  $ ssh edge1 'sudo iptables-save -c; sudo ip6tables-save -c' | clusterfirewall counters
  $ kubectl -n calico-system exec calico-node-7x2kp -c calico-node -- nft list ruleset | clusterfirewall counters
  $ clusterfirewall counters edge1.txt edge2.txt --output json | jq '.rules[] | select(.verdict == "WouldDrop")'

Only packets that begin a connection are counted. "would drop" counts packets that nodes in Observe let pass.
WHERE is ports or host for the layers at nodes, before and after DNAT. A packet that passes both is counted in both.
WHERE is ingress or egress at pods. Observed pods have no counters, because Felix does not program staged policies.
A counter starts again at 0 when Felix rewrites its rule.

JSON contains rules. A rule contains rule, where, verdict (Dropped, WouldDrop, Passed), packets and bytes, in the same order.`;

const RUN_EXAMPLES = `
Examples:
  $ clusterfirewall run --health-address 0.0.0.0:8081 --metrics-address 127.0.0.1:8080
  $ clusterfirewall run --metrics-address :8443 --metrics-certificate /etc/clusterfirewall/metrics
  $ KUBECONFIG=~/.kube/config clusterfirewall run

The cluster is the one of KUBECONFIG, or of the pod that the operator runs in.`;

/**
 * Runs one command line, without `node` and the script's name. Commands are loaded when they are used, so
 * render and validate start without a Kubernetes client.
 */
export async function main(argv: readonly string[], io: CommandIO): Promise<ExitCode> {
  let exitCode: ExitCode = 0;
  const program = createProgram(io, (code) => {
    exitCode = code;
  });
  try {
    await program.parseAsync([...argv], { from: 'user' });
    return exitCode;
  } catch (error) {
    return exitCodeOf(error, io);
  }
}

function createProgram(io: CommandIO, exit: (code: ExitCode) => void): Command {
  const program = new Command('clusterfirewall')
    .description(
      'Turns one resource, ClusterFirewall, which says who may talk to whom, into Calico policies.',
    )
    .version(VERSION, '-V, --version', 'print the version')
    .helpCommand(false)
    .addHelpText('after', EXAMPLES)
    .exitOverride()
    .configureOutput({ writeOut: io.stdout, writeErr: io.stderr });

  manifestCommand(program, 'render', RENDER_EXAMPLES)
    .description('print the Calico objects that the operator would apply')
    .action(async (files: readonly string[], flags: ManifestFlags, command: Command) => {
      const { render } = await import('./render.ts');
      exit(await render(manifestInput(files, flags, command), io));
    });
  manifestCommand(program, 'validate', VALIDATE_EXAMPLES)
    .description('validate ClusterFirewall manifests, without a cluster')
    .addOption(outputOption())
    .action(async (files: readonly string[], flags: ValidateFlags, command: Command) => {
      const { validate } = await import('./validate.ts');
      exit(await validate({ ...manifestInput(files, flags, command), output: flags.output }, io));
    });
  program
    .command('baseline')
    .description('list the ports that are open at nodes whatever zones say')
    .argument('[file...]', 'manifests that disable entries or replace ports; - for standard input')
    .addHelpText('after', BASELINE_EXAMPLES)
    .action(async (files: readonly string[]) => {
      const { baseline } = await import('./baseline.ts');
      exit(await baseline(files, io));
    });
  program
    .command('counters')
    .description("list the counters of each rule on a node, from a dump of the node's packet filter")
    .argument('[file...]', 'the output of iptables-save -c or nft list ruleset; - for standard input')
    .addOption(outputOption())
    .addHelpText('after', COUNTERS_EXAMPLES)
    .action(async (files: readonly string[], input: CountersInput) => {
      const { counters } = await import('./counters.ts');
      exit(await counters(files, input, io));
    });
  runCommand(program);
  return program;
}

function runCommand(program: Command): void {
  program
    .command('run')
    .description('run the operator')
    .option('--health-address <host:port>', 'serve /healthz and /readyz there; default: nowhere')
    .option(
      '--metrics-address <host:port>',
      'serve /metrics there; default: nowhere; without a certificate only a loopback address',
    )
    .option(
      '--metrics-certificate <folder>',
      'serve /metrics over TLS with tls.crt and tls.key of this folder, which are read again when they change, and only to those who may get /metrics by RBAC',
    )
    .addHelpText('after', RUN_EXAMPLES)
    .action(async (options: EndpointFlags) => {
      const { run } = await import('./run.ts');
      await run(options);
    });
}

const outputOption = (): Option =>
  new Option('-o, --output <format>', 'format of the output').choices(['text', 'json']).default('text');

const manifestCommand = (program: Command, name: string, examples: string): Command =>
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

interface ManifestFlags extends Omit<ManifestInput, 'files'> {
  readonly filename?: readonly string[];
}

type ValidateFlags = ManifestFlags & Pick<ValidateInput, 'output'>;

function manifestInput(
  named: readonly string[],
  { filename = [], ...flags }: ManifestFlags,
  command: Command,
): ManifestInput {
  const files = [...named, ...filename];
  if (files.length === 0) command.error('error: name at least one manifest, or - for standard input');
  return { ...flags, files };
}

function exitCodeOf(error: unknown, io: CommandIO): ExitCode {
  // commander has printed its own message at this point.
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
  const message = messageOf(error);
  io.stderr(`clusterfirewall: ${message}\n`);
  return 2;
}
