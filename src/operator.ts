/**
 * The operator's process. Its shell is @dot-i/k8s-operator, of which we use the life cycle, kubeConfig, the
 * logger, and the decision whether a finalizer has work to do. We do not use its requests: its watch loses
 * deletes and ends the process on an error, and its writes swallow theirs.
 */
// The shell is CommonJS and would load client-node, an ES module, by itself. It therefore has to be loaded
// before.
import type { KubeConfig } from '@kubernetes/client-node';
import '@kubernetes/client-node';
import shell from '@dot-i/k8s-operator';
import type { ResourceEvent, ResourceMeta } from '@dot-i/k8s-operator';
import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import { Gauge, type Registry } from 'prom-client';
import { API_VERSION, KIND, PLURAL } from './api/schema.ts';
import { OPERATOR_NAME } from './compiler/names.ts';
import { OutageTracker } from './cluster/http/outages.ts';
import { mergePatch } from './cluster/objects/apply.ts';
import { systemClock, type Clock } from './cluster/clock.ts';
import { isNotFound } from './cluster/errors.ts';
import { kubeConfigCredentials, type LoadKubeConfig } from './cluster/http/kubeconfig.ts';
import { loadDefaultKubeConfig } from './cluster/http/kubeconfig-file.ts';
import { withFence } from './cluster/leader/fence.ts';
import { LeaderElection, type LeaseNote, type LeaseTerm } from './cluster/leader/lease.ts';
import { jsonLogger } from './cluster/json-logger.ts';
import type { Logger } from './cluster/logger.ts';
import { metered } from './cluster/http/metered.ts';
import { withRetry } from './cluster/http/retry.ts';
import type { Transport } from './cluster/http/transport.ts';
import { UndiciTransport } from './cluster/http/undici-transport.ts';
import { Controller } from './controller/controller.ts';
import { FINALIZER, FIREWALLS, type StoredFirewall } from './controller/observe/firewalls.ts';
import { operatorNamespace } from './controller/observe/cluster-state.ts';
import { Metrics } from './controller/metrics/metrics.ts';
import { serveEndpoints, type EndpointFlags, type Endpoints } from './serving/endpoints.ts';

const { default: Shell, ResourceEventType, ResourceMetaImpl } = shell;

export interface OperatorOptions extends EndpointFlags {
  /** Default: KUBECONFIG, `~/.kube/config`, or the pod's ServiceAccount, in this order. */
  readonly loadKubeConfig?: LoadKubeConfig;
  /** Default: JSON lines on standard output. */
  readonly log?: Logger;
  readonly env?: NodeJS.ProcessEnv;
}

/** The maximum time to stop, well below the 30 s after which kubelet kills. */
const STOP_MS = 20_000;
/** Connections of the election alone, so a renewal does not wait for slow lists and writes. */
const LEASE_CONNECTIONS = 2;
/**
 * Reviews of those who read metrics go one by one, so a flood of them does not become one at the API server.
 */
const REVIEW_CONNECTIONS = 1;
/** Public keys of the processes whose signatures on policies count (src/controller/objects/authorship.ts). */
const AUTHORS = 'clusterfirewall.io/authors';
/**
 * A replica that cannot lead must not count as ready. Otherwise a rolling update could end without a leader.
 */
const NO_LEASE = 'it cannot take part in leader election yet; the log has the reason';

/** One operator, from start to stop. */
export class FirewallOperator extends Shell {
  readonly #options: OperatorOptions;
  readonly #log: Logger;
  readonly #clock: Clock = systemClock;
  readonly #abort = new AbortController();
  readonly #transports: UndiciTransport[] = [];
  /** The transport for writes of the present term. */
  #writes: Transport | undefined;
  #running: Promise<void> = Promise.resolve();
  #endpoints: Endpoints | undefined;

  constructor(options: OperatorOptions) {
    const log = options.log ?? jsonLogger();
    super(shellLogger(log));
    this.#options = options;
    this.#log = log;
  }

  /** The port of /healthz and /readyz. Undefined if none was configured. */
  get healthPort(): number | undefined {
    return this.#endpoints?.healthPort;
  }

