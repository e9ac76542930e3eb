/** The life of ClusterFirewalls as a user of kubectl sees it. */
import type { Status } from '../../src/api/status.ts';
import type { StartedCluster } from '../cluster.ts';
import { waitFor } from '../wait.ts';
import { CALICO, FIREWALLS, STORED } from './paths.ts';

const WITHIN = 120_000;
const EVERY = 200;

export interface Firewall {
  readonly metadata: { readonly name: string; readonly generation: number };
  readonly status?: Status;
}

/** Names of the ClusterFirewalls in the manifests, which may contain other kinds as well. */
export async function apply(cluster: StartedCluster, manifest: string): Promise<readonly string[]> {
  const applied = await cluster.kubectl(['apply', '--filename', '-', '--output', 'name'], {
    input: manifest,
  });
  const prefix = 'clusterfirewall.clusterfirewall.io/';
  return applied
    .split('\n')
    .filter((line) => line.startsWith(prefix))
    .map((line) => line.slice(prefix.length));
}

export async function getFirewall(cluster: StartedCluster, name: string): Promise<Firewall> {
  return (await cluster.get(`${FIREWALLS}/${name}`)) as Firewall;
}

/** `{ Programmed: 'True', Ready: 'False' }` */
export type Conditions = Readonly<Record<string, 'True' | 'False'>>;

/** Waits until all conditions have these values for the present spec. Resolves to the object. */
export async function conditions(
  cluster: StartedCluster,
  name: string,
  wanted: Conditions,
): Promise<Firewall> {
  let last: Firewall | undefined;
  return waitFor(
    async () => {
      last = await getFirewall(cluster, name);
      return holds(last, wanted) ? last : undefined;
    },
    {
      what: `ClusterFirewall ${name} to have ${JSON.stringify(wanted)}`,
      within: WITHIN,
      every: EVERY,
      explain: () => Promise.resolve(JSON.stringify(last?.status, null, 1)),
    },
  );
}

function holds({ metadata: { generation }, status }: Firewall, wanted: Conditions): boolean {
  if (status?.observedGeneration !== generation) return false;
  return Object.entries(wanted).every(([type, value]) =>
    status.conditions?.some(
      (each) => each.type === type && each.status === value && each.observedGeneration === generation,
    ),
  );
}

/** Applies, waits for Ready and for the nodes. */
export async function program(cluster: StartedCluster, manifest: string): Promise<readonly string[]> {
  const names = await apply(cluster, manifest);
  for (const name of names) await conditions(cluster, name, { Ready: 'True' });
  await cluster.policiesProgrammed();
  return names;
}

/** Resolves when it is deleted, which is when the operator has done its deletionPolicy. */
export async function deleteFirewall(cluster: StartedCluster, name: string): Promise<void> {
  await cluster.kubectl(['delete', 'clusterfirewall', name, '--timeout=60s']);
  await cluster.policiesProgrammed();
}

/** Deletes every ClusterFirewall and waits until nothing of them is left, on the nodes either. */
export async function removeAll(cluster: StartedCluster): Promise<void> {
  await cluster.kubectl(['delete', 'clusterfirewalls', '--all', '--timeout=60s']);
  await nothingLeft(cluster);
  await cluster.policiesProgrammed();
}

/** Waits until no generated object is left, neither served by Calico nor stored. */
export async function nothingLeft(cluster: StartedCluster): Promise<void> {
  await waitFor(
    async () => {
      const left = await generated(cluster);
      if (left.length > 0) throw new Error(`left: ${left.join(', ')}`);
      return true;
    },
    { what: 'nothing generated to be left', within: WITHIN, every: EVERY },
  );
}

async function generated(cluster: StartedCluster): Promise<readonly string[]> {
  return (await Promise.all([served(cluster), stored(cluster)])).flat();
}

async function isClear(cluster: StartedCluster): Promise<boolean> {
  const firewalls = (await cluster.get(FIREWALLS)) as KubernetesList;
  return firewalls.items.length === 0 && (await generated(cluster)).length === 0;
}

/**
 * Cleans up after a story, however it ended. There is nothing to do after one that ended well. Objects that
 * cannot be removed in order are removed anyway.
 * @throws when that was necessary
 */
export async function clearAway(cluster: StartedCluster): Promise<void> {
  try {
    if (await isClear(cluster)) return;
    await removeAll(cluster);
  } catch (error) {
    const beforeTiers = CALICO_KINDS.filter((kind) => kind !== 'tiers');
    for (const kinds of [beforeTiers, CALICO_KINDS]) {
      const some = kinds.map((kind) => `${kind}.projectcalico.org`).join(',');
      await cluster.kubectl(['delete', some, '--all-namespaces', '--selector', LABEL]);
    }
    throw error;
  }
}

/** Plurals of Calico's kinds that the operator makes, and of those that could be mistaken for ours. */
export const CALICO_KINDS = [
  'tiers',
  'globalnetworkpolicies',
  'networkpolicies',
  'stagedglobalnetworkpolicies',
  'stagednetworkpolicies',
  'globalnetworksets',
  'networksets',
  'hostendpoints',
] as const;

const LABEL = 'app.kubernetes.io/managed-by=clusterfirewall';

/** `RESOURCE.GROUP/NAME` of every object with our label, as Calico's API serves it. */
export const served = (cluster: StartedCluster): Promise<readonly string[]> =>
  names(cluster, CALICO, `?labelSelector=${LABEL}`);

/**
 * The same for everything stored under a name like ours. Calico serves some of them only while the Tier
 * exists.
 */
async function stored(cluster: StartedCluster): Promise<readonly string[]> {
  const all = await names(cluster, STORED);
  return all.filter((name) => /\bcfw-|\/clusterfirewall$/.test(name));
}

async function names(cluster: StartedCluster, api: string, query = ''): Promise<readonly string[]> {
  const group = api.split('/')[2] ?? '';
  const lists = CALICO_KINDS.map(async (kind) => {
    const list = await cluster.get(`${api}/${kind}${query}`);
    return (list as KubernetesList).items.map(({ metadata }) => `${kind}.${group}/${metadata.name}`);
  });
  return (await Promise.all(lists)).flat();
}

interface KubernetesList {
  readonly items: readonly { readonly metadata: { readonly name: string } }[];
}
