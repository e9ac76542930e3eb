import type { Clock } from '../clock.ts';
import { statusError } from '../errors.ts';
import { isRecord } from '../../json.ts';
import {
  collectionPath,
  incompleteOf,
  isKnownByUid,
  isKubernetesObject,
  isStoredObject,
  type Incomplete,
  type Resource,
  type StoredObject,
} from '../resource.ts';
import type { Transport } from '../http/transport.ts';

export type WatchEvent =
  | { readonly type: 'ADDED' | 'MODIFIED' | 'DELETED'; readonly object: StoredObject }
  /** An event for an object that cannot be used. */
  | { readonly type: 'INCOMPLETE'; readonly incomplete: Incomplete }
  | { readonly type: 'BOOKMARK'; readonly resourceVersion: string };

export interface WatchOptions {
  readonly transport: Transport;
  readonly resource: Resource;
  /** The watch shows events after this version. */
  readonly resourceVersion: string;
  readonly labelSelector?: string | undefined;
  readonly fieldSelector?: string | undefined;
  /** The server ends the watch after this many seconds. */
  readonly timeoutSeconds: number;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

/** The watch was silent too long, or did not end when it should have. It may have missed events. */
class WatchStalled extends Error {
  override readonly name = 'WatchStalled';
}

/** Maximum delay of the server in ending a watch. */
const END_GRACE_MS = 30_000;
/**
 * kube-apiserver sends a bookmark each minute to a watch that requests them (cacher.go,
 * defaultBookmarkFrequency).
 */
const BOOKMARK_SILENCE_MS = 180_000;

/**
 * Events of one watch request, until the server ends it.
 *
 * A connection can break without notice, so silence is bounded. The limit is three bookmark periods after the
 * first bookmark of this watch. Before the first one, it is the requested end of the watch, because there may
 * be no bookmarks. Calico's aggregated API server sends none. kube-apiserver sends none until the collection
 * has changed since the start of the watch (cache_watcher.go, process).
 *
 * @throws ApiError for an ERROR event, such as 410 Expired, and for a refusal; WatchStalled; TransportError;
 * the signal's reason
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
      return parseChange(type, object) ?? refuse(line);
    case 'BOOKMARK': {
      const version =
        isRecord(object) && isRecord(object['metadata']) ? object['metadata']['resourceVersion'] : '';
      if (typeof version === 'string' && version !== '') return { type, resourceVersion: version };
      break;
    }
    case 'ERROR':
      throw statusError(500, object);
  }
  return refuse(line);
}

function parseChange(type: 'ADDED' | 'MODIFIED' | 'DELETED', object: unknown): WatchEvent | undefined {
  if (!isKubernetesObject(object)) return undefined;
  if (type === 'DELETED' && isKnownByUid(object)) return { type, object };
  if (isStoredObject(object)) return { type, object };
  return { type: 'INCOMPLETE', incomplete: incompleteOf(object) };
}

function refuse(line: unknown): never {
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
