/** Ownership of objects: names that others use, finalizers that others set, and objects that others forge. */
import { afterAll, afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { get } from '../../src/cluster/objects/apply.ts';
import type { KubernetesObject } from '../../src/cluster/resource.ts';
import { kindResource } from '../../src/controller/objects/kinds.ts';
import { conditionOf, eventually, firewall, type Rig, type RigMode } from './controller-harness.ts';
import { generatedThings, PLURALS } from './controller-objects.ts';

const nothing = firewall({ namespaces: [] });

export const ownership = (rig: () => Rig, mode: RigMode): void => {
  describe('ownership', () => {
    const { one, patch } = generatedThings(rig);
    beforeEach(async () => {
      await rig().apply(firewall());
      await rig().ready();
    });
    afterAll(() => rig().clear(), 60_000);

    const read = async ({
      name,
      namespace,
    }: KubernetesObject['metadata']): Promise<KubernetesObject | undefined> =>
      get(rig().transport, kindResource('NetworkPolicy', namespace), name);
    const applyAs = async (manager: string, object: object): Promise<void> => {
      const args = ['apply', '--server-side', '--field-manager', manager, '-f', '-'];
      await rig().cluster.kubectl(args, { input: JSON.stringify(object) });
    };
    const deletePolicy = ({ name, namespace = '' }: KubernetesObject['metadata']): Promise<string> =>
      rig().cluster.kubectl(['delete', PLURALS.NetworkPolicy, name, '-n', namespace]);
    /** The same policy with another order and without our label. */
    const stranger = ({ metadata: { name, namespace }, spec }: KubernetesObject): object => ({
      apiVersion: 'projectcalico.org/v3',
      kind: 'NetworkPolicy',
      metadata: { name, namespace },
      spec: { ...(spec as object), order: 77 },
    });
    const expectTaken = async (policy: KubernetesObject): Promise<void> => {
      const { name } = policy.metadata;
      const status = await rig().statusThat(
        (each) => conditionOf(each, 'Programmed')?.reason === 'NameTaken',
        'a taken name',
      );
      expect(conditionOf(status, 'Programmed')?.message).toContain(
        `NetworkPolicy/wordpress/${name} exists and is not ours (written by stranger)`,
      );
      expect(status.policies?.current).toBe((status.policies?.desired ?? 0) - 1);
      expect(await read(policy.metadata)).toMatchObject({
        spec: { order: 77 },
        metadata: { managedFields: [{ manager: 'stranger' }] },
      });
    };

    test('an object of another client with our name is not touched, and the rest is programmed', async () => {
      const policy = await one('NetworkPolicy');
      await rig().apply(nothing);
      await rig().ready();
      await applyAs('stranger', stranger(policy));
      await rig().apply(firewall());
      await expectTaken(policy);
      await deletePolicy(policy.metadata);
      await rig().ready();
    });

    test('an object that another client deletes and creates again as its own stays', async () => {
      const policy = await one('NetworkPolicy');
      // Otherwise the operator would almost always be the first to create it again.
      rig().operator.kill('SIGSTOP');
      await deletePolicy(policy.metadata);
      await applyAs('stranger', stranger(policy));
      rig().operator.kill('SIGCONT');
      await expectTaken(policy);
      await deletePolicy(policy.metadata);
      await rig().ready();
    });

    test('a ClusterFirewall stays while another finalizer blocks an object, and names the object', async () => {
      await patch('GlobalNetworkPolicy', { metadata: { finalizers: ['example.com/keep'] } });
      const { name } = (await one('GlobalNetworkPolicy')).metadata;
      await rig().cluster.kubectl(['delete', 'clusterfirewall', 'default', '--wait=false']);
      await eventually(async () => {
        const status = await rig().status();
        const { reason, message } = (status !== undefined && conditionOf(status, 'Programmed')) || {};
        return (
          reason === 'RemovalIncomplete' &&
          message?.includes(`GlobalNetworkPolicy/${name}`) === true &&
          message.includes('example.com/keep')
        );
      }, 'the status to say what holds it');
      await patch('GlobalNetworkPolicy', { metadata: { finalizers: null } });
      await rig().cluster.kubectl([
        'delete',
        'clusterfirewall',
        'default',
        '--ignore-not-found',
        '--timeout=60s',
      ]);
      expect(await rig().generated()).toEqual([]);
    });

    if (mode === 'aggregated') posing(rig);
  });
};

/**
 * Calico's API server keeps name, labels and annotations here, and accepts this annotation unchanged from
 * every client.
 */
const STORED = 'projectcalico.org/metadata';
const OURS = { 'app.kubernetes.io/managed-by': 'clusterfirewall', 'clusterfirewall.io/firewall': 'default' };

/** Forms in which a tenant's policy may pretend to be ours. */
const FORGERIES: readonly (readonly [string, object])[] = [
  ['nobody', {}],
  ['us', { labels: OURS }],
  [
    'a rule of ours',
    { labels: OURS, annotations: { 'clusterfirewall.io/rules': 'default/blog/ingress/web' } },
  ],
];

function posing(rig: () => Rig): void {
  const { one, patch, repairs } = generatedThings(rig);
  const stored = 'networkpolicies.crd.projectcalico.org';
  const pose = async (as: object, name: string): Promise<void> => {
    const metadata = {
      name: 'tenant',
      namespace: 'wordpress',
      annotations: { [STORED]: JSON.stringify({ name, ...as }) },
    };
    const spec = { order: 66, selector: "app == 'tenant'", types: ['Ingress'] };
    const object = { apiVersion: 'projectcalico.org/v3', kind: 'NetworkPolicy', metadata, spec };
    await rig().cluster.kubectl(['create', '-f', '-'], { input: JSON.stringify(object) });
    const listed = await rig().list(PLURALS.NetworkPolicy, '-n', 'wordpress');
    expect(
      listed.filter(
        ({ metadata: each, spec: its }) => each.name === name && (its as typeof spec).order === 66,
      ),
    ).toHaveLength(1);
  };
  const leave = (): Promise<string> =>
    rig().cluster.kubectl(['delete', stored, '-n', 'wordpress', 'default.tenant', '--ignore-not-found']);

  describe.each(FORGERIES)(
    "a tenant's policy that is listed under our policy's name and pretends to be %s",
    (_, as) => {
      afterEach(async () => {
        await leave();
      });

      test('stays unchanged, while ours is repaired, and removed when necessary', async () => {
        const { name } = (await one('NetworkPolicy')).metadata;
        await pose(as, name);
        const versionOfTenants = (): Promise<string> =>
          rig().cluster.kubectl([
            'get',
            stored,
            '-n',
            'wordpress',
            'default.tenant',
            '-o',
            'jsonpath={.metadata.resourceVersion}',
          ]);
        const before = await versionOfTenants();
        await repairs(() => patch('NetworkPolicy', { spec: { order: 1 } }));
        await repairs(async () => {
          await rig().cluster.kubectl(['delete', PLURALS.NetworkPolicy, name, '-n', 'wordpress']);
        });
        await rig().ready();
        await rig().apply(nothing);
        await rig().ready();
        const left = await rig().cluster.kubectl(['get', stored, '-n', 'wordpress', '-o', 'name']);
        expect(left.trim()).toBe('networkpolicy.crd.projectcalico.org/default.tenant');
        expect(await versionOfTenants()).toBe(before);
      });

      test('prevents neither the creation of ours nor the deletion of the firewall', async () => {
        const { name } = (await one('NetworkPolicy')).metadata;
        await rig().apply(nothing);
        await rig().ready();
        await pose(as, name);
        await rig().apply(firewall());
        await rig().ready();
        await rig().cluster.kubectl(['delete', 'clusterfirewall', 'default', '--timeout=60s']);
        const left = await rig().cluster.kubectl(['get', stored, '-n', 'wordpress', '-o', 'name']);
        expect(left.trim()).toBe('networkpolicy.crd.projectcalico.org/default.tenant');
      });
    },
  );
}
