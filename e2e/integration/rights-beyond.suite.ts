/** Uses each right to write for something that is not the operator's job. RBAC or a guard has to refuse. */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { create, get, mergePatch, remove, replace } from '../../src/cluster/objects/apply.ts';
import { ApiError } from '../../src/cluster/errors.ts';
import type { UndiciTransport } from '../../src/cluster/http/undici-transport.ts';
import type { KubernetesObject, Resource } from '../../src/cluster/resource.ts';
import type { GeneratedKind } from '../../src/calico/types.ts';
import { FIREWALLS } from '../../src/controller/observe/firewalls.ts';
import { GENERATED_KINDS, generatedKinds, kindResource } from '../../src/controller/objects/kinds.ts';
import { waitFor } from '../wait.ts';
import { connect } from '../harness/connect.ts';
import { grantsOf, type Grant } from '../harness/grants.ts';
import type { ApiMode } from '../harness/native-crds.ts';
import { firewall, IDENTITY, type Rig } from './controller-harness.ts';

const CALICO = 'projectcalico.org';
const calico = (kind: string, metadata: KubernetesObject['metadata'], spec: object): KubernetesObject => ({
  apiVersion: `${CALICO}/v3`,
  kind,
  metadata,
  spec,
});
const policy = { selector: "app == 'theirs'", order: 50, types: ['Ingress'] };
const SPECS: Readonly<Record<GeneratedKind, object>> = {
  Tier: { order: 50 },
  HostEndpoint: { node: 'worker', interfaceName: 'eth7', expectedIPs: ['192.0.2.7'] },
  GlobalNetworkSet: { nets: ['192.0.2.0/24'] },
  GlobalNetworkPolicy: policy,
  NetworkPolicy: policy,
  StagedGlobalNetworkPolicy: policy,
  StagedNetworkPolicy: policy,
};
const isPolicy = (kind: GeneratedKind): boolean => kind.endsWith('Policy');
const namespaceOf = (kind: GeneratedKind): string | undefined =>
  GENERATED_KINDS[kind].namespaced ? 'wordpress' : undefined;
const FELIX: Resource = { group: CALICO, version: 'v3', plural: 'felixconfigurations' };
const NODES: Resource = { group: '', version: 'v1', plural: 'nodes' };
const LEASES: Resource = {
  group: 'coordination.k8s.io',
  version: 'v1',
  plural: 'leases',
  namespace: IDENTITY.namespace,
};
const REVISIONS: Resource = {
  group: 'apps',
  version: 'v1',
  plural: 'controllerrevisions',
  namespace: IDENTITY.namespace,
};
const eventsIn = (namespace: string): Resource => ({
  group: '',
  version: 'v1',
  plural: 'events',
  namespace,
});

/** RBAC, or the guard of that name. */
type Refusal = 'RBAC' | 'object' | 'firewall' | 'lease' | 'revision' | 'node' | 'failsafe';

/**
 * Calico's API server does not ask admission about deletions: its storage ignores the validation that it is given
 * (apiserver/pkg/storage/calico/resource.go, Delete, in Calico 3.31). If a test that expects this fails, Calico has
 * changed that, and docs/operations.md#guards can say more.
 */
const isUnguarded = ({ uses: [verb], refusedBy }: Attempt, mode: ApiMode): boolean =>
  mode === 'aggregated' && verb === 'delete' && refusedBy === 'object';

interface Attempt {
  readonly what: string;
  /** The rights that it uses: a verb, and a resource as in the role. */
  readonly uses: readonly [verb: string, resource: string];
  readonly try: (operator: UndiciTransport) => Promise<unknown>;
  readonly refusedBy: Refusal;
}

/** Rights that reach no further than the job, and why. */
const WHOLE: readonly (readonly [verb: string, resource: string, why: string])[] = [
  ['patch', 'clusterfirewalls/status', 'all of the status is its to write'],
];

