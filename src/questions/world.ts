/** The world of a question: the objects of a cluster, and those that ClusterFirewalls would make of it. */
import type { ClusterFirewall } from '../api/schema.ts';
import type { StoredPolicy } from '../calico/read/policy.ts';
import { KUBE_CONTROLLERS, LABEL_CREATED_BY } from '../calico/labels.ts';
import type { StoredHostEndpoint } from '../calico/read/objects.ts';
import { readFelixConfiguration } from '../calico/read/objects.ts';
import { objectFields } from '../calico/read/fields.ts';
import { LABEL_ENFORCED, LABEL_MANAGED_BY, MANAGED_BY } from '../compiler/names.ts';
import type { Compilation } from '../compiler/types.ts';
import { UNKNOWN } from '../inventory/known.ts';
import { isRecord, valueAt } from '../json.ts';
import { readWorld } from '../simulator/snapshot.ts';
import type { World } from '../simulator/world.ts';

/** `enforce`: staged policies count as if they were enforced. `as-is`: they do nothing, as on the cluster. */
export type Mode = 'enforce' | 'as-is';

/** @param lacks kinds that could not be read */
export const storedWorld = (objects: Iterable<unknown>, lacks: readonly string[]): World =>
  readWorld(objects, lacks);

/** False for an object that the operator made. Those of its kinds come from the compiler instead. */
export const isOfOthers = (object: unknown): boolean =>
  !(
    isRecord(object) &&
    String(object['apiVersion']).includes('projectcalico.org/') &&
    valueAt(object, 'metadata', 'labels', LABEL_MANAGED_BY) === MANAGED_BY
  );

/**
 * The world once the operator has carried out a compilation.
 * @param others the world without objects of the operator
 */
export function compiledWorld(others: World, compilation: Compilation): World {
  const own = readWorld(compilation.objects.map(({ object }) => object));
  return {
    ...others,
    tiers: [
      ...others.tiers.filter(({ name }) => !own.tiers.some((tier) => tier.name === name)),
      ...own.tiers,
    ],
    policies: [...others.policies, ...own.policies],
    sets: [...others.sets, ...own.sets],
    hostEndpoints: [...labelled(others.hostEndpoints, compilation), ...own.hostEndpoints],
    felix: narrowed(others.felix, compilation),
    problems: [...others.problems, ...own.problems],
  };
}

/** Automatic endpoints copy the labels of their Nodes, and the operator labels Nodes. */
function labelled(
  endpoints: readonly StoredHostEndpoint[],
  { labelledNodes }: Compilation,
): readonly StoredHostEndpoint[] {
  if (labelledNodes === UNKNOWN) return endpoints;
  const wanted = new Set(labelledNodes);
  return endpoints.map((endpoint) => {
    if (endpoint.labels[LABEL_CREATED_BY] !== KUBE_CONTROLLERS) return endpoint;
    const labels = Object.fromEntries(
      Object.entries(endpoint.labels).filter(([key]) => key !== LABEL_ENFORCED),
    );
    return {
      ...endpoint,
      labels: wanted.has(endpoint.node) ? { ...labels, [LABEL_ENFORCED]: 'enforced' } : labels,
    };
  });
}

/** The operator narrows the failsafes of the FelixConfiguration `default`. */
function narrowed(felix: World['felix'], { nodes }: Compilation): World['felix'] {
  const { mode, failsafes, failsafesWaitFor, failsafesKept } = nodes ?? {};
  const isNarrow = mode === 'Enforce' && failsafesWaitFor === undefined && failsafesKept === undefined;
  if (failsafes === undefined || !isNarrow) return felix;
  const { failsafeInbound = [] } = readFelixConfiguration(
    objectFields({
      apiVersion: 'projectcalico.org/v3',
      kind: 'FelixConfiguration',
      metadata: { name: 'default' },
      spec: { failsafeInboundHostPorts: failsafes },
    }),
  );
  const main = felix.find(({ name }) => name === 'default') ?? { name: 'default', isSelective: false };
  return [...felix.filter((each) => each !== main), { ...main, failsafeInbound }];
}

/** The firewall with everything that it observes enforced. */
export function enforced({ metadata, spec }: ClusterFirewall): ClusterFirewall {
  const { nodes, namespaces } = spec;
  return {
    metadata,
    spec: {
      ...spec,
      mode: 'Enforce',
      ...(nodes !== undefined && {
        nodes: { ...nodes, mode: nodes.mode === 'Observe' ? 'Enforce' : nodes.mode },
      }),
      ...(namespaces !== undefined && {
        namespaces: namespaces.map((group) =>
          group.mode === undefined ? group : { ...group, mode: 'Enforce' },
        ),
      }),
    },
  };
}

/** Takes staged policies for enforced ones: each replaces its namesake, or removes it. */
export function inMode(world: World, mode: Mode): World {
  if (mode === 'as-is') return world;
  const staged = world.policies.filter((policy) => policy.staged !== undefined);
  const replaced = new Set(staged.map(namesake));
  const kept = world.policies.filter(
    (policy) => policy.staged === undefined && !replaced.has(namesake(policy)),
  );
  const enforced = staged.flatMap(({ staged: action, ...policy }) => (action === 'Set' ? [policy] : []));
  return { ...world, policies: [...kept, ...enforced], enforcesStaged: true };
}

/** True where `enforce` may give other verdicts than `as-is`. */
export const hasStaged = ({ policies, problems, lacks, enforcesStaged }: World): boolean =>
  enforcesStaged !== true &&
  (policies.some(({ staged }) => staged !== undefined) ||
    [...problems.map(({ kind }) => kind), ...lacks].some((kind) => kind.startsWith('Staged')));

/** The staged policies that remove another one, by what they remove. */
export const removalsIn = ({ policies }: World): ReadonlyMap<string, StoredPolicy> =>
  new Map(
    policies.flatMap((policy) => (policy.staged === 'Delete' ? [[namesake(policy), policy] as const] : [])),
  );

/** StagedNetworkPolicy stages NetworkPolicy, of Calico; StagedKubernetesNetworkPolicy that of Kubernetes. */
export const namesake = ({ kind, apiVersion, sortName }: StoredPolicy): string => {
  const isKubernetes = kind === 'StagedKubernetesNetworkPolicy' || apiVersion.startsWith('networking.k8s.io');
  return `${isKubernetes ? 'KubernetesNetworkPolicy' : kind.replace(/^Staged/, '')} ${sortName}`;
};
