/** A tenant who may write Calico's policies in his namespace, against a real API server. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import type { KubernetesObject } from '../../src/cluster/resource.ts';
import { conditionOf, eventually, firewall, type Rig, type RigMode } from './controller-harness.ts';
import { PLURALS } from './controller-objects.ts';

const TENANT = 'tenant';
/** Addresses in rules never mean nodes, so one must be known. */
const NODE = 'tenants-node';
const STAYS = ['evil.example/never'];
const CALICO = 'projectcalico.org';
/** A label that only the tenant writes. */
const MARK = 'tenants-mark';
const LABELS = {
  'app.kubernetes.io/managed-by': 'clusterfirewall',
  'clusterfirewall.io/firewall': 'default',
};

/**
 * Every right on Calico's policies, Services, EndpointSlices and ServiceAccounts in one namespace. Calico's API
 * server asks for the tier as well.
 */
const rights: readonly object[] = [
  {
    apiVersion: 'rbac.authorization.k8s.io/v1',
    kind: 'ClusterRole',
    metadata: { name: TENANT },
    rules: [
      { apiGroups: [CALICO], resources: ['networkpolicies', 'stagednetworkpolicies'], verbs: ['*'] },
      {
        apiGroups: [CALICO],
        resources: ['tier.networkpolicies', 'tier.stagednetworkpolicies'],
        resourceNames: ['default.*'],
        verbs: ['*'],
      },
      { apiGroups: [''], resources: ['services', 'serviceaccounts'], verbs: ['*'] },
      { apiGroups: ['discovery.k8s.io'], resources: ['endpointslices'], verbs: ['*'] },
    ],
  },
  {
    apiVersion: 'rbac.authorization.k8s.io/v1',
    kind: 'RoleBinding',
    metadata: { name: TENANT, namespace: 'evil' },
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: TENANT },
    subjects: [{ kind: 'User', name: TENANT }],
  },
  {
    apiVersion: 'rbac.authorization.k8s.io/v1',
    kind: 'ClusterRole',
    metadata: { name: 'tenants-tier' },
    rules: [{ apiGroups: [CALICO], resources: ['tiers'], resourceNames: ['default'], verbs: ['get'] }],
  },
  {
    apiVersion: 'rbac.authorization.k8s.io/v1',
    kind: 'ClusterRoleBinding',
    metadata: { name: 'tenants-tier' },
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'tenants-tier' },
    subjects: [{ kind: 'User', name: TENANT }],
  },
];

const namespace = (name: string, labels: object) => ({
  apiVersion: 'v1',
  kind: 'Namespace',
  metadata: { name, labels },
});
const team = {
  name: 'team',
  namespaceSelector: { matchLabels: { team: 'yes' } },
  isolation: 'SameNamespace',
};
const victims = {
  name: 'victims',
  namespaces: ['victim'],
  isolation: 'SameNamespace',
  egress: [{ name: 'out', pods: {}, to: [{ ipBlock: { cidr: '203.0.113.0/24' } }], ports: [443] }],
};
const before = firewall({ namespaces: [team, victims] });
/** Everything of `victim` goes, and so does the default deny, which is replaced. */
const revoked = firewall({ namespaces: [], defaults: { deny: 'Ingress' } });

