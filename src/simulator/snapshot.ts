/** Stored objects of any kind → a world. */
import { isRecord } from '../json.ts';
import { readCalicoPolicy } from '../calico/read/calico-policy.ts';
import { readClusterNetworkPolicy } from '../calico/read/cluster-network-policy.ts';
import { FieldError, objectFields, type ObjectFields } from '../calico/read/fields.ts';
import { readAdminNetworkPolicy, readNetworkPolicy } from '../calico/read/kubernetes-policy.ts';
import {
  readFelixConfiguration,
  readHostEndpoint,
  readIPPool,
  readNetworkSet,
  readTier,
} from '../calico/read/objects.ts';
import {
  readEndpointSlice,
  readNamespace,
  readNode,
  readPod,
  readService,
  readServiceAccount,
} from './kubernetes.ts';
import { EMPTY_WORLD, type Problem, type World } from './world.ts';

type Lists = {
  -readonly [
    K in keyof World as World[K] extends readonly unknown[] ? K : never
  ]: World[K] extends readonly (infer T)[] ? T[] : never;
};

type Taker = (lists: Lists, object: ObjectFields) => void;

function into<K extends keyof Lists>(
  key: K,
  read: (object: ObjectFields) => Lists[K][number] | undefined,
): Taker {
  return (lists, object) => {
    const value = read(object);
    if (value !== undefined) (lists[key] as (typeof value)[]).push(value);
  };
}

const CALICO = ['projectcalico.org', 'crd.projectcalico.org'];
const policy = into('policies', readCalicoPolicy);

/** The readers by group and kind. Objects of other kinds decide about no packet. */
const TAKERS: ReadonlyMap<string, Taker> = new Map([
  ['/Namespace', into('namespaces', readNamespace)],
  ['/ServiceAccount', into('serviceAccounts', readServiceAccount)],
  ['/Pod', into('pods', readPod)],
  ['/Node', into('nodes', readNode)],
  ['/Service', into('services', readService)],
  ['discovery.k8s.io/EndpointSlice', into('slices', readEndpointSlice)],
  ['networking.k8s.io/NetworkPolicy', into('policies', readNetworkPolicy)],
  ['policy.networking.k8s.io/AdminNetworkPolicy', into('policies', readAdminNetworkPolicy)],
  ['policy.networking.k8s.io/BaselineAdminNetworkPolicy', into('policies', readAdminNetworkPolicy)],
  ['policy.networking.k8s.io/ClusterNetworkPolicy', into('policies', readClusterNetworkPolicy)],
  ...CALICO.flatMap((group): [string, Taker][] => [
    [`${group}/GlobalNetworkPolicy`, policy],
    [`${group}/NetworkPolicy`, policy],
    [`${group}/StagedGlobalNetworkPolicy`, policy],
    [`${group}/StagedNetworkPolicy`, policy],
    [`${group}/StagedKubernetesNetworkPolicy`, into('policies', readNetworkPolicy)],
    [`${group}/Tier`, into('tiers', readTier)],
    [`${group}/GlobalNetworkSet`, into('sets', readNetworkSet)],
    [`${group}/NetworkSet`, into('sets', readNetworkSet)],
    [`${group}/HostEndpoint`, into('hostEndpoints', readHostEndpoint)],
    [`${group}/IPPool`, into('pools', readIPPool)],
    [`${group}/FelixConfiguration`, into('felix', readFelixConfiguration)],
  ]),
]);

/**
 * Reads objects as an API server or a file gives them. An object that cannot be read becomes a problem of the
 * world, and every answer that it could change is Unknown.
 * @param lacks kinds that nobody could list
 */
export function readWorld(objects: Iterable<unknown>, lacks: readonly string[] = []): World {
  const lists = Object.fromEntries(Object.keys(EMPTY_WORLD).map((key) => [key, []])) as unknown as Lists;
  for (const object of objects) take(lists, object);
  lists.problems.push(...untaken(lists));
  return { ...lists, lacks };
}

/** Calico before 3.32 takes no ClusterNetworkPolicies, and then lacks their tiers. */
function untaken({ policies, tiers }: Lists): readonly Problem[] {
  const known = new Set(tiers.map(({ name }) => name));
  return policies
    .filter(({ kind, tier }) => kind === 'ClusterNetworkPolicy' && !known.has(tier))
    .map(({ kind, name, tier }) => ({
      kind,
      name,
      field: 'spec.tier',
      why: `needs the Tier ${tier}, which Calico makes from 3.32 on`,
    }));
}

function take(lists: Lists, value: unknown): void {
  try {
    const object = objectFields(value);
    const group = object.apiVersion.includes('/') ? object.apiVersion.replace(/\/.*$/, '') : '';
    TAKERS.get(`${group}/${object.kind}`)?.(lists, object);
  } catch (error) {
    if (!(error instanceof FieldError)) throw error;
    lists.problems.push(problemOf(value, error));
  }
}

function problemOf(value: unknown, { field, why }: FieldError): Problem {
  const fields = isRecord(value) ? value : {};
  const metadata = isRecord(fields['metadata']) ? fields['metadata'] : {};
  const text = (given: unknown): string => (typeof given === 'string' ? given : '');
  const namespace = text(metadata['namespace']);
  return {
    kind: text(fields['kind']),
    ...(namespace !== '' && { namespace }),
    name: text(metadata['name']),
    field,
    why,
  };
}
