/** spec.nodes with Calico's automatic endpoints. The test plays Calico's kube-controllers. */
import { beforeAll, describe, expect, test } from '@jest/globals';
import { conditionOf, eventually, type Rig } from './controller-harness.ts';
import { DENY, GATE, isBefore, nodeQuestions, withNodes } from './nodes-harness.ts';

export const automaticEndpoints = (rig: () => Rig): void => {
  const { kubectl, enforced, endpoints, endpointOf, written, now } = nodeQuestions(rig);

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

    test('Nodes get the enforcement label when everything is written, and count as enforced when their endpoint has it', async () => {
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

    test('an enforcement label that another client removes, or adds to another Node, is repaired', async () => {
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

    test('the objects for lo stay until the endpoint of the node has left', async () => {
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

    test('deletion removes the enforcement labels, and keeps the endpoints of others', async () => {
      await rig().clear();
      await gates(false);
      expect((await endpoints()).map(({ metadata }) => metadata.name).toSorted()).toEqual([
        'cp-auto-hep',
        'worker-auto-hep',
      ]);
    });
  });
};