export const tenants = (rig: () => Rig, mode: RigMode): void => {
  describe('a tenant with every right on policies in one namespace', () => {
    const asTenant = (args: readonly string[], object?: object): Promise<string> =>
      rig().cluster.kubectl(
        [...args, '--as', TENANT],
        object === undefined ? {} : { input: JSON.stringify(object) },
      );
    const policy = (
      name: string,
      rules: readonly string[],
      kind = 'NetworkPolicy',
      labels: object = LABELS,
    ) => ({
      apiVersion: `${CALICO}/v3`,
      kind,
      metadata: {
        name,
        namespace: 'evil',
        labels,
        finalizers: STAYS,
        annotations: { 'clusterfirewall.io/rules': rules.join(',') },
      },
      spec: {
        tier: 'default',
        order: 1,
        selector: `has(${MARK})`,
        types: ['Ingress', 'Egress'],
        ingress: [{ action: 'Allow' }],
        egress: [{ action: 'Allow', destination: { selector: `has(${MARK})` } }],
      },
    });
    const forge = (object: object): Promise<string> =>
      asTenant(['create', '--field-manager', 'clusterfirewall', '-f', '-'], object);
    const inNamespace = async (name: string): Promise<readonly KubernetesObject[]> =>
      (await rig().list(PLURALS.NetworkPolicy)).filter(({ metadata }) => metadata.namespace === name);
    /** The operator's writes to objects of the cluster until everything is as `spec` says. */
    const writesFor = async (change: () => Promise<unknown>): Promise<readonly string[]> => {
      const since = (await rig().writes()).length;
      await change();
      await rig().ready();
      return (await rig().writes())
        .slice(since)
        .filter(({ target }) => /^(global|staged(global)|tier)/.test(target))
        .map(({ verb, target }) => `${verb} ${target}`);
    };
    const globals = async (): Promise<string> =>
      JSON.stringify(await rig().list(PLURALS.GlobalNetworkPolicy));

    beforeAll(async () => {
      await rig().apply(
        {
          apiVersion: 'v1',
          kind: 'Node',
          metadata: { name: NODE, labels: { 'node-restriction.kubernetes.io/role': 'ingress' } },
        },
        namespace('evil', { team: 'yes' }),
        namespace('victim', { team: 'yes' }),
        ...rights,
      );
      const status = { addresses: [{ type: 'InternalIP', address: '10.99.0.66' }] };
      await rig().cluster.kubectl([
        ...['patch', 'node', NODE, '--subresource=status', '--type=merge'],
        ...['--patch', JSON.stringify({ status })],
      ]);
    });
    beforeEach(async () => {
      await rig().apply(namespace('victim', { team: 'yes' }), before);
      await rig().ready();
    });
    afterEach(async () => {
      for (const plural of ['networkpolicies', 'stagednetworkpolicies'])
        for (const { metadata } of await rig().list(`${plural}.${CALICO}`, '-l', `!${MARK}`)) {
          if (metadata.namespace !== 'evil' || metadata.finalizers === undefined) continue;
          await asTenant([
            'patch',
            `${plural}.${CALICO}`,
            metadata.name,
            '-n',
            'evil',
            '--type=merge',
            '-p',
            '{"metadata":{"finalizers":null}}',
          ]);
          await asTenant([
            'delete',
            `${plural}.${CALICO}`,
            metadata.name,
            '-n',
            'evil',
            '--ignore-not-found',
          ]);
        }
    });
    afterAll(async () => {
      await rig().clear();
      await rig().cluster.kubectl(['delete', 'namespace', 'evil', 'victim', '--wait=false']);
      await rig().cluster.kubectl(['delete', 'node', NODE]);
    }, 60_000);

    const forgeries = [
      policy('cfw-d1', ['default/defaults/deny']),
      policy('cfw-d2', ['default/defaults/deny']),
      policy('cfw-b1', ['default/defaults/bridge-from', 'default/defaults/bridge-complete']),
      policy('cfw-g1', ['default/guardrails/g']),
      policy('cfw-s1', ['default/defaults/deny'], 'StagedNetworkPolicy'),
    ];

    test('forges policies of all roles and holds them: others see the same writes, and nothing stays of what was revoked', async () => {
      const alone = await writesFor(() => rig().apply(revoked));
      await rig().apply(before);
      await rig().ready();
      for (const forged of forgeries) await forge(forged);
      const beside = await writesFor(() => rig().apply(revoked));
      expect(alone.length).toBeGreaterThan(0);
      expect([...beside].sort()).toEqual([...alone].sort());
      expect(await inNamespace('victim')).toEqual([]);
      expect(await globals()).not.toMatch(new RegExp(`bridge|${MARK}`));
      // Forged policies are looked at when nothing is left to do for others.
      const { problems = [] } = await rig().statusThat(
        (status) => status.problems?.some(({ reason }) => reason === 'ForgedPolicy') === true,
        'names a forged policy',
      );
      expect(problems).toMatchObject([{ severity: 'warning', reason: 'ForgedPolicy' }]);
      expect(problems[0]?.message).toContain('NetworkPolicy/evil/cfw-b1');
    });

    test('does the same while the operator is away and the spec changes', async () => {
      await rig().stopOperator();
      for (const forged of forgeries) await forge(forged);
      await rig().apply(revoked);
      await rig().restart();
      await rig().ready();
      expect(await inNamespace('victim')).toEqual([]);
      expect(await globals()).not.toMatch(new RegExp(`bridge|${MARK}`));
    });

    test('takes a name of ours: what another namespace had goes all the same', async () => {
      const [ours] = await inNamespace('evil');
      if (ours === undefined) throw new Error('nothing of ours is in evil');
      const { name } = ours.metadata;
      await rig().stopOperator();
      await asTenant(['delete', PLURALS.NetworkPolicy, name, '-n', 'evil']);
      // With our field manager it would be drift.
      await asTenant(['create', '-f', '-'], policy(name, [], 'NetworkPolicy', {}));
      await rig().restart();
      await rig().apply(firewall({ namespaces: [team] }));
      await rig().cluster.kubectl(['label', 'namespace', 'victim', 'team-']);
      await eventually(async () => (await inNamespace('victim')).length === 0, 'the policy of victim to go');
      const status = await rig().statusThat(
        (each) => conditionOf(each, 'Ready')?.status === 'False',
        'not Ready',
      );
      expect(conditionOf(status, 'Programmed')).toMatchObject({ reason: 'NameTaken' });
    });

    if (mode === 'native')
      test('writes a selector that escapes its brackets: it gets into no object of ours', async () => {
        const forged = policy('cfw-a1', ['default/evil/ingress/x']);
        await forge({ ...forged, spec: { ...forged.spec, selector: `has(${MARK})) || (all()` } });
        await forge(policy('cfw-d1', ['default/defaults/deny']));
        await rig().apply(revoked);
        await rig().ready();
        expect(await globals()).not.toContain(MARK);
        const logged = await rig().logged('applied');
        expect(logged.filter(({ object }) => String(object).includes('bridge-from')).length).toBeGreaterThan(
          0,
        );
      });

    test('cannot keep a firewall from being deleted', async () => {
      for (const forged of forgeries) await forge(forged);
      await rig().cluster.kubectl(['delete', 'clusterfirewall', 'default', '--timeout=60s']);
      expect(await globals()).not.toContain('cfw-');
    });

    describe('with Services, EndpointSlices, ServiceAccounts and labels of nodes', () => {
      /** Each of its ends could be the tenant's, were names and labels of his namespace trusted. */
      const ends = firewall({
        namespaces: [
          team,
          {
            name: 'victims',
            namespaces: ['victim'],
            ingress: [
              {
                name: 'accounts',
                pods: {},
                from: [
                  { pods: { namespaceSelector: { matchLabels: { team: 'no' } }, serviceAccounts: ['app'] } },
                  { nodes: { matchLabels: { 'node-restriction.kubernetes.io/role': 'ingress' } } },
                ],
                ports: [8080],
              },
            ],
            egress: [
              {
                name: 'db',
                pods: {},
                to: [{ service: { namespace: 'victim', name: 'db' } }],
                ports: ['All'],
              },
              { name: 'api', pods: {}, to: [{ entity: 'KubeAPIServer' }], ports: ['All'] },
            ],
          },
        ],
      });
      const service = (where: string, name: string, spec: object, labels: object = {}) => ({
        ...{ apiVersion: 'v1', kind: 'Service', metadata: { name, namespace: where, labels }, spec },
      });
      const slice = (where: string, name: string, of: string) => ({
        apiVersion: 'discovery.k8s.io/v1',
        kind: 'EndpointSlice',
        metadata: { name, namespace: where, labels: { 'kubernetes.io/service-name': of } },
        addressType: 'IPv4',
        endpoints: [{ addresses: ['203.0.113.66'] }],
        ports: [{ name: 'https', port: 66, protocol: 'TCP' }],
      });
      const written = async (): Promise<string> => {
        const kinds = [PLURALS.GlobalNetworkPolicy, PLURALS.GlobalNetworkSet, PLURALS.NetworkPolicy];
        const objects = (await Promise.all(kinds.map((kind) => rig().list(kind)))).flat();
        return JSON.stringify(objects.map(({ metadata, spec }) => [metadata.namespace, metadata.name, spec]));
      };

      test('changes nothing that is written, in his namespace or elsewhere', async () => {
        const database = { selector: { app: 'db' }, ports: [{ port: 5432 }] };
        await rig().apply(service('victim', 'db', database), ends);
        await rig().ready();
        const before = await written();
        const since = (await rig().writes()).length;
        const port53 = [{ name: 'dns', port: 53, protocol: 'UDP' }];
        for (const object of [
          service('evil', 'db', { selector: { [MARK]: 'yes' }, ports: [{ port: 66 }] }),
          service('evil', 'kubernetes', { selector: { [MARK]: 'yes' }, ports: [{ port: 66 }] }),
          service(
            'evil',
            'kube-dns',
            { selector: { [MARK]: 'yes' }, ports: port53 },
            { 'k8s-app': 'kube-dns' },
          ),
          slice('evil', 'db-1', 'db'),
          slice('evil', 'kubernetes', 'kubernetes'),
          {
            ...{ apiVersion: 'v1', kind: 'ServiceAccount' },
            metadata: { name: 'app', namespace: 'evil', labels: { team: 'no' } },
          },
        ])
          await asTenant(['create', '-f', '-'], object);
        const denied = /forbidden/i;
        await expect(asTenant(['create', '-f', '-'], slice('victim', 'db-1', 'db'))).rejects.toThrow(denied);
        await expect(asTenant(['create', '-f', '-'], slice('default', 'x', 'kubernetes'))).rejects.toThrow(
          denied,
        );
        await expect(
          asTenant(['label', 'node', NODE, 'node-restriction.kubernetes.io/role=none', '--overwrite']),
        ).rejects.toThrow(denied);
        await expect(asTenant(['label', 'namespace', 'evil', 'team=no', '--overwrite'])).rejects.toThrow(
          denied,
        );
        // A change of the spec makes the operator look at everything again.
        await rig().apply({ ...ends, metadata: { name: 'default', annotations: { looked: 'again' } } });
        await rig().restart();
        await rig().ready();
        expect(await written()).toBe(before);
        const targets = (await rig().writes()).slice(since).map(({ target }) => target);
        expect(targets.filter((target) => !target.startsWith('clusterfirewalls/'))).toEqual([]);
      });
    });

    describe('with a finalizer on our policy', () => {
      const ours = async (): Promise<KubernetesObject> => {
        const [object] = await inNamespace('evil');
        if (object === undefined) throw new Error('nothing of ours is in evil');
        return object;
      };
      const patched = async (patch: object): Promise<void> => {
        const { name } = (await ours()).metadata;
        const how = ['-n', 'evil', '--type=merge', '--field-manager', 'tenants-kubectl', '-p'];
        await asTenant(['patch', PLURALS.NetworkPolicy, name, ...how, JSON.stringify(patch)]);
      };
      const hold = (): Promise<void> => patched({ metadata: { finalizers: STAYS } });
      const selectorOf = ({ spec }: KubernetesObject): unknown => (spec as { selector: unknown }).selector;

      test('delays no revocation: others see the same writes, and the policy is emptied and named', async () => {
        const alone = await writesFor(() => rig().apply(revoked));
        await rig().apply(before);
        await rig().ready();
        await hold();
        const beside = await writesFor(() => rig().apply(revoked));
        expect([...beside].sort()).toEqual([...alone].sort());
        expect(await inNamespace('victim')).toEqual([]);
        expect(await globals()).not.toContain('bridge');
        const held = await ours();
        expect(selectorOf(held)).toBe('!all()');
        const { problems = [] } = (await rig().status()) ?? {};
        expect(problems).toMatchObject([{ severity: 'warning', reason: 'HeldByFinalizer' }]);
        expect(problems[0]?.message).toContain(
          `NetworkPolicy/evil/${held.metadata.name} is deleted and still stored, held by ${STAYS.join()} (last written by tenants-kubectl); it has no effect any more`,
        );
      });

      test('keeps what he makes of it to himself, also after a restart', async () => {
        await hold();
        await rig().apply(revoked);
        await rig().ready();
        await patched({ spec: { selector: `has(${MARK})` } });
        await rig().restart();
        await rig().apply(before);
        await rig().ready();
        await rig().apply(revoked);
        await rig().ready();
        expect(await inNamespace('victim')).toEqual([]);
        expect(await globals()).not.toMatch(new RegExp(`bridge|${MARK}`));
      });

      test('keeps no firewall, and the next one uses the policy again', async () => {
        await hold();
        await rig().cluster.kubectl(['delete', 'clusterfirewall', 'default', '--timeout=60s']);
        expect(await globals()).not.toContain('cfw-');
        expect(selectorOf(await ours())).toBe('!all()');
        await rig().apply(before);
        await rig().ready();
        const { metadata } = await ours();
        expect(metadata.deletionTimestamp).toBeDefined();
        expect(selectorOf(await ours())).not.toBe('!all()');
        await patched({ metadata: { finalizers: null } });
        await eventually(async () => {
          const [again] = await inNamespace('evil');
          return again !== undefined && again.metadata.uid !== metadata.uid;
        }, 'the policy to be made anew');
        await rig().ready();
      });
    });
  });
};
