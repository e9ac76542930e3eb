/** spec.nodes with our own endpoints. */
import { describe, expect, test } from '@jest/globals';
import { conditionOf, eventually, type Rig } from './controller-harness.ts';
import {
  ALL,
  ALLOW,
  DENY,
  GATE,
  HOST_ENDPOINTS,
  isBefore,
  LO,
  LO_POLICY,
  nodeQuestions,
  withNodes,
} from './nodes-harness.ts';

export const managedEndpoints = (rig: () => Rig): void => {
  const { kubectl, join, enforced, reason, endpoints, endpointOf, left, written, now } = nodeQuestions(rig);

  describe('our own endpoints', () => {
    test('lo is exempt and all allows exist before any deny, and the nodes are enforced last', async () => {
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

    test('after a restart, a node that joins and leaves costs no write of a policy', async () => {
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

    test('a node that joins is prepared first, and one that leaves loses its endpoints', async () => {
      const from = await now();
      await join('third', '10.99.0.13', { edge: 'true' });
      await enforced('3/3');
      isBefore(await written(from, /hostendpoints\/0-cfw-default-nodes-lo-/), await written(from, ALL));
      expect((await endpointOf('third', '*'))?.metadata.labels).toMatchObject({ edge: 'true' });

      await kubectl('delete', 'node', 'third');
      await enforced('2/2');
      await eventually(async () => (await endpoints()).length === 4, 'two endpoints for each node');
    });

    test('a zone label follows the label of the Node', async () => {
      const has = async (): Promise<boolean> =>
        (await endpointOf('worker', '*'))?.metadata.labels?.['edge'] === 'true';
      await kubectl('label', 'node', 'worker', 'edge=true');
      await eventually(has, 'the label at the endpoint');
      await kubectl('label', 'node', 'worker', 'edge-');
      await eventually(async () => !(await has()), 'no label at the endpoint');
    });

    test('an endpoint that another client deletes or changes is repaired', async () => {
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

    test('two zones that exchange a source are bridged, and no bridge stays', async () => {
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

    test("while another client's policy selects hosts, no further node is enforced, and enforced ones stay", async () => {
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

    test('observed nodes keep their endpoints, and the status distinguishes them', async () => {
      await rig().apply(withNodes({ mode: 'Observe' }));
      const status = await reason('Observing');
      expect(status.nodes?.summary).toBe('0/2');
      await rig().ready();
      expect((await endpoints()).length).toBe(4);
      await rig().apply(withNodes());
      await enforced('2/2');
    });

    test('after disabling, endpoints go first and the exemption of lo last', async () => {
      const from = await now();
      await rig().apply(withNodes({ mode: 'Disabled' }));
      await reason('Disabled');
      await eventually(async () => (await left()).length === 0, 'nothing of nodes');
      const gone = (what: string) => written(from, new RegExp(`^delete ${what}`));
      const policies = await gone(
        'globalnetworkpolicies/clusterfirewall.cfw-default-nodes-(deny|zones|baseline)',
      );
      isBefore(await gone('hostendpoints/0-cfw-default-nodes-endpoints-'), policies);
      isBefore(policies, await gone('hostendpoints/0-cfw-default-nodes-lo-'));
      await rig().ready();
    });

    test('deletion removes all objects of nodes, in order', async () => {
      await rig().apply(withNodes());
      await enforced('2/2');
      const from = await now();
      await rig().clear();
      expect(await endpoints()).toEqual([]);
      const gone = (what: string) => written(from, new RegExp(`^delete ${what}`));
      const deny = await gone('globalnetworkpolicies/clusterfirewall.cfw-default-nodes-deny-');
      isBefore(deny, await gone('globalnetworkpolicies/clusterfirewall.cfw-default-nodes-zones-'));
      isBefore(deny, await gone('hostendpoints/0-cfw-default-nodes-lo-'));
    });
  });
};
