/** Faster time, and the operator's watches in this process. */
import { KubeConfig } from '@kubernetes/client-node';
import { mergePatch } from '../../src/cluster/objects/apply.ts';
import { systemClock, type Clock } from '../../src/cluster/clock.ts';
import { kubeConfigCredentials } from '../../src/cluster/http/kubeconfig.ts';
import type { KubernetesObject, Resource } from '../../src/cluster/resource.ts';
import { recordingLogger } from '../../src/cluster/testing/logs.ts';
import type { Transport } from '../../src/cluster/http/transport.ts';
import { UndiciTransport } from '../../src/cluster/http/undici-transport.ts';
import { Controller } from '../../src/controller/controller.ts';
import { FINALIZER, FIREWALLS } from '../../src/controller/observe/firewalls.ts';
import type { HeartbeatObject } from '../../src/cluster/informer/heartbeat.ts';
import { serveEndpoints } from '../../src/serving/endpoints.ts';
import { Metrics } from '../../src/controller/metrics/metrics.ts';
import { Informer } from '../../src/cluster/informer/informer.ts';
import { HEARTBEAT } from '../../src/controller/objects/ownership.ts';
import { Watches } from '../../src/cluster/informer/watches.ts';

/** Half a minute of quiet takes three seconds. */
const SPEED = 10;

const clock: Clock = {
  now: () => performance.now() * SPEED,
  date: () => new Date(),
  setTimeout(callback, ms) {
    const timer = setTimeout(callback, ms / SPEED);
    return () => {
      clearTimeout(timer);
    };
  },
};

/** @param server the kubeconfig's own by default, or a relay in front of it */
export function fastTransport(kubeconfig: string, server?: string): UndiciTransport {
  const load = (): KubeConfig => {
    const config = new KubeConfig();
    config.loadFromFile(kubeconfig);
    if (server === undefined) return config;
    const redirected = new KubeConfig();
    const clusters = config.clusters.map((each) => ({ ...each, server }));
    const { users, contexts, currentContext } = config;
    redirected.loadFromOptions({ clusters, users, contexts, currentContext });
    return redirected;
  };
  return new UndiciTransport({
    credentials: kubeConfigCredentials(load, { clock, log: recordingLogger() }),
    clock,
    userAgent: 'clusterfirewall-test',
  });
}

interface InformerSetup {
  readonly kind: string;
  readonly resource: Resource;
  readonly transport: Transport;
  readonly writer?: Transport;
}

/** An informer with its heartbeat. */
export function startInformer({ kind, resource, transport, writer }: InformerSetup) {
  const log = recordingLogger();
  const beats: string[] = [];
  const watches = new Watches({
    transport,
    writer: () => writer,
    clock,
    log,
    ...HEARTBEAT,
    onResult: (_copy, method, result) => beats.push(`${method} ${result}`),
  });
  const heartbeatObject = ({ metadata }: KubernetesObject): HeartbeatObject => {
    const { name, namespace, uid = '' } = metadata;
    return { name, namespace, uid };
  };
  const informer = new Informer<KubernetesObject>(
    { transport, clock, log, watches },
    {
      kind,
      resource,
      project: (object) => object,
      onChange: () => undefined,
      onSynced: () => undefined,
      heartbeatObject,
    },
  );
  informer.start();
  const relists = () => log.lines.filter(({ message }) => message.includes('listing anew')).length;
  return { informer, beats, relists, log };
}

export interface InProcess extends AsyncDisposable {
  /** `http://127.0.0.1:PORT`. */
  readonly url: string;
  readonly logged: (message: string) => number;
  /** Value of one sample, by its printed name and labels. 0 if there is none. */
  sample(text: string): Promise<number>;
}

/** Starts the controller and the health server, which lead without an election. */
export async function startInProcess(transport: Transport, operatorNamespace: string): Promise<InProcess> {
  const log = recordingLogger();
  const metrics = new Metrics(clock);
  const controller = new Controller({
    ...{ transport, clock, log, metrics, operatorNamespace },
    instance: 'in-process',
  });
  const stop = new AbortController();
  const { signal } = stop;
  const endpoints = await serveEndpoints({
    flags: { healthAddress: '127.0.0.1:0' },
    ...{ clock: systemClock, log },
    stuck: () => controller.stuck(),
    unready: () => controller.unready(),
    metrics: () => metrics.registry.metrics(),
    connect: () => transport,
  });
  const finalizers = {
    settle: async ({ name, deleting }: { readonly name: string; readonly deleting: boolean }) => {
      await mergePatch(transport, FIREWALLS, name, {
        metadata: { finalizers: deleting ? [] : [FINALIZER] },
      });
    },
  };
  const running = Promise.all([controller.run(signal), controller.lead({ transport, finalizers, signal })]);
  return {
    url: `http://127.0.0.1:${String(endpoints.healthPort)}`,
    logged: (text) => log.lines.filter(({ message }) => message === text).length,
    async sample(text) {
      const lines = (await metrics.registry.metrics()).split('\n');
      const line = lines.find((each) => each.startsWith(`${text} `));
      return line === undefined ? 0 : Number(line.slice(text.length + 1));
    },
    async [Symbol.asyncDispose]() {
      stop.abort();
      await running;
      await endpoints.close();
    },
  };
}
