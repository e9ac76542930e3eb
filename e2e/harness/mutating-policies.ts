/** MutatingAdmissionPolicies: of Calico's own, and of others that alter our objects. */
import { GENERATED_KINDS } from '../../src/controller/objects/kinds.ts';
import { valueAt } from '../../src/json.ts';
import type { StartedCluster } from '../cluster.ts';
import { waitFor } from '../wait.ts';

/** Flags of kube-apiserver. In Kubernetes 1.35 they are in beta and off by default. */
export const MUTATING_POLICIES = [
  '--feature-gates=MutatingAdmissionPolicy=true',
  '--runtime-config=admissionregistration.k8s.io/v1beta1=true',
];

export interface MutatingPolicy {
  readonly name: string;
  /** The API that is asked about each write. */
  readonly api: { readonly group: string; readonly version: string };
  /** Plural names. */
  readonly resources: readonly string[];
  /** CEL: true for the objects that are changed. */
  readonly condition?: string;
  /** CEL: a list of JSONPatch. */
  readonly patch: string;
}

/** The policy and its binding. */
export function mutatingPolicy(policy: MutatingPolicy): readonly object[] {
  const { name, api, resources, condition = 'true', patch } = policy;
  const rule = { apiGroups: [api.group], apiVersions: [api.version], operations: ['CREATE', 'UPDATE'] };
  return [
    {
      apiVersion: 'admissionregistration.k8s.io/v1beta1',
      kind: 'MutatingAdmissionPolicy',
      metadata: { name },
      spec: {
        matchConstraints: { resourceRules: [{ ...rule, resources }] },
        matchConditions: [{ name: 'needed', expression: condition }],
        failurePolicy: 'Fail',
        reinvocationPolicy: 'IfNeeded',
        mutations: [{ patchType: 'JSONPatch', jsonPatch: { expression: patch } }],
      },
    },
    {
      apiVersion: 'admissionregistration.k8s.io/v1beta1',
      kind: 'MutatingAdmissionPolicyBinding',
      metadata: { name },
      spec: { policyName: name },
    },
  ];
}

/**
 * The API in which kube-apiserver stores Calico's objects, and asks admission policies about them. Calico's API
 * server writes to it.
 */
export const STORAGE = {
  native: { group: 'projectcalico.org', version: 'v3' },
  aggregated: { group: 'crd.projectcalico.org', version: 'v1' },
} as const;

/** A change that admission makes in each object of ours with this name. */
export interface Alteration {
  readonly kind: 'GlobalNetworkPolicy' | 'NetworkPolicy';
  /** The readable part of the object's name. */
  readonly name: string;
  readonly op: 'add' | 'replace';
  /** JSON pointer. */
  readonly path: string;
  /** JSON, which is CEL too. */
  readonly value: string;
}

/** Calls `look` while admission alters what is written. The policy is gone when the promise resolves. */
export async function whileAltered(
  cluster: StartedCluster,
  mode: keyof typeof STORAGE,
  alteration: Alteration,
  look: () => Promise<void>,
): Promise<void> {
  const { kind, name, op, path, value } = alteration;
  const input = listOf(
    mutatingPolicy({
      name: 'alters-what-is-written',
      api: STORAGE[mode],
      resources: [GENERATED_KINDS[kind].plural],
      condition: `object.metadata.name.contains("${name}")`,
      patch: `[JSONPatch{op: "${op}", path: "${path}", value: ${value}}]`,
    }),
  );
  // The API server follows a policy, and drops it, a moment after it was written.
  const becomes = async (isInForce: boolean): Promise<void> => {
    await waitFor(async () => (await isAltered(cluster, mode, alteration)) === isInForce || undefined, {
      what: `the admission policy to be ${isInForce ? 'in force' : 'gone'}`,
      within: 60_000,
    });
  };
  await cluster.kubectl(['apply', '--server-side', '--filename', '-'], { input });
  try {
    await becomes(true);
    await look();
  } finally {
    await cluster.kubectl(['delete', '--filename', '-'], { input });
    await becomes(false);
  }
}

/** Tries it on a policy with such a name, which is not stored. */
async function isAltered(
  cluster: StartedCluster,
  mode: keyof typeof STORAGE,
  { kind, name, path, value }: Alteration,
): Promise<boolean> {
  const { group, version } = STORAGE[mode];
  const probe = {
    apiVersion: `${group}/${version}`,
    kind,
    metadata: { name: `default.${name}-probe`, ...(kind === 'NetworkPolicy' && { namespace: 'default' }) },
    spec: {
      tier: 'default',
      selector: 'all()',
      types: ['Ingress'],
      ingress: [{ action: 'Deny', source: {} }],
    },
  };
  const create = ['create', '--dry-run=server', '--output', 'json', '--filename', '-'];
  const answer: unknown = JSON.parse(await cluster.kubectl(create, { input: JSON.stringify(probe) }));
  const keys = path.slice(1).split('/');
  const at = valueAt(answer, ...keys.map((key) => (/^\d+$/.test(key) ? Number(key) : key)));
  return JSON.stringify(at) === JSON.stringify(JSON.parse(value));
}

const listOf = (items: readonly object[]): string =>
  JSON.stringify({ apiVersion: 'v1', kind: 'List', items });
