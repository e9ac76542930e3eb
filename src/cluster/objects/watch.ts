import type { Clock } from '../clock.ts';
import { statusError } from '../errors.ts';
import { isRecord } from '../../json.ts';
import {
  collectionPath,
  isKubernetesObject,
  isStoredObject,
  objectKey,
  type Resource,
  type StoredObject,
} from '../resource.ts';
import type { Transport } from '../http/transport.ts';

export type WatchEvent =
  | { readonly type: 'ADDED' | 'MODIFIED' | 'DELETED'; readonly object: StoredObject }
  /** An event of an object without the metadata that every stored object has. */
  | { readonly type: 'INCOMPLETE'; readonly key: string }
  | { readonly type: 'BOOKMARK'; readonly resourceVersion: string };

export interface WatchOptions {
  readonly transport: Transport;
  readonly resource: Resource;
  /** Events after this version. */
  readonly resourceVersion: string;
  readonly labelSelector?: string | undefined;
  readonly fieldSelector?: string | undefined;
  /** After this many seconds the server ends the watch by itself. */
  readonly timeoutSeconds: number;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

/** The watch went silent, or outlived the end that the server was asked for: nobody knows what it has missed. */
class WatchStalled extends Error {
  override readonly name = 'WatchStalled';
}

/** How much later than asked the server may end a watch. */
const END_GRACE_MS = 30_000;
/** kube-apiserver sends a bookmark a minute to a watch that asked for them (cacher.go, defaultBookmarkFrequency). */
const BOOKMARK_SILENCE_MS = 180_000;

/**
 * Events of one watch request, until the server ends it.
 *
 * A connection can die without a sign, so silence is bounded: once this watch has shown a bookmark, by three bookmark periods; before, by the
 * end that was asked for, because there may be none to come: the aggregated Calico API server sends none at all, kube-apiserver none to a watch
 * until its collection has moved on from where the watch began (cache_watcher.go, process).
 *
 * @throws ApiError for an ERROR event, such as 410 Expired, and for a refusal; WatchStalled; TransportError; the signal's reason.
 */
export async function* watch(options: WatchOptions): AsyncGenerator<WatchEvent, void, undefined> {
  const stall = stallTimer(options.clock, options.timeoutSeconds * 1000 + END_GRACE_MS);
  try {
    for await (const line of options.transport.stream({
      method: 'GET',
      path: collectionPath(options.resource),
      query: {
        watch: true,
        resourceVersion: options.resourceVersion,
        allowWatchBookmarks: true,
        timeoutSeconds: options.timeoutSeconds,
        labelSelector: options.labelSelector,
        fieldSelector: options.fieldSelector,
      },
      signal: AbortSignal.any([options.signal, stall.signal]),
    })) {
      const event = parseEvent(line);
      stall.heard(event.type === 'BOOKMARK');
      yield event;
    }
  } finally {
    stall.cancel();
  }
}

function parseEvent(line: unknown): WatchEvent {
  const type = isRecord(line) ? line['type'] : undefined;
  const object = isRecord(line) ? line['object'] : undefined;
  switch (type) {
    case 'ADDED':
    case 'MODIFIED':
    case 'DELETED':
      if (!isKubernetesObject(object)) break;
      return isStoredObject(object) ? { type, object } : { type: 'INCOMPLETE', key: objectKey(object) };
    case 'BOOKMARK': {
      const version =
        isRecord(object) && isRecord(object['metadata']) ? object['metadata']['resourceVersion'] : '';
      if (typeof version === 'string' && version !== '') return { type, resourceVersion: version };
      break;
    }
    case 'ERROR':
      throw statusError(500, object);
  }
  throw new TypeError(`not a watch event: ${JSON.stringify(line).slice(0, 200)}`);
}

interface StallTimer {
  readonly signal: AbortSignal;
  heard(bookmark: boolean): void;
  cancel(): void;
}

function stallTimer(clock: Clock, lifetimeMs: number): StallTimer {
  const controller = new AbortController();
  const stop = (why: string) => (): void => {
    controller.abort(new WatchStalled(why));
  };
  const cancelEnd = clock.setTimeout(stop('the server did not end the watch when asked to'), lifetimeMs);
  let cancelSilence: (() => void) | undefined;
  return {
    signal: controller.signal,
    heard(bookmark) {
      if (cancelSilence === undefined && !bookmark) return;
      cancelSilence?.();
      cancelSilence = clock.setTimeout(stop('no event and no bookmark came'), BOOKMARK_SILENCE_MS);
    },
    cancel() {
      cancelEnd();
      cancelSilence?.();
    },
  };
}
