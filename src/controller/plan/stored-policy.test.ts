import { expect, test } from '@jest/globals';
import type { KubernetesObject } from '../../cluster/resource.ts';
import { allow, deny, set, storedObject } from '../testing/objects.ts';
import { storedPolicies } from './stored-policy.ts';

const stored = storedObject(allow({ name: 'web' }));
const changed = (change: Partial<KubernetesObject>): KubernetesObject => ({ ...stored, ...change });

const withSpec = (spec: object): KubernetesObject =>
  changed({ spec: { ...(stored['spec'] as object), ...spec } });
/** Native CRDs take any text for a selector. In brackets, this one is everything. */
const ESCAPE = 'all()) || (all()';

test('policies in force are found, each with its role', () => {
  const others = [deny({ name: 'deny' }), allow({ name: 'a', namespace: 'shop' })].map((each) =>
    storedObject(each),
  );
  expect(storedPolicies([stored, ...others]).map(({ policy, role }) => [policy.metadata.name, role])).toEqual(
    [
      ['web', 'allow'],
      ['deny', 'defaultDeny'],
      ['a', 'allow'],
    ],
  );
});

test.each<[what: string, object: KubernetesObject]>([
  ['a set', storedObject(set({ name: 'office' }))],
  ['a policy that is only observed', changed({ kind: 'StagedGlobalNetworkPolicy' })],
  ['a policy of another API', changed({ kind: 'CiliumNetworkPolicy' })],
  ['a policy without a spec', changed({ spec: undefined })],
  ['a policy without a selector', changed({ spec: { tier: 'default', types: ['Ingress'] } })],
  ['a policy without a tier', changed({ spec: { selector: 'all()', types: ['Ingress'] } })],
  ['a policy without types', changed({ spec: { selector: 'all()', tier: 'default' } })],
  ['a policy whose selector would open more where it is joined', withSpec({ selector: ESCAPE })],
  ['a policy whose namespaceSelector would', withSpec({ namespaceSelector: ESCAPE })],
  ['a policy with such a destination', withSpec({ ingress: [{ destination: { selector: ESCAPE } }] })],
  ['a policy with such a source', withSpec({ egress: [{ source: { notSelector: ESCAPE } }] })],
  [
    'a policy with such a ServiceAccount',
    withSpec({ ingress: [{ source: { serviceAccounts: { selector: ESCAPE } } }] }),
  ],
  ['a policy whose selector is no text', withSpec({ namespaceSelector: 1 })],
])('%s is none of them', (_, object) => {
  expect(storedPolicies([object])).toEqual([]);
});
