import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { abortReason } from '../abort.ts';
import { sleep, type Clock } from '../clock.ts';
import { ApiError, TransportError } from '../errors.ts';
import { withFence } from './fence.ts';
import { LeaderElection, type LeaseTerm } from './lease.ts';
import { LeaseServer } from '../testing/lease-server.ts';
import { recordingLogger } from '../testing/logs.ts';
import { settle } from '../testing/manual-clock.ts';
import type { Transport, TransportRequest, TransportResponse } from '../http/transport.ts';

// Several candidates share one true time. Each has its own clock, faster or slower than the true one. Each
// can be paused: its code does not run while its time goes on, and afterwards it sees its sockets before its
// timers. fast-check's scheduler delays requests, and requests and answers get lost. The model proves that no
// write starts while another candidate holds the Lease.

/** True time in milliseconds. */
interface World {
  now: number;
}

interface Timer {
  readonly at: number;
  readonly callback: () => void;
}

class ProcessClock implements Clock {
  readonly #world: World;
  readonly #rate: number;
  readonly #start: number;
  readonly #timers = new Set<Timer>();

  constructor(world: World, rate: number, start: number) {
    this.#world = world;
    this.#rate = rate;
    this.#start = start;
  }

  now(): number {
    return this.#start + this.#world.now * this.#rate;
  }

