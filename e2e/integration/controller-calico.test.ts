import { describe, expect, jest, test } from '@jest/globals';
import type { Status } from '../../src/api/status.ts';
import { conditionOf, eventually, firewall, startRig } from './controller-harness.ts';
import { nativeCrds } from './native-crds.ts';

jest.setTimeout(180_000);

describe('a cluster whose Calico cannot be used', () => {
  test('without Calico the status says so and how to mend it; when Calico comes, all is programmed', async () => {
    await using rig = await startRig({ mode: 'none' });
    await rig.apply(firewall());
    const status = await rig.statusThat(
      (each) => conditionOf(each, 'Programmed')?.reason === 'CalicoNotInstalled',
      'not installed',
    );
    expect(conditionOf(status, 'Accepted')?.status).toBe('True');
    expect(conditionOf(status, 'Programmed')?.message).toContain('install Calico');
    expect(conditionOf(status, 'Stalled')?.status).toBe('False');
    expect((await fetch(`${rig.operator.url}/readyz`)).status).toBe(200);

    await rig.apply(...nativeCrds);
    const ready = await rig.ready();
    expect(ready.policies?.current).toBeGreaterThan(0);

    // And away again: what was there went with it, so nothing holds the firewall back.
    const names = nativeCrds.map(
      (crd) => (crd as { readonly metadata: { readonly name: string } }).metadata.name,
    );
    await rig.cluster.kubectl(['delete', 'crd', ...names]);
    await rig.cluster.kubectl(['delete', 'clusterfirewall', 'default', '--timeout=60s']);
  });

  test('without its API server the status says so', async () => {
    await using rig = await startRig({ mode: 'crd-only' });
    await rig.apply(firewall());
    const status = await rig.statusThat(
      (each) => conditionOf(each, 'Programmed')?.reason === 'CalicoAPIServerMissing',
      'no API server',
    );
    expect(conditionOf(status, 'Programmed')?.message).toContain("install Calico's API server");
  });

  test('a firewall is not let go while its objects cannot be seen', async () => {
    await using rig = await startRig({ mode: 'aggregated' });
    await rig.apply(firewall());
    await rig.ready();
    const service = await rig.cluster.kubectl(['get', 'apiservice', 'v3.projectcalico.org', '-o', 'json']);
    await rig.cluster.kubectl(['delete', 'apiservice', 'v3.projectcalico.org']);
    await rig.cluster.kubectl(['delete', 'clusterfirewall', 'default', '--wait=false']);
    await eventually(async () => {
      const status = await rig.status();
      return status !== undefined && conditionOf(status, 'Programmed')?.reason === 'CalicoAPIServerMissing';
    }, 'the status of a firewall that is held');
    const { metadata, spec } = JSON.parse(service) as { metadata: { name: string }; spec: object };
    const { name } = metadata;
    await rig.apply({
      apiVersion: 'apiregistration.k8s.io/v1',
      kind: 'APIService',
      metadata: { name },
      spec,
    });
    await rig.cluster.kubectl([
      'delete',
      'clusterfirewall',
      'default',
      '--ignore-not-found',
      '--timeout=60s',
    ]);
    await eventually(async () => (await rig.generated()).length === 0, 'nothing to be left');
  });

  test('a Calico that is too old', async () => {
    await using rig = await startRig({ mode: 'none' });
    const information = {
      apiVersion: 'projectcalico.org/v3',
      kind: 'ClusterInformation',
      metadata: { name: 'default' },
      spec: { calicoVersion: 'v3.28.2' },
    };
    await rig.apply(...nativeCrds.filter((crd) => JSON.stringify(crd).includes('clusterinformations')));
    await eventually(
      () =>
        rig.apply(information).then(
          () => true,
          () => false,
        ),
      'ClusterInformations to be served',
    );
    await rig.apply(...nativeCrds, firewall());
    const tooOld = (status: Status): boolean => {
      const { reason, message } = conditionOf(status, 'Programmed') ?? {};
      return reason === 'CalicoTooOld' && message?.includes('this is v3.28.2: upgrade Calico') === true;
    };
    const status = await rig.statusThat(tooOld, 'too old');
    expect(conditionOf(status, 'Stalled')?.status).toBe('True');
  });
});
