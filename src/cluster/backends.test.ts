import { describe, expect, test } from '@jest/globals';
import { BACKEND_SOURCES, backendsOf, projectService, sliceAddresses } from './backends.ts';
import type { KubernetesObject } from './resource.ts';

const backends = (kind: string, fields: Readonly<Record<string, unknown>>) =>
  BACKEND_SOURCES.filter((source) => source.kind === kind).flatMap((source) =>
    backendsOf(source, { metadata: { name: 'x' }, ...fields }),
  );
const service = { namespace: 'certs', name: 'webhook' };

describe('backendsOf', () => {
  test.each([
    ['ValidatingWebhookConfiguration', { webhooks: [{ clientConfig: { service } }] }],
    ['MutatingWebhookConfiguration', { webhooks: [{ clientConfig: { service } }] }],
    ['APIService', { spec: { service } }],
    ['CustomResourceDefinition', { spec: { conversion: { webhook: { clientConfig: { service } } } } }],
  ])('%s names a Service, on port 443 where it says none', (kind, fields) => {
    expect(backends(kind, fields)).toEqual([
      { namespace: 'certs', service: 'webhook', port: 443, because: `${kind}/x` },
    ]);
  });

  test('what calls a URL, or nothing, names no Service', () => {
    expect(
      backends('ValidatingWebhookConfiguration', { webhooks: [{ clientConfig: { url: 'https://a' } }] }),
    ).toEqual([]);
    expect(backends('MutatingWebhookConfiguration', {})).toEqual([]);
    expect(backends('APIService', { spec: { service: null } })).toEqual([]);
    expect(backends('CustomResourceDefinition', { spec: { conversion: { strategy: 'None' } } })).toEqual([]);
  });

  test('what is kept of an object that names nothing is the same for all', () => {
    expect(backendsOf(...apiService('a'))).toBe(backendsOf(...apiService('b')));
  });
});

function apiService(name: string): Parameters<typeof backendsOf> {
  const source = BACKEND_SOURCES.find(({ kind }) => kind === 'APIService');
  if (source === undefined) throw new Error('APIService is no source');
  return [source, { metadata: { name }, spec: {} }];
}

describe('projectService', () => {
  const project = (spec: unknown): unknown => {
    const object: KubernetesObject = { metadata: { name: 'webhook', namespace: 'certs' }, spec };
    return projectService(object);
  };

  test('keeps selector and ports; without a targetPort it is the port', () => {
    const ports = [{ name: 'a', port: 443, targetPort: 'https' }, { port: 80 }, { port: 81, targetPort: 0 }];
    expect(project({ clusterIP: '10.96.0.7', selector: { app: 'x' }, ports })).toEqual({
      namespace: 'certs',
      name: 'webhook',
      selector: { app: 'x' },
      ports: [
        { port: 443, targetPort: 'https' },
        { port: 80, targetPort: 80 },
        { port: 81, targetPort: 81 },
      ],
    });
  });

  test('an ExternalName has no pods, and an empty selector selects none', () => {
    const ports = [{ port: 443 }];
    expect(project({ type: 'ExternalName', selector: { app: 'x' }, ports })).toEqual({
      namespace: 'certs',
      name: 'webhook',
      ports: [],
    });
    expect(project({ selector: {}, ports })).not.toHaveProperty('selector');
  });
});

test('addresses of a slice, of whatever readiness', () => {
  const endpoints = [{ addresses: ['10.0.0.1'], conditions: { ready: false } }, { addresses: ['10.0.0.2'] }];
  expect(sliceAddresses({ metadata: { name: 'kubernetes' }, endpoints })).toEqual(['10.0.0.1', '10.0.0.2']);
});
