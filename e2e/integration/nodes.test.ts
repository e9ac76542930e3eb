import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';
import type { KubernetesObject } from '../../src/cluster/resource.ts';
import { conditionOf, eventually, firewall, isTrue, startRig, type Rig } from './controller-harness.ts';
import { nativeTitle } from './native-crds.ts';

// The operator's side of spec.nodes: which objects, in which order, what it says. There are no nodes but their objects; Calico's
// kube-controllers are played by the test.

jest.setTimeout(120_000);

const MODES = [
  { mode: 'aggregated', by: "Calico's API server" },
  { mode: 'native', by: nativeTitle },
] as const;

const GATE = 'clusterfirewall.io/gate';
const HOST_ENDPOINTS = 'hostendpoints.projectcalico.org';

const nodes = (spec: object = {}) => ({
  mode: 'Enforce',
  zones: [
    { name: 'office', from: [{ ipBlock: { cidr: '198.51.100.0/24' } }], allow: { services: ['ssh'] } },
    {
      name: 'edge',
      from: [{ entity: 'World' }],
      allow: { services: ['https'] },
      nodeSelector: { matchLabels: { edge: 'true' } },
    },
  ],
  ...spec,
});
const withNodes = (spec: object = {}) => firewall({ nodes: nodes(spec) });