  /** The port of /metrics. Undefined if none was configured. */
  get metricsPort(): number | undefined {
    return this.#endpoints?.metricsPort;
  }

  /** Resolves when the operator has stopped. Rejects when it failed. */
  get ended(): Promise<void> {
    return this.#running;
  }

  /**
   * start() calls this. It resolves when the operator works, which does not mean that it has seen the
   * cluster: /readyz reports that.
   */
  protected override async init(): Promise<void> {
    const { loadKubeConfig = loadDefaultKubeConfig, env = process.env } = this.#options;
    this.kubeConfig = loadKubeConfig();
    const parts = { clock: this.#clock, log: this.#log };
    const credentials = kubeConfigCredentials(reloading(this.kubeConfig, loadKubeConfig), parts);
    const instance = env['POD_NAME'] ?? hostname();
    const userAgent = `clusterfirewall (${instance})`;
    const metrics = new Metrics(this.#clock);
    const outages = new OutageTracker(this.#clock);
    const measure = metrics.requests.observer(credentials.server);
    const connect = (options: { readonly connections?: number } = {}): Transport => {
      const transport = new UndiciTransport({ credentials, clock: this.#clock, userAgent, ...options });
      this.#transports.push(transport);
      return metered(transport, {
        clock: this.#clock,
        onRequest: (outcome) => {
          measure(outcome);
          outages.note(outcome);
        },
      });
    };
    const transport = withRetry(connect(), parts);
    const namespace = operatorNamespace(env);
    const controller = new Controller({
      ...parts,
      transport,
      operatorNamespace: namespace,
      instance,
      metrics,
      outages,
    });
    const identity = `${instance}_${randomUUID()}`;
    const leases = connect({ connections: LEASE_CONNECTIONS });
    const lease = { namespace, name: OPERATOR_NAME, note: authorsNote(controller) };
    const election = new LeaderElection({ ...parts, transport: leases, identity, ...lease });
    leaderGauge(metrics.registry, election);
    this.#endpoints = await serveEndpoints({
      ...parts,
      flags: this.#options,
      stuck: () => controller.stuck(),
      unready: () => controller.unready() ?? (election.canBeElected ? undefined : NO_LEASE),
      metrics: () => metrics.registry.metrics(),
      connect: () => connect({ connections: REVIEW_CONNECTIONS }),
    });
    this.#running = this.#run(controller, election, transport);
    this.#log.info({ server: credentials.server, identity }, 'operator started');
  }

  /** Finishes the current write and begins no other. `ended` then resolves. */
  override stop(): void {
    super.stop();
    this.#abort.abort();
  }

  /** Watches from the start, so it can take over at once. Writes while elected. */
  async #run(controller: Controller, election: LeaderElection, transport: Transport): Promise<void> {
    const { signal } = this.#abort;
    const lead = (term: LeaseTerm): Promise<void> => this.#lead(controller, transport, term);
    try {
      await Promise.all([controller.run(signal), election.run(lead, signal)]);
    } finally {
      await Promise.all([
        this.#endpoints?.close(),
        ...this.#transports.map((transport) => transport.close()),
      ]);
    }
    this.#log.info({}, 'operator stopped');
  }

  async #lead(controller: Controller, transport: Transport, { fence, signal }: LeaseTerm): Promise<void> {
    const fenced = withFence(transport, fence);
    const finalizers = { settle: (firewall: StoredFirewall) => this.#settleFinalizer(firewall) };
    this.#writes = fenced;
    try {
      await controller.lead({ transport: fenced, finalizers, signal });
    } finally {
      this.#writes = undefined;
    }
  }

  async #settleFinalizer(firewall: StoredFirewall): Promise<void> {
    const event = firewallEvent(firewall);
    await this.handleResourceFinalizer(event, FINALIZER, () => Promise.resolve());
  }

  /** handleResourceFinalizer calls this. A deleted firewall needs no finalizers. */
  protected override async setResourceFinalizers(meta: ResourceMeta, finalizers: string[]): Promise<void> {
    if (this.#writes === undefined) throw new Error('the operator does not lead');
    const { name, resourceVersion } = meta;
    try {
      // The version is a precondition, because a merge patch replaces the whole list, including entries that
      // others have added meanwhile.
      await mergePatch(this.#writes, FIREWALLS, name, { metadata: { finalizers, resourceVersion } });
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
  }

  protected override watchResource(): Promise<void> {
    return Promise.reject(new Error('not used: src/cluster/informer/reflector.ts watches'));
  }

  protected override setResourceStatus(): Promise<null> {
    return Promise.reject(new Error('not used: src/controller/report/status-writer.ts writes the status'));
  }

  protected override patchResourceStatus(): Promise<null> {
    return this.setResourceStatus();
  }
}

const authorsNote = ({ authorship }: Controller): LeaseNote => ({
  annotation: AUTHORS,
  learn: (keys) => {
    authorship.learn(keys);
  },
  text: () => authorship.keys,
});

/**
 * The name is that of client-go and controller-runtime. An alert can use the value 1 to see who leads, and
 * that a replica leads.
 */
function leaderGauge(registry: Registry, election: LeaderElection): void {
  new Gauge({
    name: 'leader_election_master_status',
    help: '1 while this process leads, 0 while it is a standby.',
    labelNames: ['name'] as const,
    registers: [registry],
    collect() {
      this.set({ name: OPERATOR_NAME }, election.isLeader ? 1 : 0);
    },
  });
}

/** The shell changes the list of finalizers that it gets, so it gets its own. */
function firewallEvent({ name, resourceVersion, finalizers, deleting }: StoredFirewall): ResourceEvent {
  const object = {
    apiVersion: API_VERSION,
    kind: KIND,
    metadata: {
      name,
      resourceVersion,
      finalizers: [...finalizers],
      ...(deleting ? { deletionTimestamp: new Date() } : {}),
    },
  };
  return {
    type: ResourceEventType.Modified,
    meta: ResourceMetaImpl.createWithPlural(PLURAL, object),
    object,
  };
}

/** Returns the loaded configuration first, and then reads the files again. */
function reloading(first: KubeConfig, load: LoadKubeConfig): LoadKubeConfig {
  let loaded: KubeConfig | undefined = first;
  return () => {
    const config = loaded ?? load();
    loaded = undefined;
    return config;
  };
}

const shellLogger = (log: Logger) => ({
  debug: (message: string) => {
    log.debug({}, message);
  },
  info: (message: string) => {
    log.info({}, message);
  },
  warn: (message: string) => {
    log.warn({}, message);
  },
  error: (message: string) => {
    log.error({}, message);
  },
});

/**
 * Runs the operator until SIGTERM or SIGINT. A second signal ends the process at once. So does an unhandled
 * error, after a line in the log.
 * @throws Error when the operator cannot start, or fails
 */
export async function runOperator(options: OperatorOptions = {}): Promise<void> {
  const log = options.log ?? jsonLogger();
  const fatal = (err: unknown): void => {
    log.error({ err }, 'operator failed: unhandled error');
    process.exit(1);
  };
  process.on('unhandledRejection', fatal);
  process.on('uncaughtException', fatal);
  const operator = newOperator({ ...options, log });
  stopOnSignal(operator, log);
  await operator.start();
  await operator.ended;
}

/**
 * The shell reads the default kubeconfig when it is made, although it is not used. Its error would show lines
 * of the file.
 */
function newOperator(options: OperatorOptions): FirewallOperator {
  try {
    return new FirewallOperator(options);
  } catch {
    loadDefaultKubeConfig();
    throw new Error('the kubeconfig changed while it was read; start again');
  }
}

function stopOnSignal(operator: FirewallOperator, log: Logger): void {
  let stopping = false;
  const onSignal = (signal: NodeJS.Signals): void => {
    if (stopping) process.exit(1);
    stopping = true;
    log.info({ signal }, 'stopping');
    operator.stop();
    setTimeout(() => {
      log.warn({ afterMs: STOP_MS }, 'not stopped in time: ongoing requests are cut off');
      process.exit(0);
    }, STOP_MS).unref();
  };
  process.on('SIGTERM', onSignal);
  process.on('SIGINT', onSignal);
}
