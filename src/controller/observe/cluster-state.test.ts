import { expect, test } from '@jest/globals';
import { operatorNamespace } from './cluster-state.ts';

test("the operator's namespace: from the environment, else the ServiceAccount's, else the manifests'", () => {
  expect(operatorNamespace({ POD_NAMESPACE: 'firewall' })).toBe('firewall');
  expect(operatorNamespace({}, '/nowhere/namespace')).toBe('clusterfirewall-system');
});
