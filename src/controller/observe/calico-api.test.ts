import { describe, expect, test } from '@jest/globals';
import { ApiError, TransportError } from '../../cluster/errors.ts';
import type { Transport } from '../../cluster/http/transport.ts';
import { detectCalico } from './calico-api.ts';

const ALL = [
  'tiers',
  'hostendpoints',
  'globalnetworksets',
  'globalnetworkpolicies',
  'networkpolicies',
  'stagedglobalnetworkpolicies',
  'stagednetworkpolicies',
  'ippools',
];
const resources = (names: readonly string[]) => ({
  resources: names.map((name) => ({ name, kind: name, verbs: [] })),
});
const groups = (...names: readonly string[]) => ({ groups: names.map((name) => ({ name, versions: [] })) });
const notFound = new ApiError({ code: 404, reason: 'NotFound', message: 'not found' });
const forbidden = new ApiError({ code: 403, reason: 'Forbidden', message: 'forbidden' });

const V3 = '/apis/projectcalico.org/v3';
const INFORMATION = `${V3}/clusterinformations/default`;
const SERVICE = '/apis/apiregistration.k8s.io/v1/apiservices/v3.projectcalico.org';
const metadata = (name: string) => ({ name, uid: 'u', resourceVersion: '1' });
const aggregated = { metadata: metadata('v3.projectcalico.org'), spec: { service: { name: 'calico-api' } } };
const version = (calicoVersion: string) => ({ metadata: metadata('default'), spec: { calicoVersion } });

/** Answers by path; what is not mentioned is not found. */
function serving(answers: Readonly<Record<string, unknown>>): Transport {
  return {
    request({ path }) {
      const answer = answers[path] ?? notFound;
      return answer instanceof Error
        ? Promise.reject(answer)
        : Promise.resolve({ status: 200, headers: {}, body: answer });
    },
    stream() {
      throw new Error('not a watch');
    },
  };
}
const detect = (answers: Readonly<Record<string, unknown>>) =>
  detectCalico(serving(answers), new AbortController().signal);

describe('how Calico is served', () => {
  test('by its API server', async () => {
    const api = await detect({
      [V3]: resources(ALL),
      [SERVICE]: aggregated,
      [INFORMATION]: version('v3.31.0'),
    });
    expect(api).toMatchObject({ served: true, mode: 'Aggregated', version: 'v3.31.0' });
  });

  test('from native CRDs', async () => {
    const local = { metadata: metadata('v3.projectcalico.org'), spec: {} };
    expect(await detect({ [V3]: resources(ALL), [SERVICE]: local })).toMatchObject({
      served: true,
      mode: 'Native',
      version: undefined,
    });
  });

  test('without the right to look at APIServices and ClusterInformations', async () => {
    const api = await detect({ [V3]: resources(ALL), [SERVICE]: forbidden, [INFORMATION]: forbidden });
    expect(api).toMatchObject({ served: true, mode: 'Unknown', version: undefined });
  });

  test('as 3.29, without staged policies', async () => {
    const api = await detect({
      [V3]: resources(ALL.filter((name) => !name.startsWith('staged'))),
      [SERVICE]: aggregated,
    });
    expect(api.served && [...api.kinds]).toEqual([
      'Tier',
      'HostEndpoint',
      'GlobalNetworkSet',
      'GlobalNetworkPolicy',
      'NetworkPolicy',
    ]);
  });

  test("without IPPools, where the cluster's addresses are somebody else's", async () => {
    const api = await detect({ [V3]: resources(ALL.filter((name) => name !== 'ippools')) });
    expect(api).toMatchObject({ served: true, read: new Set() });
  });

  test("with the kinds of Kubernetes' administrators, each in the version that has it", async () => {
    const group = '/apis/policy.networking.k8s.io';
    const kinds = (...names: readonly string[]) => ({
      resources: names.map((kind) => ({ name: `${kind.toLowerCase()}s`, kind, verbs: [] })),
    });
    const api = await detect({
      [V3]: resources(ALL),
      [`${group}/v1alpha1`]: kinds('AdminNetworkPolicy', 'Other'),
      [`${group}/v1alpha2`]: kinds('ClusterNetworkPolicy'),
    });
    expect(api).toMatchObject({
      adminPolicies: { AdminNetworkPolicy: 'v1alpha1', ClusterNetworkPolicy: 'v1alpha2' },
    });
    expect(await detect({ [V3]: resources(ALL) })).toMatchObject({ adminPolicies: {} });
  });

  test('with ServiceCIDRs, or without', async () => {
    const path = '/apis/networking.k8s.io/v1';
    const withKinds = (...names: readonly string[]) =>
      detect({ [V3]: resources(ALL), [path]: { resources: names.map((name) => ({ name, verbs: [] })) } });
    expect(await withKinds('ingresses', 'servicecidrs')).toMatchObject({ hasServiceCIDRs: true });
    expect(await withKinds('ingresses')).toMatchObject({ hasServiceCIDRs: false });
  });

  test('with an Installation of the Tigera operator, or without', async () => {
    const path = '/apis/operator.tigera.io/v1/installations/default';
    const installed = (answer: unknown) => detect({ [V3]: resources(ALL), [path]: answer });
    expect(await installed({ metadata: metadata('default') })).toMatchObject({ isInstallation: true });
    expect(await installed(forbidden)).toMatchObject({ isInstallation: false });
    expect(await installed(notFound)).toMatchObject({ isInstallation: false });
  });

  test('as a development build, whose version says nothing', async () => {
    const api = await detect({ [V3]: resources(ALL), [INFORMATION]: version('master') });
    expect(api).toMatchObject({ served: true, version: 'master' });
  });
});

describe('why Calico cannot be used, and the remedy', () => {
  test.each([
    ['nothing of it is there', { '/apis': groups('apps') }, 'CalicoNotInstalled', 'install Calico'],
    [
      'only its storage is there',
      { '/apis': groups('apps', 'crd.projectcalico.org') },
      'CalicoAPIServerMissing',
      "install Calico's API server",
    ],
    [
      'its API server is down',
      { [V3]: new ApiError({ code: 503, message: 'service unavailable' }) },
      'CalicoUnavailable',
      'v3.projectcalico.org',
    ],
    [
      'it has no tiers',
      { [V3]: resources(ALL.filter((name) => name !== 'tiers')) },
      'CalicoTooOld',
      'has no tiers: upgrade Calico',
    ],
    [
      'it says that it is too old',
      { [V3]: resources(ALL), [INFORMATION]: version('v3.28.4') },
      'CalicoTooOld',
      'this is v3.28.4',
    ],
  ])('%s', async (_, answers, reason, remedy) => {
    const api = await detect(answers);
    expect(api).toMatchObject({ served: false, reason });
    expect(!api.served && api.message).toContain(remedy);
  });

  test('an API server that does not answer says nothing about Calico', async () => {
    await expect(detect({ [V3]: new TransportError('connection refused') })).rejects.toThrow(
      'connection refused',
    );
  });
});
