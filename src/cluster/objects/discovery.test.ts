import { describe, expect, test } from '@jest/globals';
import { apiService, servedGroups, servedResources } from './discovery.ts';
import { ApiError } from '../errors.ts';
import { ScriptedTransport } from '../testing/scripted-transport.ts';

const status = (code: number) => new ApiError({ code, message: `HTTP ${String(code)}` });
const named = (name: string, fields: object) => ({
  metadata: { name, uid: 'u', resourceVersion: '1' },
  ...fields,
});

test('groups with their versions, sorted by name', async () => {
  const transport = new ScriptedTransport({
    groups: [
      { name: 'projectcalico.org', versions: [{ version: 'v3' }] },
      { name: 'apps', versions: [{ version: 'v1' }, { version: 'v1beta1' }] },
    ],
  });
  expect(await servedGroups(transport)).toEqual([
    { name: 'apps', versions: ['v1', 'v1beta1'] },
    { name: 'projectcalico.org', versions: ['v3'] },
  ]);
});

describe('resources of a group', () => {
  test('without subresources, sorted by name', async () => {
    const transport = new ScriptedTransport({
      resources: [
        { name: 'tiers', kind: 'Tier', namespaced: false, verbs: ['get', 'list'] },
        { name: 'networkpolicies', kind: 'NetworkPolicy', namespaced: true, verbs: ['get'] },
        { name: 'networkpolicies/status', kind: 'NetworkPolicy', namespaced: true, verbs: ['get'] },
      ],
    });
    expect(await servedResources(transport, 'projectcalico.org', 'v3')).toEqual([
      { name: 'networkpolicies', kind: 'NetworkPolicy', namespaced: true, verbs: ['get'] },
      { name: 'tiers', kind: 'Tier', namespaced: false, verbs: ['get', 'list'] },
    ]);
    expect(transport.requests[0]?.path).toBe('/apis/projectcalico.org/v3');
  });

  test('not served: undefined; the server behind it down: an error', async () => {
    const transport = new ScriptedTransport(status(404), status(503));
    expect(await servedResources(transport, '', 'v9')).toBeUndefined();
    expect(transport.requests[0]?.path).toBe('/api/v9');
    await expect(servedResources(transport, 'projectcalico.org', 'v3')).rejects.toMatchObject({ code: 503 });
  });
});

describe('who serves a group', () => {
  const service = { name: 'calico-api', namespace: 'calico-system' };

  test.each([
    ['nobody', status(404), { served: 'Absent' }],
    ['the API server itself', named('v3.projectcalico.org', { spec: {} }), { served: 'Local' }],
    [
      'another server',
      named('v3.projectcalico.org', {
        spec: { service },
        status: { conditions: [{ type: 'Available', status: 'True', message: 'ok' }] },
      }),
      { served: 'Aggregated', available: true, message: 'ok' },
    ],
    [
      'another server that is down',
      named('v3.projectcalico.org', {
        spec: { service },
        status: { conditions: [{ type: 'Available', status: 'False', message: 'no endpoints' }] },
      }),
      { served: 'Aggregated', available: false, message: 'no endpoints' },
    ],
    [
      'another server, not looked at yet',
      named('v3.projectcalico.org', { spec: { service } }),
      { served: 'Aggregated', available: false, message: '' },
    ],
  ])('%s', async (_who, answer, expected) => {
    const transport = new ScriptedTransport(answer);
    expect(await apiService(transport, 'projectcalico.org', 'v3')).toEqual(expected);
    expect(transport.requests[0]?.path).toBe(
      '/apis/apiregistration.k8s.io/v1/apiservices/v3.projectcalico.org',
    );
  });
});
