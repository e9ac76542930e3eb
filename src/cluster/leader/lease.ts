import { abortReason } from '../abort.ts';
import { create, get, replace } from '../objects/apply.ts';
import type { Random } from '../backoff.ts';
import { microTime, sleep, type Clock } from '../clock.ts';
import { isAlreadyExists, isConflict, isForbidden, messageOf } from '../errors.ts';
import { Fence } from './fence.ts';
import { leaseRecord, leaseSpec, type LeaseRecord } from './lease-record.ts';
import type { Logger } from '../logger.ts';
import type { KubernetesObject, Resource } from '../resource.ts';
import type { Transport } from '../http/transport.ts';

export interface LeaderElectionOptions {
  /** Without fence and retries: the election repeats its own requests in time. */
  readonly transport: Transport;
  readonly clock: Clock;
  readonly log: Logger;
  /** Namespace of the Lease. */
  readonly namespace: string;
  readonly name: string;
  /** Different from every other process, including earlier ones in the same pod. */
  readonly identity: string;
  readonly note?: LeaseNote;
  readonly random?: Random;
}

/**
 * A text that holders leave to each other in an annotation of the Lease. It is there before a term begins, and
 * again after another client took it away.
 */
export interface LeaseNote {
  readonly annotation: string;
  /** Called with the stored text whenever the Lease was read; undefined: there is none. */
  learn(text: string | undefined): void;
  /** The text to store. */
  text(): string;
}

/** The time during which we hold the lease. */
export interface LeaseTerm {
  /** Lasts while the lease can be proven. */
  readonly fence: Fence;
  /**
   * Aborted when the fence ends, or when the election should end. Start nothing new and finish current work.
   */
  readonly signal: AbortSignal;
}

/**
 * client-go's defaults, which the control plane's components use as well
 * (k8s.io/component-base/config/v1alpha1).
 */
const LEASE_DURATION_MS = 15_000;
const RENEW_DEADLINE_MS = 10_000;
const RETRY_PERIOD_MS = 2000;
const JITTER_FACTOR = 1.2;
/** Like controller-runtime: one request without an answer must not use up the time for the next. */
const REQUEST_MS = RENEW_DEADLINE_MS / 2;
/** The holder is gone. client-go writes this value because zero is invalid. */
const RELEASED_SECONDS = 1;

/** The last seen state of the Lease. */
interface Observed {
  readonly object: KubernetesObject;
  readonly record: LeaseRecord;
  /** `Clock.now()` when this state was first seen. */
  readonly since: number;
}

type Attempt =
  /** `since`: `Clock.now()` before the request that proves it. */
  | { readonly type: 'held'; readonly since: number }
  | { readonly type: 'other'; readonly holder: string }
  | { readonly type: 'failed' };

/**
 * Leader election by a Lease, with client-go's algorithm and times (k8s.io/client-go/tools/leaderelection).
 * The holder renews the Lease. Others take it when it has not changed for its duration on their own clock.
 * Every write carries the version that was read.
 *
 * client-go makes its process exit when it loses the lease. Here a term ends and the process stands for
 * election again, because the fence prevents late writes (docs/decisions/0009-leader-election.md). Also, a
 * deleted Lease is not taken before its holder's time is over.
 */
export class LeaderElection {
  readonly #options: LeaderElectionOptions;
  readonly #leases: Resource;
  readonly #random: Random;
  #observed: Observed | undefined;
  #fence: Fence | undefined;
  #answered = false;
  #lastFailure = '';

  constructor(options: LeaderElectionOptions) {
    this.#options = options;
    this.#random = options.random ?? Math.random;
    const { namespace } = options;
    this.#leases = { group: 'coordination.k8s.io', version: 'v1', plural: 'leases', namespace };
  }

  get isLeader(): boolean {
    this.#fence?.expire();
    return this.#fence?.signal.aborted === false;
  }

  /**
   * True as soon as the Lease could be read, and written if it was free: this process can be elected. Stays
   * true.
   */
  get canBeElected(): boolean {
    return this.#answered;
  }