export const beyondTests = (rig: () => Rig, mode: ApiMode, kubeconfig: () => Promise<string>): void => {
  let operator: UndiciTransport | undefined;
  beforeAll(async () => {
    operator = connect(await kubeconfig());
    const theirs = generatedKinds.map((kind) => object(kind, 'theirs'));
    const elsewhere = calico('Tier', { name: 'theirs' }, SPECS.Tier);
    await rig().apply(elsewhere, object('Tier', 'clusterfirewall', { order: 900 }));
    await rig().apply(...theirs, firewall({}, 'team'));
    await rig().apply({ ...LEASE, metadata: { ...LEASE.metadata, name: 'theirs' } }, revision('theirs'));
    // RBAC knows no tiers, and Calico 3.32 no prefix of names.
    if (mode === 'native') await rig().apply(...generatedKinds.filter(isPolicy).map(inTheirTier));
  }, 60_000);
  afterAll(async () => {
    await operator?.close();
  });

  const answerTo = async (attempt: Attempt): Promise<string> => {
    if (operator === undefined) throw new Error('not connected');
    try {
      await attempt.try(operator);
    } catch (error) {
      if (error instanceof ApiError) return error.message;
      throw error;
    }
    return 'not refused';
  };
  const all = [...attempts, ...(mode === 'native' ? inTiers : [])];

  const titled = (unguarded: boolean) =>
    all
      .filter((each) => isUnguarded(each, mode) === unguarded)
      .map((each) => [each.what, each.refusedBy, each] as const);

  test.each(titled(false))('%s is refused by %s', async (_, refusedBy, each) => {
    const words = refusedBy === 'RBAC' ? 'cannot ' : `clusterfirewall-${refusedBy}-guard`;
    expect(await answerTo(each)).toContain(words);
  });

  if (mode === 'aggregated') {
    test.each(titled(true))(
      "%s is not refused: Calico's API server asks no guard",
      async (_what, _by, each) => {
        expect(await answerTo(each)).toBe('not refused');
      },
    );
  }

  test('each right to write is tried, or is said to reach no further than the job', () => {
    const known = [...all.map(({ uses }) => uses), ...WHOLE].map(([verb, resource]) => `${verb} ${resource}`);
    const rights = grantsOf('default')
      .filter(
        ({ verb, resource }) => !['get', 'list', 'watch'].includes(verb) && !resource.startsWith('tier.'),
      )
      .map(({ verb, resource }: Grant) => `${verb} ${resource}`);
    expect(rights.filter((right) => !known.includes(right))).toEqual([]);
  });

  describe('the API server finds nothing odd in the expressions of', () => {
    test.each(['object', 'firewall', 'lease', 'revision', 'node', 'failsafe'])(
      'the %s guard',
      async (name) => {
        const status = await waitFor(
          async () =>
            (await rig().cluster.kubectl([
              'get',
              'validatingadmissionpolicy',
              `clusterfirewall-${name}-guard`,
              '--output',
              'jsonpath={.status}',
            ])) || undefined,
          { what: 'the API server to check the types', within: 60_000 },
        );
        expect(JSON.parse(status)).toEqual({ observedGeneration: expect.any(Number), typeChecking: {} });
      },
    );
  });
};

function object(kind: GeneratedKind, name: string, spec: object = SPECS[kind]): KubernetesObject {
  const namespace = namespaceOf(kind);
  return calico(kind, { name, ...(namespace !== undefined && { namespace }) }, spec);
}
const inTheirTier = (kind: GeneratedKind): KubernetesObject =>
  object(kind, 'cfw-theirs', { ...policy, tier: 'theirs' });

const LEASE = {
  apiVersion: 'coordination.k8s.io/v1',
  kind: 'Lease',
  metadata: { name: 'other', namespace: IDENTITY.namespace },
  spec: { holderIdentity: 'somebody' },
};

