import type { EndpointFlags } from '../../serving/endpoints.ts';
import type { Declare } from './declare.ts';

const EXAMPLES = `
Examples:
  $ clusterfirewall run --health-address 0.0.0.0:8081 \\
      --metrics-address 127.0.0.1:8080
  $ clusterfirewall run --metrics-address :8443 \\
      --metrics-certificate /etc/clusterfirewall/metrics
  $ KUBECONFIG=~/.kube/config clusterfirewall run

The cluster is the one of KUBECONFIG, or of the pod that the operator runs in.`;

export const declareRun: Declare = (program) => {
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
    .addHelpText('after', EXAMPLES)
    .action(async (options: EndpointFlags) => {
      const { run } = await import('../run.ts');
      await run(options);
    });
};
