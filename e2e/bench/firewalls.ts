/** Writes a ClusterFirewall and waits for the result. */
import type { Status } from '../../src/api/status.ts';
import { apply, get, remove } from '../../src/cluster/objects/apply.ts';
import type { KubernetesObject } from '../../src/cluster/resource.ts';
import type { Transport } from '../../src/cluster/http/transport.ts';
import { waitFor } from '../wait.ts';
import { FIREWALLS } from './load.ts';

const WITHIN = 600_000;
/** A poll is a request, so these waits measure nothing. */
const EVERY_MS = 20;

const BENCH = { fieldManager: 'bench', force: true } as const;

export const applyFirewall = (client: Transport, object: KubernetesObject): Promise<KubernetesObject> =>
  apply(client, FIREWALLS, object, BENCH);

/** True if the status of the current generation says Ready. */
export function isReady(firewall: KubernetesObject | undefined): boolean {
  const status = firewall?.['status'] as Status | undefined;
  const condition = status?.conditions?.find(({ type }) => type === 'Ready');
  return status?.observedGeneration === firewall?.metadata.generation && condition?.status === 'True';
}

/** Resolves when the status of the current generation says Ready. */
export async function ready(client: Transport, name = 'default'): Promise<void> {
  let last: KubernetesObject | undefined;
  await waitFor(
    async () => {
      last = await get(client, FIREWALLS, name);
      return isReady(last) ? true : undefined;
    },
    {
      what: `the ClusterFirewall ${name} to be Ready`,
      within: WITHIN,
      every: EVERY_MS,
      explain: () => Promise.resolve(JSON.stringify(last?.['status'])),
    },
  );
}

/** Deletes the firewall. Resolves when it is gone, and with it all its generated objects. */
export async function removeFirewall(client: Transport, name = 'default'): Promise<void> {
  await remove(client, FIREWALLS, name);
  await waitFor(async () => ((await get(client, FIREWALLS, name)) === undefined ? true : undefined), {
    what: `the ClusterFirewall ${name} to be gone`,
    within: WITHIN,
    every: EVERY_MS,
  });
}