  date(): Date {
    // No decision may depend on it.
    return new Date(this.#start);
  }

  setTimeout(callback: () => void, ms: number): () => void {
    const timer = { at: this.now() + ms, callback };
    this.#timers.add(timer);
    return () => {
      this.#timers.delete(timer);
    };
  }

  /** True time of the first timer. Infinity if there is none. */
  get next(): number {
    return (Math.min(...[...this.#timers].map(({ at }) => at)) - this.#start) / this.#rate;
  }

  /** Runs the callback of the first timer. */
  fire(): void {
    const [timer] = [...this.#timers].sort((a, b) => a.at - b.at);
    if (timer === undefined) return;
    this.#timers.delete(timer);
    timer.callback();
  }
}

type Loss = 'none' | 'request' | 'answer' | 'refused';

/** A process that can be paused. */
class Replica implements Transport {
  readonly name: string;
  readonly clock: ProcessClock;
  readonly election: LeaderElection;
  readonly writes: number[] = [];
  /** Violations of the model. */
  readonly wrong: string[] = [];
  readonly #stage: Stage;
  readonly #stop = new AbortController();
  #running = Promise.withResolvers<undefined>();
  isStopped = false;
  /** True while its requests for the Lease are lost. All other requests arrive. */
  isCutOff = false;
  /** Resolves at the end of the TLS handshake, when requests start. */
  readonly ended: Promise<void>;

  constructor(stage: Stage, name: string, rate: number) {
    this.name = name;
    this.#stage = stage;
    this.clock = new ProcessClock(stage.world, rate, 1_000_000 * rate);
    this.#running.resolve(undefined);
    const { clock } = this;
    const names = { namespace: 'ns', name: 'lease', identity: name };
    const log = recordingLogger();
    this.election = new LeaderElection({ transport: this, clock, log, random: stage.random, ...names });
    this.ended = this.election.run((term) => this.#lead(term), this.#stop.signal);
  }

  /** Acts like SIGSTOP. */
  pause(): void {
    if (this.isStopped) return;
    this.isStopped = true;
    this.#running = Promise.withResolvers();
  }

  /** Acts like SIGCONT. Pending data of its sockets comes first. */
  async resume(): Promise<void> {
    this.isStopped = false;
    this.#running.resolve(undefined);
    await settle();
  }

  /** Acts like SIGTERM. */
  stop(): void {
    this.#stop.abort();
  }

  async request(request: TransportRequest): Promise<TransportResponse> {
    const { signal, timeoutMs = 30_000 } = request;
    const cut = new AbortController();
    const cancel = this.clock.setTimeout(() => {
      cut.abort(new TransportError('timeout'));
    }, timeoutMs);
    const aborted = AbortSignal.any(signal === undefined ? [cut.signal] : [cut.signal, signal]);
    try {
      return await this.#exchange(request, aborted);
    } finally {
      cancel();
    }
  }

  stream(): AsyncIterable<unknown> {
    throw new Error('nobody watches');
  }

  async #exchange(request: TransportRequest, aborted: AbortSignal): Promise<TransportResponse> {
    await this.#io('connected', aborted);
    request.beforeSend?.();
    if (aborted.aborted) throw abortReason(aborted);
    if (!request.path.includes('/leases')) return this.#write();
    const loss = this.isCutOff ? 'request' : this.#stage.loss();
    // It has been sent, and the fate of the process does not matter any more.
    const answer = this.#stage.hop(`${this.name} ${request.method}`).then(() => {
      if (loss === 'request') throw new TransportError('lost');
      if (loss === 'refused') throw new ApiError({ code: 429, message: 'busy' });
      return this.#stage.server.answer(request);
    });
    answer.catch(() => undefined);
    await this.#io('answered', aborted, answer);
    if (loss === 'answer') throw new TransportError('the answer is lost');
    return answer;
  }

  /** The moment at which a write starts. */
  #write(): TransportResponse {
    const { holder } = this.#stage.server;
    if (holder !== this.name)
      this.wrong.push(`${this.name} writes while ${holder || 'nobody'} holds the Lease`);
    this.writes.push(this.#stage.world.now);
    return { status: 200, headers: {}, body: {} };
  }

  /** An event at a socket, sooner or later. A paused process sees it when it continues. */
  async #io(what: string, aborted: AbortSignal, after: Promise<unknown> = Promise.resolve()): Promise<void> {
    const happened = after
      .catch(() => undefined)
      .then(() => this.#stage.hop(`${this.name} ${what}`))
      .then(() => this.#running.promise);
    const gone = new Promise<never>((_resolve, reject) => {
      aborted.addEventListener('abort', () => {
        reject(abortReason(aborted));
      });
    });
    await Promise.race([happened, gone]);
  }

  async #lead({ fence, signal }: LeaseTerm): Promise<void> {
    const fenced = withFence(this, fence);
    while (!signal.aborted) {
      // A failed write is repeated during the term. A write in progress at the end of the term is finished.
      await fenced.request({ method: 'PATCH', path: '/policy' }).catch((error: unknown) => {
        if (!fence.signal.aborted && !(error instanceof TransportError)) throw error;
      });
      await sleep(this.clock, 300, signal).catch(() => undefined);
    }
  }
}

interface Stage {
  readonly world: World;
  readonly server: LeaseServer;
  readonly random: () => number;
  loss(): Loss;
  /** A part of a way. The scheduler decides how long it takes. */
  hop(label: string): Promise<void>;
}

/**
 * Advances the time. Every timer of a running process fires at its time, or as soon as the process runs
 * again.
 */
async function pass(stage: Stage, replicas: readonly Replica[], ms: number): Promise<void> {
  const end = stage.world.now + ms;
  for (;;) {
    await settle();
    const running = replicas.filter(({ isStopped }) => !isStopped);
    const next = Math.min(...running.map(({ clock }) => clock.next));
    if (next > end) break;
    stage.world.now = Math.max(stage.world.now, next);
    running.find(({ clock }) => clock.next <= stage.world.now)?.clock.fire();
  }
  stage.world.now = end;
  await settle();
}

type Step =
  | { readonly type: 'pass'; readonly ms: number }
  /** Selects a replica: the leader, or else the one with this number. */
  | {
      readonly type: 'pause' | 'resume' | 'cut off' | 'join' | 'stop' | 'replace';
      readonly who: 'leader' | number;
    };

const ms = fc.oneof(
  { weight: 8, arbitrary: fc.nat(2500) },
  { weight: 2, arbitrary: fc.integer({ min: 2500, max: 20_000 }) },
);
const who = fc.constantFrom<('leader' | number)[]>('leader', 'leader', 0, 1, 2);
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 12, arbitrary: fc.record({ type: fc.constant('pass'), ms }) },
  { weight: 3, arbitrary: fc.record({ type: fc.constant('pause'), who }) },
  { weight: 3, arbitrary: fc.record({ type: fc.constant('resume'), who: fc.nat(2) }) },
  { weight: 1, arbitrary: fc.record({ type: fc.constant('cut off'), who }) },
  { weight: 1, arbitrary: fc.record({ type: fc.constant('join'), who: fc.nat(2) }) },
  { weight: 2, arbitrary: fc.record({ type: fc.constantFrom('stop', 'replace', 'replace'), who }) },
);
/**
 * The lease lasts 1.5 times as long as the proof of it, so the speeds of two clocks may differ by that
 * factor.
 */
const rate = fc.double({ min: 0.82, max: 1.2, noNaN: true });
const loss = fc.constantFrom<Loss[]>('none', 'none', 'none', 'none', 'request', 'answer', 'refused');

/** Duration of a part of a way: none, or until the scheduler picks it, any number of steps later. */
const slow = fc.constantFrom(false, false, false, true);

class Storm implements Stage {
  readonly world: World = { now: 0 };
  readonly server = new LeaseServer();
  readonly random: () => number;
  readonly replicas: Replica[] = [];
  readonly #scheduler: fc.Scheduler;
  readonly #chances: Chances;
  #isOver = false;

