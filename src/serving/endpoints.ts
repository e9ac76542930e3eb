/** Answers kubelet and Prometheus. */
import type { Clock } from '../cluster/clock.ts';
import type { Transport } from '../cluster/http/transport.ts';
import type { Logger } from '../cluster/logger.ts';
import { AccessReviews } from './access.ts';
import { parseAddress } from './address.ts';
import { followCertificate } from './certificate.ts';
import { serve, serveTls, type Answer, type Question, type RunningServer } from './server.ts';

export interface EndpointFlags {
  /** `HOST:PORT` or `:PORT` for /healthz and /readyz. Without it nothing listens for them. */
  readonly healthAddress?: string;
  /** The same for /metrics. Without a certificate it must be a loopback address. */
  readonly metricsAddress?: string;
  /** A folder with tls.crt and tls.key. With it metrics need TLS and a token that may read /metrics. */
  readonly metricsCertificate?: string;
}

export interface EndpointOptions {
  readonly flags: EndpointFlags;
  readonly clock: Clock;
  readonly log: Logger;
  /** Why not, for people. Undefined when ready. */
  readonly unready: () => string | undefined;
  /** Why only a new process can go on, for people. Undefined while this one works. */
  readonly stuck: () => string | undefined;
  /** In Prometheus' text format. */
  readonly metrics: () => Promise<string>;
  /** For reviews of those who read metrics. Called only if they are needed. */
  readonly connect: () => Transport;
}

export interface Endpoints {
  /** Undefined where nothing listens. */
  readonly healthPort: number | undefined;
  readonly metricsPort: number | undefined;
  close(): Promise<void>;
}

const METRICS = '/metrics';
/**
 * A probe takes milliseconds, and a flood must open so many connections in that time to end it. Each takes some
 * 20 kB, because answers are short.
 */
const HEALTH_CONNECTIONS = 256;
/** Each can hold an answer of some 100 kB that is not read. */
export const METRICS_CONNECTIONS = 32;

/**
 * Listens where the flags say.
 * @throws Error naming the flag that is malformed, unsafe or cannot be bound
 */
export async function serveEndpoints(options: EndpointOptions): Promise<Endpoints> {
  checkFlags(options.flags);
  const health = await serveHealth(options);
  try {
    const metrics = await serveMetrics(options);
    return {
      healthPort: health?.port,
      metricsPort: metrics?.port,
      close: async () => {
        await Promise.all([health?.close(), metrics?.close()]);
      },
    };
  } catch (error) {
    await health?.close();
    throw error;
  }
}

function checkFlags({ metricsAddress, metricsCertificate }: EndpointFlags): void {
  if (metricsAddress === undefined) {
    if (metricsCertificate === undefined) return;
    throw new Error('--metrics-certificate needs --metrics-address, for example :8443');
  }
  if (metricsCertificate === undefined && !parseAddress('--metrics-address', metricsAddress).isLoopback) {
    throw new Error(
      `--metrics-address: ${metricsAddress} is not a loopback address: add --metrics-certificate, or listen on 127.0.0.1`,
    );
  }
}

async function serveHealth(options: EndpointOptions): Promise<RunningServer | undefined> {
  const { flags, clock, log } = options;
  if (flags.healthAddress === undefined) return undefined;
  return serve({
    flag: '--health-address',
    address: flags.healthAddress,
    connections: HEALTH_CONNECTIONS,
    ...{ clock, log },
    answer: ({ path }) => Promise.resolve(probe(path, options)),
  });
}

function probe(path: string, { stuck, unready }: EndpointOptions): Answer {
  const answer = (state: string, why: string | undefined): Answer =>
    why === undefined ? { status: 200, body: 'ok\n' } : { status: 503, body: `${state}: ${why}\n` };
  switch (path) {
    case '/healthz':
      return answer('stuck', stuck());
    case '/readyz':
      return answer('not ready', unready());
    default:
      return { status: 404, body: 'not found: ask for /healthz or /readyz\n' };
  }
}

async function serveMetrics(options: EndpointOptions): Promise<RunningServer | undefined> {
  const { flags, clock, log, metrics, connect } = options;
  if (flags.metricsAddress === undefined) return undefined;
  const server = {
    flag: '--metrics-address',
    address: flags.metricsAddress,
    connections: METRICS_CONNECTIONS,
    ...{ clock, log },
  };
  const answer = async ({ path }: Question): Promise<Answer> => {
    if (path !== METRICS) return { status: 404, body: `not found: ask for ${METRICS}\n` };
    const headers = { 'content-type': 'text/plain; version=0.0.4; charset=utf-8' };
    return { status: 200, body: await metrics(), headers };
  };
  const folder = flags.metricsCertificate;
  if (folder === undefined) return serve({ ...server, answer });

  const reviews = new AccessReviews({ transport: connect(), clock, log });
  const reviewed = async (question: Question): Promise<Answer> =>
    (await reviews.refusal(question.authorization, METRICS)) ?? answer(question);
  const running = await serveTls({ ...server, answer: reviewed });
  const stop = await followCertificate(running.server, { folder, clock, log });
  return {
    port: running.port,
    close: () => {
      stop();
      return running.close();
    },
  };
}
