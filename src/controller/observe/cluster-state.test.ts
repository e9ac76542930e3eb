import { expect, test } from '@jest/globals';
import { operatorNamespace, projectNamespace, projectNode } from './cluster-state.ts';

test("the operator's namespace: from the environment, else the ServiceAccount's, else the manifests'", () => {
  expect(operatorNamespace({ POD_NAMESPACE: 'firewall' })).toBe('firewall');
  expect(operatorNamespace({}, '/nowhere/namespace')).toBe('clusterfirewall-system');
});

test('a namespace that is going is marked', () => {
  expect(projectNamespace({ metadata: { name: 'shop', labels: { a: 'b' } } })).toEqual({
    name: 'shop',
    labels: { a: 'b' },
  });
  const going = { name: 'shop', deletionTimestamp: '2026-01-01T00:00:00Z' };
  expect(projectNamespace({ metadata: going })).toEqual({ name: 'shop', labels: {}, terminating: true });
});

test("a node's addresses come from its status and from Calico's annotations", () => {
  const annotations = { 'projectcalico.org/IPv4VXLANTunnelAddr': '10.244.0.1' };
  const status = {
    addresses: [{ type: 'InternalIP', address: '10.99.0.1' }, { type: 'Hostname', address: 'n1' }, 'garbage'],
  };
  expect(projectNode({ metadata: { name: 'n1', uid: 'u', annotations }, status })).toEqual({
    name: 'n1',
    uid: 'u',
    labels: {},
    addresses: ['10.244.0.1', '10.99.0.1'],
  });
});