  constructor(scheduler: fc.Scheduler, chances: Chances) {
    this.#scheduler = scheduler;
    this.#chances = chances;
    this.random = () => valueOf(chances.randoms, 0);
    for (const index of [0, 1, 2]) this.begin(index);
  }

  loss(): Loss {
    return this.#isOver ? 'none' : valueOf(this.#chances.losses, 'none');
  }

  async hop(label: string): Promise<void> {
    if (this.#isOver || !valueOf(this.#chances.slow, false)) return;
    await this.#scheduler.schedule(Promise.resolve(), label);
  }

  begin(index: number): void {
    const name = `replica-${String(this.replicas.length)}`;
    this.replicas.push(new Replica(this, name, this.#chances.rates[index % 3] ?? 1));
  }

  /** Selects one of the latest processes of the three pods. */
  #find(who: 'leader' | number): Replica | undefined {
    if (who !== 'leader') return this.replicas.at(-1 - who);
    return this.replicas.find(({ name }) => name === this.server.holder);
  }

  async act(todo: Step): Promise<void> {
    if (todo.type === 'pass') return pass(this, this.replicas, todo.ms);
    const replica = this.#find(todo.who);
    if (replica === undefined) return;
    switch (todo.type) {
      case 'pause':
        replica.pause();
        return;
      case 'resume':
        return replica.resume();
      case 'cut off':
      case 'join':
        replica.isCutOff = todo.type === 'cut off';
        return;
      case 'stop':
      case 'replace':
        replica.stop();
        if (todo.type === 'replace') this.begin(this.replicas.length);
    }
  }

  async end(): Promise<void> {
    this.#isOver = true;
    await this.#scheduler.waitIdle();
    for (const replica of this.replicas) {
      replica.isCutOff = false;
      await replica.resume();
    }
  }
}

interface Chances {
  readonly rates: readonly number[];
  readonly losses: Iterator<Loss>;
  readonly slow: Iterator<boolean>;
  readonly randoms: Iterator<number>;
}

const chances: fc.Arbitrary<Chances> = fc.record({
  rates: fc.array(rate, { minLength: 3, maxLength: 3 }),
  losses: fc.infiniteStream(loss),
  slow: fc.infiniteStream(slow),
  randoms: fc.infiniteStream(fc.double({ min: 0, max: 0.99, noNaN: true })),
});

test('no write begins while the Lease is not the writer’s, and when the storm is over somebody leads again', async () => {
  const steps = fc.array(step, { minLength: 20, maxLength: 100 });
  await fc.assert(
    fc.asyncProperty(fc.scheduler(), steps, chances, async (scheduler, todos, luck) => {
      const storm = new Storm(scheduler, luck);
      const { replicas } = storm;
      const story = scheduler.scheduleSequence(todos.map((todo) => () => storm.act(todo)));
      while (!story.done) await scheduler.waitNext(1);
      await storm.end();
      storm.begin(0);
      await pass(storm, replicas, 60_000);
      expect(replicas.flatMap(({ wrong }) => wrong)).toEqual([]);

      const leading = replicas.filter(({ election }) => election.isLeader);
      expect(leading.map(({ name }) => name)).toEqual([storm.server.holder]);
      expect(leading[0]?.writes.at(-1)).toBeGreaterThan(storm.world.now - 1000);
      for (const replica of replicas) replica.stop();
      await pass(storm, replicas, 30_000);
      await Promise.all(replicas.map(({ ended }) => ended));
      expect(storm.server.holder).toBe('');
    }),
  );
}, 120_000);

function valueOf<T>(stream: Iterator<T>, otherwise: T): T {
  const next = stream.next();
  return next.done === true ? otherwise : next.value;
}