describe.each(MODES)('spec.nodes, $mode ($by)', ({ mode }) => {
  let started: Rig | undefined;
  const rig = (): Rig => {
    if (started === undefined) throw new Error('the cluster did not start');
    return started;
  };
  const kubectl = (...args: string[]): Promise<string> => rig().cluster.kubectl(args);

  beforeAll(async () => {
    started = await startRig(mode);
    await join('cp', '10.99.0.11', { 'node-role.kubernetes.io/control-plane': '' });
    await join('worker', '10.99.0.12');
  }, 180_000);
  afterAll(async () => {
    await started?.[Symbol.asyncDispose]();
  }, 60_000);

  async function join(name: string, address: string, labels: object = {}): Promise<void> {
    await rig().apply({ apiVersion: 'v1', kind: 'Node', metadata: { name, labels } });
    const status = { addresses: [{ type: 'InternalIP', address }] };
    await kubectl(
      'patch',
      'node',
      name,
      '--subresource=status',
      '--type=merge',
      '-p',
      JSON.stringify({ status }),
    );
  }

  const enforced = (summary: string) =>
    rig().statusThat(
      (status) => isTrue(status, 'NodesEnforced') && status.nodes?.summary === summary,
      `${summary} nodes enforced`,
    );
  const reason = (wanted: string) =>
    rig().statusThat((status) => conditionOf(status, 'NodesEnforced')?.reason === wanted, wanted);
  const endpoints = (): Promise<readonly KubernetesObject[]> => rig().list(HOST_ENDPOINTS);
  const endpointOf = async (node: string, interfaceName: string): Promise<KubernetesObject | undefined> =>
    (await endpoints()).find(({ spec }) => {
      const { node: of, interfaceName: name } = spec as { node: string; interfaceName: string };
      return of === node && name === interfaceName;
    });
  /** Generated objects of nodes, as `Kind/name`. */
  const left = async (): Promise<readonly string[]> =>
    (await rig().generated())
      .filter(({ metadata }) =>
        (metadata.annotations?.['clusterfirewall.io/rules'] ?? '').includes('/nodes/'),
      )
      .map(({ kind, metadata }) => `${String(kind)}/${metadata.name}`);
  /** Writes since `from` to what matches, in order. */
  const written = async (from: number, pattern: RegExp): Promise<readonly number[]> =>
    (await rig().writes()).flatMap(({ verb, target }, index) =>
      index >= from && pattern.test(`${verb} ${target}`) ? [index] : [],
    );
  const now = async (): Promise<number> => (await rig().writes()).length;

  const LO = /(patch|create) hostendpoints\/cfw-default-nodes-lo-/;
  const ALL = /(patch|create) hostendpoints\/cfw-default-nodes-endpoints-/;
  const LO_POLICY = /(patch|create) globalnetworkpolicies\/clusterfirewall\.cfw-default-nodes-lo-/;
  const ALLOW = /(patch|create) globalnetworkpolicies\/clusterfirewall\.cfw-default-nodes-(zones|baseline)/;
  const DENY = /(patch|create) globalnetworkpolicies\/clusterfirewall\.cfw-default-nodes-deny-/;

  const isBefore = (a: readonly number[], b: readonly number[]): void => {
    expect([a.length, b.length]).not.toContain(0);
    expect(Math.max(...a)).toBeLessThan(Math.min(...b));
  };

  describe('endpoints of our own', () => {
    test('lo is exempt and everything is allowed before something is refused, and nodes come under it last', async () => {
      const from = await now();
      await rig().apply(withNodes());
      await enforced('2/2');
      const [lo, loPolicy, allow, deny, all] = await Promise.all(
        [LO, LO_POLICY, ALLOW, DENY, ALL].map((pattern) => written(from, pattern)),
      );
      isBefore(lo ?? [], deny ?? []);
      isBefore(loPolicy ?? [], deny ?? []);
      isBefore(allow ?? [], deny ?? []);
      isBefore(deny ?? [], all ?? []);
      await rig().ready();
    });

    test('kubectl shows how many nodes are enforced', async () => {
      const [header, row] = (await kubectl('get', 'clusterfirewalls', 'default', '-o', 'wide')).split('\n');
      const at = header?.indexOf('NODES') ?? -1;
      expect(row?.slice(at)).toMatch(/^2\/2 /);
      expect(header).toContain('FAILSAFES');
    });

    test('after a restart, a node that comes and goes costs no policy a write', async () => {
      await rig().restart();
      const before = await now();
      await join('late', '10.99.0.19');
      await enforced('3/3');
      await kubectl('delete', 'node', 'late');
      await enforced('2/2');
      const others = (await rig().writes())
        .slice(before)
        .map(({ target }) => target)
        .filter((target) => /policies|tiers/.test(target));
      expect(others).toEqual([]);
    });

    test('a node that joins is prepared first; one that leaves takes its endpoints along', async () => {
      const from = await now();
      await join('third', '10.99.0.13', { edge: 'true' });
      await enforced('3/3');
      isBefore(await written(from, /hostendpoints\/cfw-default-nodes-lo-/), await written(from, ALL));
      expect((await endpointOf('third', '*'))?.metadata.labels).toMatchObject({ edge: 'true' });

      await kubectl('delete', 'node', 'third');
      await enforced('2/2');
      await eventually(async () => (await endpoints()).length === 4, 'two endpoints for each node');
    });

    test('a label that zones ask for comes and goes with the Node', async () => {
      const has = async (): Promise<boolean> =>
        (await endpointOf('worker', '*'))?.metadata.labels?.['edge'] === 'true';
      await kubectl('label', 'node', 'worker', 'edge=true');
      await eventually(has, 'the label at the endpoint');
      await kubectl('label', 'node', 'worker', 'edge-');
      await eventually(async () => !(await has()), 'no label at the endpoint');
    });

    test('an endpoint that somebody deletes or changes is repaired', async () => {
      const name = (await endpointOf('worker', '*'))?.metadata.name ?? '';
      await kubectl('delete', HOST_ENDPOINTS, name);
      await eventually(async () => (await endpointOf('worker', '*')) !== undefined, 'the endpoint again');
      await kubectl('label', HOST_ENDPOINTS, name, `${GATE}-`);
      const gate = async () => (await endpointOf('worker', '*'))?.metadata.labels?.[GATE];
      await eventually(async () => (await gate()) !== undefined, 'the gate again');
      await kubectl('label', HOST_ENDPOINTS, name, 'edge=true');
      const edge = async () => (await endpointOf('worker', '*'))?.metadata.labels?.['edge'];
      await eventually(async () => (await edge()) === undefined, 'no label that the Node has not');
      await enforced('2/2');
    });

    test('two zones that exchange a source are bridged, and nothing of that stays', async () => {
      const from = await now();
      const zones = [
        { name: 'office', from: [{ entity: 'World' }], allow: { services: ['ssh'] } },
        { name: 'edge', from: [{ ipBlock: { cidr: '198.51.100.0/24' } }], allow: { services: ['https'] } },
      ];
      await rig().apply(withNodes({ zones }));
      await enforced('2/2');
      await rig().ready();
      await eventually(async () => (await left()).every((id) => !id.includes('bridge')), 'no copies');
      isBefore(
        await written(from, /(patch|create) globalnetworkpolicies\/.*-nodes-bridge-from-/),
        await written(from, ALLOW),
      );
    });

    test("while somebody's policy selects hosts, no further node comes under ours, and those that are stay", async () => {
      await rig().apply({
        apiVersion: 'projectcalico.org/v3',
        kind: 'GlobalNetworkPolicy',
        metadata: { name: 'deny-all' },
        spec: { selector: 'all()', types: ['Ingress', 'Egress'] },
      });
      const status = await reason('ForeignPolicySelectsHosts');
      expect(conditionOf(status, 'NodesEnforced')?.message).toContain('GlobalNetworkPolicy/deny-all');
      expect(conditionOf(status, 'Ready')).toMatchObject({
        status: 'False',
        reason: 'ForeignPolicySelectsHosts',
      });
      await join('third', '10.99.0.13');
      await rig().statusThat((each) => each.nodes?.summary === '2/3', 'one node waits');
      expect(await endpointOf('third', '*')).toBeUndefined();
      expect(await endpointOf('worker', '*')).toBeDefined();

      await kubectl('delete', 'globalnetworkpolicies.projectcalico.org', 'deny-all');
      await enforced('3/3');
      await kubectl('delete', 'node', 'third');
      await enforced('2/2');
    });

    test('observed, nodes keep their endpoints and are told apart', async () => {
      await rig().apply(withNodes({ mode: 'Observe' }));
      const status = await reason('Observing');
      expect(status.nodes?.summary).toBe('0/2');
      await rig().ready();
      expect((await endpoints()).length).toBe(4);
      await rig().apply(withNodes());
      await enforced('2/2');
    });

    test('disabled, endpoints go first and the exemption of lo last', async () => {
      const from = await now();
      await rig().apply(withNodes({ mode: 'Disabled' }));
      await reason('Disabled');
      await eventually(async () => (await left()).length === 0, 'nothing of nodes');
      const gone = (what: string) => written(from, new RegExp(`^delete ${what}`));
      const policies = await gone(
        'globalnetworkpolicies/clusterfirewall.cfw-default-nodes-(deny|zones|baseline)',
      );
      isBefore(await gone('hostendpoints/cfw-default-nodes-endpoints-'), policies);
      isBefore(policies, await gone('hostendpoints/cfw-default-nodes-lo-'));
      await rig().ready();
    });

    test('deleted in order, with everything of nodes', async () => {
      await rig().apply(withNodes());
      await enforced('2/2');
      const from = await now();
      await rig().clear();
      expect(await endpoints()).toEqual([]);
      const gone = (what: string) => written(from, new RegExp(`^delete ${what}`));
      const deny = await gone('globalnetworkpolicies/clusterfirewall.cfw-default-nodes-deny-');
      isBefore(deny, await gone('globalnetworkpolicies/clusterfirewall.cfw-default-nodes-zones-'));
      isBefore(deny, await gone('hostendpoints/cfw-default-nodes-lo-'));
    });
  });

  describe("Calico's automatic endpoints", () => {
    const automatic = (node: string, labels: object = {}) => ({
      apiVersion: 'projectcalico.org/v3',
      kind: 'HostEndpoint',
      metadata: {
        name: `${node}-auto-hep`,
        labels: { 'projectcalico.org/created-by': 'calico-kube-controllers', ...labels },
      },
      spec: { node, interfaceName: '*', profiles: ['projectcalico-default-allow'] },
    });
    const gateOf = async (node: string): Promise<string | undefined> =>
      (await rig().list('nodes')).find(({ metadata }) => metadata.name === node)?.metadata.labels?.[GATE];
    const gates = (wanted: boolean) =>
      eventually(
        async () =>
          ((await gateOf('cp')) !== undefined) === wanted &&
          ((await gateOf('worker')) !== undefined) === wanted,
        wanted ? 'gates' : 'no gates',
      );

    beforeAll(async () => {
      const controllers = { node: { hostEndpoint: { autoCreate: 'Enabled' } } };
      await rig().apply(
        {
          apiVersion: 'projectcalico.org/v3',
          kind: 'KubeControllersConfiguration',
          metadata: { name: 'default' },
          spec: { controllers },
        },
        automatic('cp'),
        automatic('worker'),
      );
    });

    test('Nodes get the gate when everything stands; enforced is a node whose endpoint has it', async () => {
      const from = await now();
      await rig().apply(withNodes());
      await gates(true);
      isBefore(await written(from, DENY), await written(from, /^patch nodes\//));
      expect(await endpointOf('cp', 'lo')).toBeDefined();
      const waiting = await rig().statusThat((status) => status.nodes?.summary === '0/2', 'not enforced yet');
      expect(conditionOf(waiting, 'NodesEnforced')?.message).toContain('kube-controllers');

      await rig().apply(automatic('cp', { [GATE]: 'enforced' }), automatic('worker', { [GATE]: 'enforced' }));
      await enforced('2/2');
      expect((await endpoints()).length).toBe(4);
    });

    test('a gate that somebody takes off, or puts where it does not belong, is repaired', async () => {
      await kubectl('label', 'node', 'worker', `${GATE}-`);
      await gates(true);
      await rig().apply(
        withNodes({ nodeSelector: { matchLabels: { 'node-role.kubernetes.io/control-plane': '' } } }),
      );
      await eventually(async () => (await gateOf('worker')) === undefined, 'no gate at the worker');
      await rig().apply(automatic('worker'));
      await enforced('1/1');
      await kubectl('label', 'node', 'worker', `${GATE}=enforced`);
      await eventually(async () => (await gateOf('worker')) === undefined, 'no gate at the worker');
      expect(await gateOf('cp')).toBeDefined();
    });

    test('what lo needs stays until the endpoint of its node has left', async () => {
      await rig().apply(withNodes());
      await gates(true);
      await rig().apply(automatic('worker', { [GATE]: 'enforced' }));
      await enforced('2/2');
      await rig().apply(
        withNodes({ nodeSelector: { matchLabels: { 'node-role.kubernetes.io/control-plane': '' } } }),
      );
      await eventually(async () => (await gateOf('worker')) === undefined, 'no gate at the worker');
      await rig().statusThat((status) => conditionOf(status, 'Programmed')?.status === 'False', 'it waits');
      expect(await endpointOf('worker', 'lo')).toBeDefined();
      await rig().apply(automatic('worker'));
      await eventually(
        async () => (await endpointOf('worker', 'lo')) === undefined,
        'lo of the worker to go',
      );
      await enforced('1/1');
    });

    test('deletion takes the gates off, and leaves the endpoints of others', async () => {
      await rig().clear();
      await gates(false);
      expect((await endpoints()).map(({ metadata }) => metadata.name).toSorted()).toEqual([
        'cp-auto-hep',
        'worker-auto-hep',
      ]);
    });
  });
});
