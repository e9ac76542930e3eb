import { describe, expect, test } from '@jest/globals';
import type { StoredObject } from '../../cluster/resource.ts';
import { projectLive } from './live.ts';
import { allow, deny, emptiedObject, endpoint, storedObject } from '../testing/objects.ts';

const project = (object: StoredObject, known = new Set<string>()) =>
  projectLive('GlobalNetworkPolicy', known)(object);
const web = storedObject(allow({ name: 'web', rules: ['default/g/ingress/a', 'default/g/ingress/b'] }));
const bare = { ...web, metadata: { name: 'web', uid: 'u', resourceVersion: '2' } };

describe('whose an object is', () => {
  test('ours by its labels', () => {
    expect(project(web)).toMatchObject({
      ours: true,
      id: 'GlobalNetworkPolicy/web',
      firewall: 'default',
      rules: ['default/g/ingress/a', 'default/g/ingress/b'],
    });
  });

  test('ours by our field manager when the labels were stripped', () => {
    const managedFields = [
      { manager: 'clusterfirewall', operation: 'Apply' },
      { manager: 'kubectl-edit', operation: 'Update' },
    ];
    expect(project({ ...bare, metadata: { ...bare.metadata, managedFields } })).toMatchObject({
      ours: true,
      foreignManager: 'kubectl-edit',
    });
  });

  test('ours when it was ours before, though an edit took every trace of it', () => {
    expect(project(bare)).toMatchObject({ ours: false });
    expect(project(bare, new Set(['u']))).toMatchObject({ ours: true, firewall: undefined });
  });

  test("not ours: a stranger's, of which little is kept", () => {
    const managedFields = [
      { manager: 'helm', operation: 'Update', time: '2026-01-01T00:00:00Z' },
      { manager: 'kubectl', operation: 'Update', time: '2026-01-02T00:00:00Z' },
    ];
    expect(project({ ...bare, metadata: { ...bare.metadata, managedFields } })).toEqual({
      ours: false,
      id: 'GlobalNetworkPolicy/web',
      kind: 'GlobalNetworkPolicy',
      name: 'web',
      namespace: undefined,
      uid: bare.metadata.uid,
      policy: {
        name: 'web',
        tier: 'default',
        allows: { ingress: true, egress: false },
        passes: { ingress: false, egress: false },
        isForHostsAlone: false,
        selector: 'all()',
        namespaceSelector: '',
        ends: [],
      },
      foreignManager: 'kubectl',
    });
  });
});

describe('an object with a finalizer of somebody else', () => {
  const metadata = { ...web.metadata, finalizers: ['example.com/keep'] };
  const deletionTimestamp = '2026-01-01T00:00:00Z';
  const denying = storedObject(deny({ name: 'deny' }));

  test('waits for it when it is deleted', () => {
    expect(project({ ...web, metadata })).not.toHaveProperty('waitsFor');
    expect(project({ ...web, metadata: { ...metadata, deletionTimestamp } })).toMatchObject({
      waitsFor: ['example.com/keep'],
    });
  });

  test('will stay in force where it refuses', () => {
    expect(project(denying)).not.toHaveProperty('willStay');
    const kept = { ...denying, metadata: { ...denying.metadata, finalizers: ['example.com/keep'] } };
    expect(project(kept)).toMatchObject({ willStay: true });
    expect(project({ ...web, metadata })).not.toHaveProperty('willStay');
  });
});

test('an object that selects nothing is known by that', () => {
  expect(project(web)).not.toHaveProperty('isEmptied');
  expect(project(storedObject(emptiedObject(allow({ name: 'web' }))))).toMatchObject({ isEmptied: true });
  const hosts = projectLive('HostEndpoint', new Set());
  expect(hosts(storedObject(endpoint('a', '*')))).not.toHaveProperty('isEmptied');
  expect(hosts(storedObject(emptiedObject(endpoint('a', '*'))))).toMatchObject({
    isEmptied: true,
    node: 'a',
  });
});

describe('a policy of a namespace, which a tenant may have written', () => {
  const signature = `${'a'.repeat(8)}.${'b'.repeat(86)}`;
  const claiming = (annotations: Readonly<Record<string, string>>, more: object = {}): StoredObject => ({
    ...web,
    metadata: { ...web.metadata, name: 'cfw-web', namespace: 'evil', annotations, ...more },
  });
  const projected = (object: StoredObject) => projectLive('NetworkPolicy', new Set())(object);

  test('keeps its signature and its rules', () => {
    expect(
      projected(
        claiming({
          'clusterfirewall.io/rules': 'default/g/a,default/g/b',
          'clusterfirewall.io/signature': signature,
        }),
      ),
    ).toMatchObject({ ours: true, isOpen: true, signature, rules: ['default/g/a', 'default/g/b'] });
  });

  test('of any size takes little memory', () => {
    const many = Array.from({ length: 60_000 }, (_, index) => index.toString(36));
    const object = claiming(
      { 'clusterfirewall.io/rules': many.join(), 'clusterfirewall.io/signature': 'x'.repeat(200_000) },
      { deletionTimestamp: 'now', finalizers: many },
    );
    const kept = projected(object);
    expect(JSON.stringify(kept).length).toBeLessThan(10_000);
    expect(kept).toMatchObject({ rules: many.slice(0, 500), waitsFor: many.slice(0, 10) });
    expect(kept).not.toHaveProperty('signature');
    const long = projected(claiming({ 'clusterfirewall.io/rules': `a,${'b'.repeat(100_000)},c` }));
    expect(long).toMatchObject({ rules: ['a'] });
  });
});
