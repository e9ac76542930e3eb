import { expect, test } from '@jest/globals';
import {
  apiVersionOf,
  collectionPath,
  isAtLeast,
  isKubernetesObject,
  objectKey,
  objectPath,
} from './resource.ts';

const NAMESPACES = { group: '', version: 'v1', plural: 'namespaces' };
const POLICIES = { group: 'projectcalico.org', version: 'v3', plural: 'networkpolicies', namespace: 'shop' };

test('paths of the core group and of named groups, cluster-wide and in a namespace', () => {
  expect(collectionPath(NAMESPACES)).toBe('/api/v1/namespaces');
  expect(objectPath(NAMESPACES, 'shop', 'status')).toBe('/api/v1/namespaces/shop/status');
  expect(objectPath(POLICIES, 'default.web')).toBe(
    '/apis/projectcalico.org/v3/namespaces/shop/networkpolicies/default.web',
  );
  expect(apiVersionOf(NAMESPACES)).toBe('v1');
  expect(apiVersionOf(POLICIES)).toBe('projectcalico.org/v3');
});

test('a name cannot lead out of its collection', () => {
  expect(objectPath(NAMESPACES, '../secrets?a')).toBe('/api/v1/namespaces/..%2Fsecrets%3Fa');
});

test('keys', () => {
  expect(objectKey({ metadata: { name: 'a' } })).toBe('a');
  expect(objectKey({ metadata: { name: 'a', namespace: 'n' } })).toBe('n/a');
});

test('an object has a name', () => {
  expect(isKubernetesObject({ metadata: { name: 'a' } })).toBe(true);
  for (const value of [null, 'text', [], {}, { metadata: {} }, { metadata: null }]) {
    expect(isKubernetesObject(value)).toBe(false);
  }
});

test.each([
  ['10', '9', true],
  ['9', '10', false],
  ['9', '9', true],
  ['18446744073709551616', '18446744073709551615', true],
  ['one', '10', true],
])('the version %s is %s or a later one: %s', (version, wanted, expected) => {
  expect(isAtLeast(version, wanted)).toBe(expected);
});
