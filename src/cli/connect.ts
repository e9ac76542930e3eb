/** The cluster of a command line. It brings the Kubernetes client, so only commands that ask one load it. */
import { systemClock } from '../cluster/clock.ts';
import { kubeConfigCredentials } from '../cluster/http/kubeconfig.ts';
import { loadDefaultKubeConfig, type KubeConfigChoice } from '../cluster/http/kubeconfig-file.ts';
import { withRetry } from '../cluster/http/retry.ts';
import type { TransportRequest } from '../cluster/http/transport.ts';
import { UndiciTransport } from '../cluster/http/undici-transport.ts';
import { silentLogger } from '../cluster/logger.ts';
import { messageOf } from '../cluster/errors.ts';
import type { Substitute } from '../removal/firewalls.ts';
import type { Connection } from './io.ts';
import { VERSION } from './version.ts';

/** Someone waits at a terminal for the answer. */
const TIMEOUT_MS = 10_000;
const ATTEMPTS = 2;

/**
 * Reads the kubeconfig, and asks nothing yet.
 * @throws Error that names the file, the field and the remedy
 */
export function connect(choice: KubeConfigChoice): Promise<Connection> {
  const clock = systemClock;
  const credentials = kubeConfigCredentials(() => loadDefaultKubeConfig(choice), {
    clock,
    log: silentLogger,
  });
  const userAgent = `clusterfirewall/${VERSION}`;
  const transport = new UndiciTransport({ credentials, clock, userAgent });
  const retrying = withRetry(transport, { clock, log: silentLogger, attempts: ATTEMPTS });
  const patient = (request: TransportRequest): TransportRequest => ({ timeoutMs: TIMEOUT_MS, ...request });
  return Promise.resolve({
    server: credentials.server,
    transport: {
      request: (request) => retrying.request(patient(request)),
      stream: (request) => retrying.stream(patient(request)),
    },
    close: () => transport.close(),
    operate: (namespace) => operate(choice, namespace),
  });
}

/** The operator is loaded here, and in run.ts. */
async function operate(choice: KubeConfigChoice, namespace: string): Promise<Substitute> {
  const { FirewallOperator } = await import('../operator.ts');
  let trouble: string | undefined;
  const note = (fields: object, message: string): void => {
    const { err } = fields as { readonly err?: unknown };
    trouble = err === undefined ? message : `${message}: ${messageOf(err)}`;
  };
  const operator = new FirewallOperator({
    loadKubeConfig: () => loadDefaultKubeConfig(choice),
    log: { ...silentLogger, warn: note, error: note },
    env: { POD_NAME: 'clusterfirewall-uninstall', POD_NAMESPACE: namespace },
  });
  await operator.start();
  return {
    trouble: () => trouble,
    stop: async () => {
      operator.stop();
      await operator.ended;
    },
  };
}
