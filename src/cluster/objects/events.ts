import type { Random } from '../backoff.ts';
import { create, mergePatch } from './apply.ts';
import { microTime, sleep, type Clock } from '../clock.ts';
import { isNotFound } from '../errors.ts';
import type { Logger } from '../logger.ts';
import type { KubernetesObject, Resource } from '../resource.ts';
import type { Transport } from '../http/transport.ts';

/** The object that an Event is about. */
export interface ObjectReference {
  readonly apiVersion: string;
  readonly kind: string;
  readonly name: string;
  readonly namespace?: string;
  readonly uid?: string;
}

export interface EventNote {
  readonly regarding: ObjectReference;
  readonly related?: ObjectReference;
  readonly type: 'Normal' | 'Warning';
  /** The reason in CamelCase, at most 128 characters. */
  readonly reason: string;
  /** The completed or attempted action in CamelCase, at most 128 characters. */
  readonly action: string;
  /** Text for people. It is cut at 1 kB, the limit of the API. */
  readonly note: string;
}

export interface EventRecorderOptions {
  readonly transport: Transport;
  readonly clock: Clock;
  readonly log: Logger;
  /** For example `clusterfirewall.io/operator`. */
  readonly reportingController: string;
  /** Name of the pod. */
  readonly reportingInstance: string;
  readonly random?: Random;
}

interface Series {
  readonly note: EventNote;
  /** Name of the Event object, once created. */
  name: string | undefined;
  count: number;
  recordedAt: number;
  /** Dates of the first and the last record. Sending may have to wait. */
  readonly first: Date;
  last: Date;
  sentAt: number;
  /** Set while repetitions wait to be sent. */
  cancelUpdate: (() => void) | undefined;
}

/**
 * A repetition within this time continues the series, as in client-go's events recorder. A series is also
 * sent no more often than this.
 */
const SERIES_MS = 6 * 60_000;
const SERIES_UPDATE_MS = 60_000;
const MAX_SERIES = 500;
/** Limit of Events to a server: a burst of this many, then one a second. */
const BURST = 25;
const REFILL_MS = 1000;
/**
 * Limit of new Events about one object for one reason. client-go's spam filter (tools/record, 25 and one
 * every 5 min) ignores the reason.
 */
const SUBJECT_BURST = 25;
const SUBJECT_REFILL_MS = 300_000;
const NOTE_BYTES = 1024;

/**
 * Kubernetes Events, without duplicates and with limited rate. They inform people: losing one is logged and does
 * no harm.
 *
 * They are written through the core API. kubectl sorts Events by `lastTimestamp`, and events.k8s.io/v1 refuses
 * that field (pkg/apis/core/validation/events.go).
 */
export class EventRecorder {
  readonly #options: EventRecorderOptions;
  readonly #random: Random;
  readonly #series = new Map<string, Series>();
  readonly #pending = new Set<Series>();
  readonly #subjects = new Map<string, TokenBucket>();
  #wake: () => void = () => undefined;
  #ended = false;
  readonly #bucket: TokenBucket;

  constructor(options: EventRecorderOptions) {
    this.#options = options;
    this.#random = options.random ?? Math.random;
    this.#bucket = new TokenBucket(options.clock, BURST, REFILL_MS);
  }

  /**
   * Queues an Event for `run` to send. Does nothing after `run` has ended. Never blocks or throws. A repeated
   * note becomes a series.
   */
  record(note: EventNote): void {
    if (this.#ended) return;
    const now = this.#options.clock.now();
    const key = JSON.stringify([
      note.regarding,
      note.related,
      note.type,
      note.reason,
      note.action,
      note.note,
    ]);
    const known = this.#series.get(key);
    const isKnown = known !== undefined && now - known.recordedAt < SERIES_MS;
    if (!isKnown && !this.#mayBegin(note)) return;
    const date = this.#options.clock.date();
    const series = isKnown ? known : newSeries(note, date);
    series.count += 1;
    series.last = date;
    series.recordedAt = now;
    // Re-inserting keeps the map in the order of last use, so the first key is the one to forget.
    this.#series.delete(key);
    this.#series.set(key, series);
    this.#forgetOldest();
    this.#sendInTime(series);
  }

  /** Sends recorded Events until `signal` is aborted, then resolves. Never rejects. Call it once. */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const [series] = this.#pending;
      if (series === undefined) await this.#recorded(signal);
      else await this.#sendLogged(series, signal);
    }
    this.#ended = true;
    for (const series of this.#series.values()) series.cancelUpdate?.();
  }

  /** A repetition waits until the last message is old enough. Later repetitions are sent with it. */
  #sendInTime(series: Series): void {
    const send = (): void => {
      series.cancelUpdate = undefined;
      this.#pending.add(series);
      this.#wake();
    };
    const { clock } = this.#options;
    const waitMs = series.sentAt + SERIES_UPDATE_MS - clock.now();
    if (waitMs <= 0) send();
    else series.cancelUpdate ??= clock.setTimeout(send, waitMs);
  }

