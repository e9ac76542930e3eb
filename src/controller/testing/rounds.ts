/** Rounds of a reconciler, one at a time, on a server and a clock that the test owns. */
import type { EventNote } from '../../cluster/objects/events.ts';
import { Informer, type InformerContext } from '../../cluster/informer/informer.ts';
import { LeftOutObjects } from '../../cluster/informer/left-out.ts';
import { Watches } from '../../cluster/informer/watches.ts';
import type { Result } from '../../cluster/queue.ts';
import type { FakeApiServer } from '../../cluster/testing/fake-api-server.ts';
import { recordingLogger } from '../../cluster/testing/logs.ts';
import { ManualClock, settle } from '../../cluster/testing/manual-clock.ts';
import { compile } from '../../compiler/compile.ts';
import { Alterations } from '../apply/alterations.ts';
import { Drift } from '../apply/drift.ts';
import { Authorship } from '../objects/authorship.ts';
import { HEARTBEAT } from '../objects/ownership.ts';
import type { CalicoApi } from '../observe/calico-api.ts';
import { ClusterState } from '../observe/cluster-state.ts';
import { FIREWALLS, isNamedBy, projectFirewall, type StoredFirewall } from '../observe/firewalls.ts';
import { GeneratedObjects } from '../observe/generated-objects.ts';
import { CALICO, finalizersOf, OPERATOR_NAMESPACE } from './calico-server.ts';
import { inventoryOf, type World } from '../world.ts';
import { Reconciler, type ReconcilerOptions } from '../reconcile.ts';
import { RoundReport } from '../report/round-report.ts';
import { Reporter } from '../report/status-writer.ts';
import type { Finding } from '../report/status.ts';

/** The reports of all rounds so far. */
class Told {
  findings = new Map<string, Finding>();
  drift: string[] = [];
  notes: Omit<EventNote, 'regarding'>[] = [];

  add({ findings, repairs, failsafes }: RoundReport): void {
    for (const { firewall, finding } of findings) this.findings.set(firewall.name, finding);
    this.drift.push(...repairs.map(({ id }) => id));
    this.notes.push(...failsafes);
  }
}

export class Rounds {
  readonly server: FakeApiServer;
  readonly clock = new ManualClock();
  readonly log = recordingLogger();
  readonly stop = new AbortController();
  readonly told = new Told();
  readonly #firewalls: Informer<StoredFirewall>;
  readonly #state: ClusterState;
  readonly #stored: GeneratedObjects;
  readonly #reconciler: Reconciler;
  readonly #leftOut = new LeftOutObjects(() => undefined);
  #seen = 0;

  constructor(server: FakeApiServer, options: Partial<ReconcilerOptions> = {}) {
    this.server = server;
    const { clock, log } = this;
    const parts = { transport: server, clock, log };
    const watches = new Watches({
      ...parts,
      ...HEARTBEAT,
      writer: () => undefined,
      onResult: () => undefined,
    });
    const context: InformerContext = { ...parts, watches, leftOut: this.#leftOut };
    const ignore = (): void => undefined;
    this.#firewalls = new Informer(context, {
      kind: 'ClusterFirewall',
      resource: FIREWALLS,
      project: projectFirewall,
      onChange: ignore,
      onSynced: ignore,
    });
    this.#state = new ClusterState(
      context,
      (service) => isNamedBy(this.#firewalls.store.list(), service) || this.#reconciler.names(service),
      ignore,
    );
    const { authorship = new Authorship() } = options;
    this.#stored = new GeneratedObjects(CALICO, context, {
      onChange: ignore,
      isKept: () => false,
      authorship,
    });
    this.#reconciler = new Reconciler({
      ...parts,
      compile,
      drift: new Drift(clock),
      authorship,
      alterations: new Alterations(clock),
      finalizers: finalizersOf(server),
      signal: this.stop.signal,
      reporter: new Reporter(server, clock, log),
      ...options,
    });
  }

  /** Lists and watches; resolves when everything is listed. */
  async start(): Promise<this> {
    for (const each of [this.#firewalls, this.#state.informers, this.#stored.informers]) each.start();
    await settle();
    return this;
  }

  /**
   * Runs one round on what is stored now.
   * @param calico as it is served; unlisted: served, and not listed yet
   */
  async round(calico: CalicoApi | 'unlisted' = CALICO): Promise<Result> {
    await settle();
    const inventory = this.#state.snapshot();
    const report = new RoundReport();
    const world: World = {
      firewalls: this.#firewalls.store.list(),
      inventory: inventoryOf(inventory, this.#stored, OPERATOR_NAMESPACE, this.#leftOut.list()),
      nodes: inventory.nodes,
      isClosedNamespace: (name) => this.#state.isClosed(name),
      calico: calico === 'unlisted' ? CALICO : calico,
      stored: calico === 'unlisted' || !calico.served ? undefined : this.#stored,
    };
    try {
      return await this.#reconciler.reconcile(world, report, this.stop.signal);
    } finally {
      this.told.add(report);
    }
  }

  /** Runs one round while this much time passes. */
  async roundWithin(ms: number): Promise<Result> {
    const round = this.round();
    await this.clock.advance(ms);
    return round;
  }

  /**
   * Runs rounds, each when the one before asked for it, until one asks for nothing. Returns what was written,
   * as `wrote` does.
   */
  async settle(): Promise<readonly string[]> {
    for (let rounds = 0; rounds < 100; rounds += 1) {
      const next = await this.round();
      if (next.type === 'done') return this.wrote();
      await this.clock.advance(next.type === 'requeueAfter' ? next.ms : 1000);
    }
    throw new Error('no end after a hundred rounds');
  }

  /**
   * Returns the writes since the last call but for statuses, oldest first, such as `PATCH
   * default-defaults-deny`: the name without its digest.
   */
  wrote(): readonly string[] {
    const writes = this.server
      .writes()
      .filter((write) => write !== 'PATCH status')
      .map(readable);
    const news = writes.slice(this.#seen);
    this.#seen = writes.length;
    return news;
  }
}

const readable = (write: string): string =>
  write.replace(/ (?:clusterfirewall\.|0-)?cfw-(.+)-[0-9a-f]{6}$/, ' $1');

/** Rounds on a server where everything that is desired is stored. */
export async function settled(
  server: FakeApiServer,
  options: Partial<ReconcilerOptions> = {},
): Promise<Rounds> {
  const rounds = await new Rounds(server, options).start();
  await rounds.settle();
  return rounds;
}
