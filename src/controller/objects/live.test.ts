import { describe, expect, test } from '@jest/globals';
import type { StoredObject } from '../../cluster/resource.ts';
import { projectLive } from './live.ts';
import { allow, storedObject } from '../testing/objects.ts';

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
