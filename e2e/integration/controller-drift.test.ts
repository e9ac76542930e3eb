import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { KubernetesObject } from '../../src/cluster/resource.ts';
import type { CalicoMode } from '../cluster.ts';
import { conditionOf, eventually, firewall, isTrue, rule, startRig, type Rig } from './controller-harness.ts';
import { nativeCrds } from './native-crds.ts';

jest.setTimeout(90_000);

const node = {
  apiVersion: 'v1',
  kind: 'Node',
  metadata: { name: 'n1' },
  status: { addresses: [{ type: 'InternalIP', address: '10.99.0.1' }] },
};
const egress = [{ name: 'out', pods: {}, to: [{ entity: 'World' }], ports: [443] }];
const worldly = firewall({
  namespaces: [{ name: 'blog', namespaces: ['wordpress'], ingress: [rule('web')], egress }],
});

const unlabelled = {
  'app.kubernetes.io/managed-by': null,
  'clusterfirewall.io/firewall': null,
  'clusterfirewall.io/set': null,
};

type Kind = 'Tier' | 'GlobalNetworkSet' | 'GlobalNetworkPolicy' | 'NetworkPolicy';
const PLURALS: Readonly<Record<Kind, string>> = {
  Tier: 'tiers.projectcalico.org',
  GlobalNetworkSet: 'globalnetworksets.projectcalico.org',
  GlobalNetworkPolicy: 'globalnetworkpolicies.projectcalico.org',
  NetworkPolicy: 'networkpolicies.projectcalico.org',
};