const revision = (name: string, namespace: string = IDENTITY.namespace): KubernetesObject => ({
  apiVersion: 'apps/v1',
  kind: 'ControllerRevision',
  metadata: { name, namespace },
  data: { spec: {} },
  revision: 1,
});

const ofKind = (kind: GeneratedKind): readonly Attempt[] => {
  const resource = kindResource(kind, namespaceOf(kind));
  const { plural } = GENERATED_KINDS[kind];
  // RBAC has the name of the one tier.
  const refusedBy = kind === 'Tier' ? 'RBAC' : 'object';
  return [
    {
      what: `a new ${kind} with another name`,
      uses: ['create', plural],
      try: (operator) => create(operator, resource, object(kind, 'new')),
      refusedBy: 'object',
    },
    {
      what: `another client's ${kind}, patched`,
      uses: ['patch', plural],
      try: (operator) => mergePatch(operator, resource, 'theirs', { metadata: { labels: { a: 'b' } } }),
      refusedBy,
    },
    {
      what: `another client's ${kind}, replaced`,
      uses: ['update', plural],
      try: async (operator) => {
        const stored = await get(operator, resource, 'theirs');
        return replace(operator, resource, { ...object(kind, 'theirs'), ...stored });
      },
      refusedBy,
    },
    {
      what: `another client's ${kind}, deleted`,
      uses: ['delete', plural],
      try: (operator) => remove(operator, resource, 'theirs'),
      refusedBy,
    },
  ];
};

/** Policies with our prefix in a tier of others. Behind Calico's API server RBAC refuses, because names have the tier. */
const inTiers: readonly Attempt[] = generatedKinds.filter(isPolicy).flatMap((kind): readonly Attempt[] => {
  const resource = kindResource(kind, namespaceOf(kind));
  const { plural } = GENERATED_KINDS[kind];
  return [
    {
      what: `a ${kind} in another tier, created`,
      uses: ['create', plural],
      try: (operator) => create(operator, resource, object(kind, 'cfw-new', { ...policy, tier: 'theirs' })),
      refusedBy: 'object',
    },
    {
      what: `a ${kind} in another tier, moved to ours`,
      uses: ['patch', plural],
      try: (operator) => mergePatch(operator, resource, 'cfw-theirs', { spec: { tier: 'default' } }),
      refusedBy: 'object',
    },
    {
      what: `a ${kind} in another tier, deleted`,
      uses: ['delete', plural],
      try: (operator) => remove(operator, resource, 'cfw-theirs'),
      refusedBy: 'object',
    },
  ];
});

const patchOf = (
  what: string,
  [resource, name, refusedBy]: readonly [Resource, string, Refusal],
  patch: object,
): Attempt => ({
  what,
  uses: ['patch', resource.plural],
  try: (operator) => mergePatch(operator, resource, name, { ...patch }),
  refusedBy,
});
const TIER = [kindResource('Tier'), 'clusterfirewall', 'object'] as const;
const FELIX_DEFAULT = [FELIX, 'default', 'failsafe'] as const;
const FIREWALL = [FIREWALLS, 'team', 'firewall'] as const;
const NODE = [NODES, 'worker', 'node'] as const;

