/** The generated objects as collections to list, watch and write. */
import { list, listPage } from '../../src/cluster/objects/apply.ts';
import { systemClock } from '../../src/cluster/clock.ts';
import type { KubernetesObject, Resource } from '../../src/cluster/resource.ts';
import type { Transport } from '../../src/cluster/http/transport.ts';
import { watch, type WatchEvent } from '../../src/cluster/objects/watch.ts';

const calico = (plural: string): Resource => ({ group: 'projectcalico.org', version: 'v3', plural });

export const NETWORK_POLICIES = calico('networkpolicies');
export const HOST_ENDPOINTS = calico('hostendpoints');

/** Sorted by the order in which they can be created. */
const KINDS = {
  Tier: calico('tiers'),
  GlobalNetworkSet: calico('globalnetworksets'),
  GlobalNetworkPolicy: calico('globalnetworkpolicies'),
  NetworkPolicy: NETWORK_POLICIES,
} as const;

export interface Generated {
  readonly kind: keyof typeof KINDS;
  readonly object: KubernetesObject;
}

const LABEL = 'app.kubernetes.io/managed-by=clusterfirewall';

/** All objects of the operator, tiers first. */
export async function generated(client: Transport): Promise<readonly Generated[]> {
  const all = await Promise.all(
    Object.entries(KINDS).map(async ([kind, resource]) => {
      const objects = await list(client, resource, { labelSelector: LABEL });
      return objects.map((object) => ({ kind: kind as Generated['kind'], object }));
    }),
  );
  return all.flat();
}

export function resourceOf({ kind, object }: Generated): Resource {
  const { namespace } = object.metadata;
  return namespace === undefined ? KINDS[kind] : { ...KINDS[kind], namespace };
}

export interface Seen {
  /** `performance.now()` when the event arrived. */
  readonly at: number;
  readonly event: Extract<WatchEvent, { readonly object: unknown }>;
}

/** Watches a collection during `work`. Reports all events from its start. */
export async function observing<T>(
  client: Transport,
  resource: Resource,
  onEvent: (seen: Seen) => void,
  work: () => Promise<T>,
): Promise<T> {
  const { resourceVersion } = await listPage(client, resource);
  const abort = new AbortController();
  const running = (async () => {
    const events = watch({
      transport: client,
      resource,
      resourceVersion,
      timeoutSeconds: 3600,
      clock: systemClock,
      signal: abort.signal,
    });
    for await (const event of events) {
      if ('object' in event) onEvent({ at: performance.now(), event });
    }
  })().catch((error: unknown) => {
    if (!abort.signal.aborted) throw error;
  });
  try {
    return await work();
  } finally {
    abort.abort();
    await running;
  }
}