  /**
   * Stands for election until `signal` is aborted, and calls `lead` for every term. The lease is released
   * when `lead` has ended, so another process can take it immediately.
   * @throws any error of `lead`, and nothing else
   */
  async run(lead: (term: LeaseTerm) => Promise<void>, signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const attempt = await this.#attempt();
      if (attempt.type === 'held') await this.#holdTerm(this.#fenceSince(attempt.since), lead, signal);
      const jitter = 1 + JITTER_FACTOR * this.#random();
      await this.#pause(RETRY_PERIOD_MS * jitter, signal);
    }
  }

  #fenceSince(since: number): Fence {
    return new Fence(this.#options.clock, since + RENEW_DEADLINE_MS);
  }

  async #holdTerm(
    fence: Fence,
    lead: (term: LeaseTerm) => Promise<void>,
    signal: AbortSignal,
  ): Promise<void> {
    const { log, identity } = this.#options;
    fence.expire();
    // The answer took too long to prove the lease now.
    if (fence.signal.aborted) return;
    this.#fence = fence;
    const ended = new AbortController();
    const renewing = this.#renew(fence, ended.signal);
    log.info({ identity }, 'leading');
    try {
      await lead({ fence, signal: AbortSignal.any([fence.signal, signal]) });
    } finally {
      ended.abort();
      await renewing;
      if (this.isLeader) await this.#release(fence);
      else log.warn({ identity, err: abortReason(fence.signal) }, 'leading no more');
      this.#fence = undefined;
    }
  }

  /**
   * Renews until the fence or `ended` ends. A request in progress is finished first, because its version is
   * needed.
   */
  async #renew(fence: Fence, ended: AbortSignal): Promise<void> {
    const over = AbortSignal.any([fence.signal, ended]);
    for (;;) {
      await this.#pause(RETRY_PERIOD_MS, over);
      if (over.aborted) return;
      const attempt = await this.#attempt(fence.signal);
      if (attempt.type === 'held') fence.extend(attempt.since + RENEW_DEADLINE_MS);
      if (attempt.type === 'other') fence.close(`${attempt.holder} holds it`);
    }
  }

  async #pause(ms: number, signal: AbortSignal): Promise<void> {
    // Ended early by the signal, which the caller checks.
    await sleep(this.#options.clock, ms, signal).catch(() => undefined);
  }

  async #attempt(signal?: AbortSignal): Promise<Attempt> {
    try {
      const attempt = await this.#acquireOrRenew(signal);
      this.#answered = true;
      this.#lastFailure = '';
      return attempt;
    } catch (error) {
      if (signal?.aborted !== true) this.#report(error);
      return { type: 'failed' };
    }
  }

  async #acquireOrRenew(signal: AbortSignal | undefined): Promise<Attempt> {
    const known = this.#observed;
    if (known !== undefined && this.#isMine(known) && this.#isValid(known)) {
      try {
        return await this.#take(known, signal);
      } catch (error) {
        // Another client has written, or a lost answer contained a new version.
        this.#options.log.debug({ err: error }, 'lease not renewed at once: to be read first');
      }
    }
    const stored = await get(this.#options.transport, this.#leases, this.#options.name, call(signal));
    const observed = stored === undefined ? known : this.#observe(stored);
    if (observed !== undefined && this.#isAnothers(observed)) {
      return { type: 'other', holder: observed.record.holder };
    }
    return stored === undefined || observed === undefined
      ? this.#create(signal)
      : this.#take(observed, signal);
  }

  async #create(signal: AbortSignal | undefined): Promise<Attempt> {
    const { transport, clock, name, namespace } = this.#options;
    const since = clock.now();
    const lease = {
      apiVersion: 'coordination.k8s.io/v1',
      kind: 'Lease',
      metadata: { name, namespace, annotations: this.#annotations() },
      spec: leaseSpec(this.#claim(undefined), clock.date()),
    };
    this.#observe(await create(transport, this.#leases, lease, call(signal)));
    return { type: 'held', since };
  }

  async #take(observed: Observed, signal: AbortSignal | undefined): Promise<Attempt> {
    const since = this.#options.clock.now();
    await this.#write(observed, this.#claim(observed), signal);
    return { type: 'held', since };
  }

  #claim(observed: Observed | undefined): LeaseRecord {
    const { identity, clock } = this.#options;
    const claim = { holder: identity, durationSeconds: LEASE_DURATION_MS / 1000 };
    if (observed !== undefined && this.#isMine(observed)) return { ...observed.record, ...claim };
    const transitions = observed === undefined ? 0 : observed.record.transitions + 1;
    return { ...claim, acquireTime: microTime(clock.date()), transitions };
  }

  async #write(observed: Observed, record: LeaseRecord, signal: AbortSignal | undefined): Promise<void> {
    const { transport, clock } = this.#options;
    const { metadata } = observed.object;
    const lease = {
      ...observed.object,
      metadata: { ...metadata, annotations: this.#annotations(metadata.annotations) },
      spec: leaseSpec(record, clock.date()),
    };
    this.#observe(await replace(transport, this.#leases, lease, call(signal)));
  }

  #annotations(others: Readonly<Record<string, string>> = {}): Readonly<Record<string, string>> {
    const { note } = this.#options;
    return note === undefined ? others : { ...others, [note.annotation]: note.text() };
  }

  /** Releases the lease. Others may take it from this moment, so no write may be in progress. */
  async #release(fence: Fence): Promise<void> {
    const { transport, clock, log, name, identity } = this.#options;
    fence.close('it was given back');
    try {
      const stored = await get(transport, this.#leases, name, call(undefined));
      const observed = stored === undefined ? undefined : this.#observe(stored);
      if (observed === undefined || !this.#isMine(observed)) return;
      const { transitions } = observed.record;
      const acquireTime = microTime(clock.date());
      const released = { holder: '', durationSeconds: RELEASED_SECONDS, acquireTime, transitions };
      await this.#write(observed, released, undefined);
      log.info({ identity }, 'lease given back');
    } catch (error) {
      log.warn({ err: error }, 'lease not given back: it ends by itself');
    }
  }

  /**
   * Detects changes by version. client-go compares the record, which stops changing when its holder's wall
   * clock stands still.
   */
  #observe(object: KubernetesObject): Observed {
    const { clock, log, identity, note } = this.#options;
    const before = this.#observed;
    const { resourceVersion, annotations = {} } = object.metadata;
    note?.learn(annotations[note.annotation]);
    const isSame = before !== undefined && before.object.metadata.resourceVersion === resourceVersion;
    const record = leaseRecord(object);
    const { holder } = record;
    if (holder !== '' && holder !== identity && holder !== before?.record.holder) {
      log.info({ leader: holder }, 'another one leads');
    }
    this.#observed = { object, record, since: isSame ? before.since : clock.now() };
    return this.#observed;
  }

  #isMine({ record }: Observed): boolean {
    return record.holder === this.#options.identity;
  }

  #isValid({ record, since }: Observed): boolean {
    return this.#options.clock.now() < since + record.durationSeconds * 1000;
  }

  #isAnothers(observed: Observed): boolean {
    return observed.record.holder !== '' && !this.#isMine(observed) && this.#isValid(observed);
  }

  /** Repetitions of one failure are a single line in the log. */
  #report(error: unknown): void {
    const { log, namespace, name } = this.#options;
    const message = messageOf(error);
    const fields = { err: error, lease: `${namespace}/${name}` };
    const isRace = isConflict(error) || isAlreadyExists(error);
    if (isRace || message === this.#lastFailure) {
      log.debug(fields, 'lease not taken');
    } else if (isForbidden(error)) {
      log.error(
        fields,
        'cannot lead: the ServiceAccount may not get, create or update the Lease; apply config/rbac/leader_election_role.yaml and its binding',
      );
    } else {
      log.warn(fields, 'lease not taken: the API server does not answer as it should');
    }
    if (!isRace) this.#lastFailure = message;
  }
}

const call = (signal: AbortSignal | undefined) => ({ signal, timeoutMs: REQUEST_MS });