const attempts: readonly Attempt[] = [
  ...generatedKinds.flatMap(ofKind),
  {
    what: 'an object that Calico would list under another name',
    uses: ['create', 'globalnetworksets'],
    try: (operator) =>
      create(
        operator,
        kindResource('GlobalNetworkSet'),
        calico(
          'GlobalNetworkSet',
          { name: 'cfw-new', annotations: { 'projectcalico.org/metadata': '{"name":"theirs"}' } },
          SPECS.GlobalNetworkSet,
        ),
      ),
    refusedBy: 'object',
  },
  patchOf('the own tier, moved before others', TIER, { spec: { order: 1 } }),
  patchOf('the own tier without an order', TIER, { spec: { order: null } }),
  patchOf('the default tier', [kindResource('Tier'), 'default', 'RBAC'], { spec: { defaultAction: 'Pass' } }),
  patchOf('another field of FelixConfiguration default', FELIX_DEFAULT, { spec: { logFilePath: '/etc/x' } }),
  patchOf('a field of FelixConfiguration default, removed', FELIX_DEFAULT, {
    spec: { defaultEndpointToHostAction: null },
  }),
  patchOf('the outbound failsafes', FELIX_DEFAULT, { spec: { failsafeOutboundHostPorts: [] } }),
  patchOf('a label of FelixConfiguration default', FELIX_DEFAULT, { metadata: { labels: { a: 'b' } } }),
  patchOf('an annotation of FelixConfiguration default', FELIX_DEFAULT, {
    metadata: { annotations: { a: 'b' } },
  }),
  patchOf('a finalizer of FelixConfiguration default', FELIX_DEFAULT, {
    metadata: { finalizers: ['a.b/c'] },
  }),
  patchOf('FelixConfiguration of a node', [FELIX, 'node.worker', 'RBAC'], { spec: {} }),
  patchOf('the spec of a ClusterFirewall', FIREWALL, { spec: { mode: 'Observe' } }),
  patchOf('a label of a ClusterFirewall', FIREWALL, { metadata: { labels: { a: 'b' } } }),
  patchOf('an annotation of a ClusterFirewall', FIREWALL, { metadata: { annotations: { a: 'b' } } }),
  patchOf('a finalizer of others of a ClusterFirewall', FIREWALL, { metadata: { finalizers: ['a.b/c'] } }),
  patchOf('another label of a Node', NODE, { metadata: { labels: { team: 'blue' } } }),
  patchOf('a label of a Node, removed', [NODES, 'cp', 'node'], {
    metadata: { labels: { 'node-role.kubernetes.io/control-plane': null } },
  }),
  patchOf('an annotation of a Node', NODE, { metadata: { annotations: { team: 'blue' } } }),
  patchOf('a finalizer of a Node', NODE, { metadata: { finalizers: ['a.b/c'] } }),
  patchOf('a taint of a Node', NODE, { spec: { taints: [{ key: 'a', effect: 'NoExecute' }] } }),
  patchOf('a Node, cordoned', NODE, { spec: { unschedulable: true } }),
  {
    what: 'another Lease, created',
    uses: ['create', 'leases'],
    try: (operator) => create(operator, LEASES, LEASE),
    refusedBy: 'lease',
  },
  {
    what: 'another Lease, changed',
    uses: ['update', 'leases'],
    try: (operator) =>
      replace(operator, LEASES, { ...LEASE, metadata: { ...LEASE.metadata, name: 'theirs' } }),
    refusedBy: 'RBAC',
  },
  {
    what: 'a ControllerRevision with another name',
    uses: ['create', 'controllerrevisions'],
    try: (operator) => create(operator, REVISIONS, revision('other')),
    refusedBy: 'revision',
  },
  {
    what: 'a ControllerRevision of another namespace',
    uses: ['create', 'controllerrevisions'],
    try: (operator) =>
      create(
        operator,
        { ...REVISIONS, namespace: 'kube-system' },
        revision('clusterfirewall-default-1', 'kube-system'),
      ),
    refusedBy: 'RBAC',
  },
  {
    what: 'a ControllerRevision of others, deleted',
    uses: ['delete', 'controllerrevisions'],
    try: (operator) => remove(operator, REVISIONS, 'theirs'),
    refusedBy: 'revision',
  },
  {
    what: 'an Event of another namespace',
    uses: ['create', 'events'],
    try: (operator) =>
      create(operator, eventsIn('kube-system'), {
        apiVersion: 'v1',
        kind: 'Event',
        metadata: { name: 'other', namespace: 'kube-system' },
      }),
    refusedBy: 'RBAC',
  },
  patchOf('an Event of another namespace, changed', [eventsIn('kube-system'), 'theirs', 'RBAC'], {}),
];