describe.each(['aggregated', 'native'] as const)('drift, with Calico served %s', (mode) => {
  let rig: Rig;
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(path.join(tmpdir(), 'native-crds-'));
    await writeFile(
      path.join(folder, 'crds.json'),
      JSON.stringify({ apiVersion: 'v1', kind: 'List', items: nativeCrds }),
    );
    const calico: CalicoMode = mode === 'native' ? { mode, crds: folder } : { mode };
    rig = await startRig(calico);
    await rig.apply(node, worldly);
    await rig.ready();
  }, 180_000);
  afterAll(async () => {
    await rig[Symbol.asyncDispose]();
    await rm(folder, { recursive: true });
  }, 60_000);

  const contentOf = ({ metadata: { name, labels, annotations }, spec }: KubernetesObject) => ({
    name,
    labels,
    annotations,
    spec,
  });
  const every = async () => (await rig.generated()).map(contentOf);
  const one = async (kind: Kind): Promise<KubernetesObject> => {
    const found = (await rig.generated()).find((object) => object.kind === kind);
    if (found === undefined) throw new Error(`no ${kind} was generated`);
    return found;
  };
  const patch = async (kind: Kind, change: object, manager = 'intruder'): Promise<void> => {
    const { name, namespace } = (await one(kind)).metadata;
    const where = namespace === undefined ? [] : ['-n', namespace];
    await rig.cluster.kubectl([
      'patch',
      PLURALS[kind],
      name,
      ...where,
      '--type=merge',
      '--field-manager',
      manager,
      '-p',
      JSON.stringify(change),
    ]);
  };
  /** Does it, and waits until everything is again as it was. */
  const repairs = async (damage: () => Promise<void>): Promise<void> => {
    const before = await every();
    const repaired = (await rig.logged('drift repaired')).length;
    await damage();
    await eventually(async () => (await rig.logged('drift repaired')).length > repaired, 'a repair');
    await eventually(
      async () => JSON.stringify(await every()) === JSON.stringify(before),
      'everything as it was',
    );
    expect(await every()).toEqual(before);
  };

  test('an edited policy is set right; log, Event and metric say so and name the other manager', async () => {
    await repairs(() => patch('NetworkPolicy', { spec: { ingress: [{ action: 'Allow' }] } }, 'kubectl-edit'));
    const line = (await rig.logged('drift repaired')).at(-1);
    expect(line).toMatchObject({
      firewall: 'default',
      manager: 'kubectl-edit',
      rules: [expect.stringContaining('default/blog/')],
    });
    await eventually(async () => {
      const events = await rig.list('events', '--field-selector', 'reason=DriftRepaired');
      return events.some(({ note, message }) =>
        JSON.stringify([note, message]).includes('changed by kubectl-edit'),
      );
    }, 'an Event');
    const metrics = await (await fetch(`${rig.operator.url}/metrics`)).text();
    expect(metrics).toContain('clusterfirewall_drift_repaired_total{kind="NetworkPolicy"} 1');
  });

  test('a net added to a set is taken out', () =>
    repairs(() => patch('GlobalNetworkSet', { spec: { nets: ['10.99.0.1/32', '0.0.0.0/0'] } })));

  test('a label of ours added to a set is taken off, and one of others is left', async () => {
    await patch('GlobalNetworkSet', { metadata: { labels: { team: 'blue' } } });
    await repairs(() =>
      patch('GlobalNetworkSet', { metadata: { labels: { 'clusterfirewall.io/extra': 'x' } } }),
    );
    expect((await one('GlobalNetworkSet')).metadata.labels).toMatchObject({ team: 'blue' });
  });

  test('a field that we never write is taken out', () =>
    repairs(() => patch('GlobalNetworkPolicy', { spec: { serviceAccountSelector: "role == 'x'" } })));

  test('labels and annotations that were stripped are put back', () =>
    repairs(() => patch('GlobalNetworkPolicy', { metadata: { labels: null, annotations: null } })));

  test('so are they when the same edit took every field that we own', () =>
    repairs(() =>
      patch('GlobalNetworkSet', {
        metadata: { labels: unlabelled, annotations: null },
        spec: { nets: ['0.0.0.0/0'] },
      }),
    ));

  test('a deleted object is made again', () =>
    repairs(async () => {
      const { name, namespace = '' } = (await one('NetworkPolicy')).metadata;
      await rig.cluster.kubectl(['delete', PLURALS.NetworkPolicy, name, '-n', namespace]);
    }));

  test('a deleted tier is made again', () =>
    repairs(async () => {
      // Calico's API server refuses to delete a tier that has policies: its storage does not.
      const tiers = mode === 'aggregated' ? 'tiers.crd.projectcalico.org' : PLURALS.Tier;
      await rig.cluster.kubectl(['delete', tiers, 'clusterfirewall']);
    }));

  test('a change made while the operator was away is found when it comes back', async () => {
    const before = await every();
    await rig.stopOperator();
    await patch('GlobalNetworkPolicy', { spec: { order: 1 } });
    await rig.restart();
    await eventually(
      async () => JSON.stringify(await every()) === JSON.stringify(before),
      'everything as it was',
    );
  });

  test("an object of our name that is somebody else's is not touched, and the rest is programmed", async () => {
    const { metadata, spec } = await one('NetworkPolicy');
    const { name, namespace } = metadata;
    await rig.apply(firewall({ namespaces: [] }));
    await rig.ready();
    const theirs = {
      apiVersion: 'projectcalico.org/v3',
      kind: 'NetworkPolicy',
      metadata: { name, namespace },
      spec: { ...(spec as object), order: 77 },
    };
    await rig.cluster.kubectl(['apply', '--server-side', '--field-manager', 'stranger', '-f', '-'], {
      input: JSON.stringify(theirs),
    });
    await rig.apply(worldly);
    const status = await rig.statusThat(
      (each) => conditionOf(each, 'Programmed')?.reason === 'NameTaken',
      'a taken name',
    );
    expect(conditionOf(status, 'Programmed')?.message).toContain(
      `NetworkPolicy/wordpress/${name} exists and is not ours (written by stranger)`,
    );
    expect(status.policies?.current).toBe((status.policies?.desired ?? 0) - 1);
    const [stored] = await rig.list(PLURALS.NetworkPolicy, '--field-selector', `metadata.name=${name}`);
    expect(stored).toMatchObject({
      spec: { order: 77 },
      metadata: { managedFields: [{ manager: 'stranger' }] },
    });
    await rig.cluster.kubectl(['delete', PLURALS.NetworkPolicy, name, '-n', namespace ?? '']);
    await rig.ready();
  });

  test('an object fought over is repaired ever more slowly, and the status says so', async () => {
    let order = 5000;
    await eventually(async () => {
      await patch('GlobalNetworkPolicy', { spec: { order: ++order } }, 'another-operator');
      const status = await rig.status();
      return status !== undefined && conditionOf(status, 'Programmed')?.reason === 'DriftContested';
    }, 'reason DriftContested');
    const status = await rig.status();
    expect(status !== undefined && isTrue(status, 'Stalled')).toBe(true);
  });
});