  async #sendLogged(series: Series, signal: AbortSignal): Promise<void> {
    try {
      await this.#takeToken(signal);
      this.#pending.delete(series);
      series.sentAt = this.#options.clock.now();
      await this.#send(series, signal);
    } catch (error) {
      if (!signal.aborted) this.#options.log.warn({ err: error, note: series.note }, 'event not sent');
    }
  }

  #recorded(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const wake = (): void => {
        signal.removeEventListener('abort', wake);
        resolve();
      };
      this.#wake = wake;
      signal.addEventListener('abort', wake, { once: true });
    });
  }

  async #takeToken(signal: AbortSignal): Promise<void> {
    while (!this.#bucket.take()) await sleep(this.#options.clock, this.#bucket.nextInMs, signal);
  }

  /** A limit on Events about thousands of similar problems. Status and log contain the rest. */
  #mayBegin(note: EventNote): boolean {
    const subject = JSON.stringify([note.regarding, note.reason]);
    const bucket =
      this.#subjects.get(subject) ?? new TokenBucket(this.#options.clock, SUBJECT_BURST, SUBJECT_REFILL_MS);
    this.#subjects.delete(subject);
    this.#subjects.set(subject, bucket);
    if (this.#subjects.size > MAX_SERIES) this.#forgetFirstSubject();
    const may = bucket.take();
    if (!may) this.#options.log.debug({ note }, 'event not sent: too many about this object for this reason');
    return may;
  }

  #forgetFirstSubject(): void {
    const [first] = this.#subjects.keys();
    if (first !== undefined) this.#subjects.delete(first);
  }

  async #send(series: Series, signal: AbortSignal): Promise<void> {
    const { transport } = this.#options;
    const resource = eventsIn(series.note);
    const times = { count: series.count, lastTimestamp: inSeconds(series.last) };
    if (series.name !== undefined) {
      try {
        await mergePatch(transport, resource, series.name, times, { signal });
        return;
      } catch (error) {
        // Events expire after an hour.
        if (!isNotFound(error)) throw error;
      }
    }
    const event = this.#eventOf(series, resource);
    await create(transport, resource, { ...event, ...times }, { signal });
    series.name = event.metadata.name;
  }

  #eventOf({ note, first }: Series, resource: Resource): KubernetesObject {
    const { reportingController, reportingInstance } = this.#options;
    const { regarding, note: message, ...words } = note;
    const suffix = Math.floor(this.#random() * 2 ** 48)
      .toString(16)
      .padStart(12, '0');
    return {
      apiVersion: 'v1',
      kind: 'Event',
      metadata: {
        name: `${eventNamePrefix(note)}.${suffix}`,
        namespace: resource.namespace ?? '',
      },
      eventTime: microTime(first),
      firstTimestamp: inSeconds(first),
      reportingComponent: reportingController,
      reportingInstance: reportingInstance.slice(0, 128),
      ...words,
      involvedObject: regarding,
      message: cutBytes(message, NOTE_BYTES),
    };
  }

  #forgetOldest(): void {
    if (this.#series.size <= MAX_SERIES) return;
    const [oldest] = this.#series;
    if (oldest === undefined) return;
    const [key, series] = oldest;
    this.#series.delete(key);
    series.cancelUpdate?.();
    if (this.#pending.delete(series))
      this.#options.log.warn({ note: series.note }, 'event dropped: too many at once');
  }
}

/** A burst of tokens, then one every `refillMs`. */
class TokenBucket {
  readonly #clock: Clock;
  readonly #burst: number;
  readonly #refillMs: number;
  #tokens: number;
  #refilledAt: number;

  constructor(clock: Clock, burst: number, refillMs: number) {
    this.#clock = clock;
    this.#burst = burst;
    this.#refillMs = refillMs;
    this.#tokens = burst;
    this.#refilledAt = clock.now();
  }

  take(): boolean {
    const refill = Math.floor((this.#clock.now() - this.#refilledAt) / this.#refillMs);
    this.#tokens = Math.min(this.#burst, this.#tokens + refill);
    this.#refilledAt += refill * this.#refillMs;
    if (this.#tokens === 0) return false;
    this.#tokens -= 1;
    return true;
  }

  /** Milliseconds until the next token. */
  get nextInMs(): number {
    return this.#refilledAt + this.#refillMs - this.#clock.now();
  }
}

const newSeries = (note: EventNote, date: Date): Series => ({
  note,
  first: date,
  last: date,
  name: undefined,
  count: 0,
  recordedAt: 0,
  sentAt: -Infinity,
  cancelUpdate: undefined,
});

/**
 * An Event about an object without a namespace goes to `default`, because the API server accepts it nowhere
 * else.
 */
function eventsIn(note: EventNote): Resource {
  return {
    group: '',
    version: 'v1',
    plural: 'events',
    namespace: note.regarding.namespace ?? 'default',
  };
}

/** Kubernetes' Time. */
const inSeconds = (date: Date): string => date.toISOString().replace(/\.\d+Z$/, 'Z');

/** The object's name, as kubectl users expect, cut so that the whole name is still a DNS subdomain. */
const eventNamePrefix = (note: EventNote): string => note.regarding.name.slice(0, 230).replace(/[-.]+$/, '');

function cutBytes(text: string, bytes: number): string {
  const encoded = Buffer.from(text);
  if (encoded.length <= bytes) return text;
  // The decoder turns a partial character into U+FFFD, which is dropped before the ellipsis replaces it.
  return `${encoded
    .subarray(0, bytes - 3)
    .toString()
    .replace(/\uFFFD+$/, '')}…`;
}
