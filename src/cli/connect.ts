/** The cluster of a command line. It brings the Kubernetes client, so only commands that ask one load it. */
import { systemClock } from '../cluster/clock.ts';
import { kubeConfigCredentials } from '../cluster/http/kubeconfig.ts';
import { loadDefaultKubeConfig, type KubeConfigChoice } from '../cluster/http/kubeconfig-file.ts';
import { withRetry } from '../cluster/http/retry.ts';
import type { TransportRequest } from '../cluster/http/transport.ts';
import { UndiciTransport } from '../cluster/http/undici-transport.ts';
import type { Logger } from '../cluster/logger.ts';
import type { Connection } from './io.ts';
import { VERSION } from './version.ts';

/** Someone waits at a terminal for the answer. */
const TIMEOUT_MS = 10_000;
const ATTEMPTS = 2;

/** Whatever goes wrong becomes the message of a command. */
const silent: Logger = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
};

/**
 * Reads the kubeconfig, and asks nothing yet.
 * @throws Error that names the file, the field and the remedy
 */
export function connect(choice: KubeConfigChoice): Promise<Connection> {
  const clock = systemClock;
  const credentials = kubeConfigCredentials(() => loadDefaultKubeConfig(choice), { clock, log: silent });
  const userAgent = `clusterfirewall/${VERSION}`;
  const transport = new UndiciTransport({ credentials, clock, userAgent });
  const retrying = withRetry(transport, { clock, log: silent, attempts: ATTEMPTS });
  const patient = (request: TransportRequest): TransportRequest => ({ timeoutMs: TIMEOUT_MS, ...request });
  return Promise.resolve({
    server: credentials.server,
    transport: {
      request: (request) => retrying.request(patient(request)),
      stream: (request) => retrying.stream(patient(request)),
    },
    close: () => transport.close(),
  });
}
