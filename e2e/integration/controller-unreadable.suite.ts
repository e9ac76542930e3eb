/** An object of the cluster that cannot be read is one problem, and everything else goes on. */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { conditionOf, eventually, firewall, isTrue, rule, type Rig } from './controller-harness.ts';
import { PLURALS } from './controller-objects.ts';

const egress = [{ name: 'out', pods: {}, to: [{ entity: 'ControlPlane' }], ports: [443] }];
const withRules = (...ingress: readonly object[]) =>
  firewall({ namespaces: [{ name: 'blog', namespaces: ['wordpress'], ingress, egress }] });
const odd = {
  apiVersion: 'discovery.k8s.io/v1',
  kind: 'EndpointSlice',
  metadata: { name: 'odd', namespace: 'default', labels: { 'kubernetes.io/service-name': 'kubernetes' } },
  addressType: 'FQDN',
  endpoints: [{ addresses: ['api.example.com'] }],
};

export const unreadable = (rig: () => Rig): void => {
  describe('an EndpointSlice of the API server with a DNS name', () => {
    const named = (part: string) => async () =>
      (await rig().generated()).filter(({ metadata }) => metadata.name.includes(part));
    const deny = named('cfw-default-defaults-deny');
    const controlPlane = async (): Promise<unknown> =>
      (await named('cfw-default-control-plane')())[0]?.['spec'];
    const problem = () =>
      rig().statusThat(
        (status) =>
          isTrue(status, 'Programmed') &&
          status.problems?.some(({ reason }) => reason === 'UnreadableObject') === true,
        'programmed, with UnreadableObject',
      );
    let before: unknown;

    beforeAll(async () => {
      await rig().apply(withRules(rule('web')));
      await rig().ready();
      before = await controlPlane();
      await rig().apply(odd);
    }, 60_000);
    afterAll(async () => {
      await rig().cluster.kubectl(['delete', '--ignore-not-found', '-n', 'default', 'endpointslice', 'odd']);
      await rig().clear();
    }, 60_000);

    test('is named in the status and in the log', async () => {
      const status = await problem();
      const name =
        'EndpointSlice/default/odd (endpoints[0].addresses[0]: "api.example.com" is not an IP address';
      expect(status.problems).toMatchObject([
        { severity: 'problem', rule: 'default', message: expect.stringContaining(name) },
      ]);
      expect(conditionOf(status, 'Ready')).toMatchObject({ status: 'False', reason: 'UnreadableObject' });
      expect(await rig().logged('object cannot be read: the field is left out')).toMatchObject([
        { kind: 'EndpointSlice', name: 'default/odd', field: 'endpoints[0].addresses[0]' },
      ]);
    });

    test.each(['while the operator runs', 'after a restart'])('stops nothing, %s', async (when) => {
      if (when === 'after a restart') await rig().restart();
      const [stored] = await deny();
      const uid = stored?.metadata.uid;
      expect(uid).toBeDefined();
      const kind = PLURALS.GlobalNetworkPolicy;
      await rig().cluster.kubectl(['delete', kind, stored?.metadata.name ?? '']);
      await eventually(async () => {
        const [again] = await deny();
        return again !== undefined && again.metadata.uid !== uid;
      }, 'the default deny to be back');
      const name = when === 'after a restart' ? 'later' : 'soon';
      await rig().apply(withRules(rule('web'), rule(name)));
      await eventually(async () => (await named(`blog-ingress-${name}`)()).length > 0, 'the new rule');
      await problem();
      expect(await controlPlane()).toEqual(before);
    });

    test('is no problem when it is gone', async () => {
      await rig().cluster.kubectl(['delete', '-n', 'default', 'endpointslice', 'odd']);
      expect((await rig().ready()).problems).toBeUndefined();
    });
  });
};
