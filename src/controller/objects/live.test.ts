import { describe, expect, test } from '@jest/globals';
import type { KubernetesObject } from '../../cluster/resource.ts';
import type { Spec } from '../../api/schema.ts';
import { compile } from '../../compiler/compile.ts';
import { cluster } from '../../compiler/testing/compiled-nodes.ts';
import { web as blog } from '../../compiler/testing/examples.ts';
import type { DesiredObject } from '../../compiler/types.ts';
import { bridgesFrom, bridgesTo } from '../plan/bridges.ts';
import { nodeCopies } from '../plan/node-shadows.ts';
import { projectLive } from './live.ts';
import { allow, lastWord, live, storedObject } from '../testing/objects.ts';

const project = (object: KubernetesObject, known = new Set<string>()) =>
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
      uid: bare.metadata.uid,
      policy: { name: 'web', selector: 'all()', namespaceSelector: '', ends: [] },
      foreignManager: 'kubectl',
    });
  });
});

/** Every kind of object that the compiler makes, and what stands beside them while they change. */
function everything(): readonly DesiredObject[] {
  const spec: Spec = {
    mode: 'Enforce',
    peers: [{ name: 'office', cidrs: ['198.51.100.0/24'] }],
    namespaces: [blog],
    nodes: {
      mode: 'Enforce',
      blocked: [{ peer: 'office' }],
      breakGlass: [{ peer: 'office' }],
      zones: [{ name: 'office', from: [{ peer: 'office' }], allow: { services: ['ssh'] } }],
    },
  };
  const compiled = compile([{ metadata: { name: 'default' }, spec }], cluster).objects;
  const stored = compiled.map((each) => ({ ...storedObject(each), kind: each.object.kind }));
  return [...compiled, ...bridgesTo(compiled), ...bridgesFrom(stored), ...nodeCopies(stored).values()];
}

describe('what a stored object is, is what it was made as', () => {
  const objects = everything();

  test('every phase is tried', () => {
    const phases = new Set(objects.map(({ phase }) => phase));
    expect([...phases].sort()).toEqual([
      'allow',
      'bridgeFrom',
      'bridgeTo',
      'deny',
      'guardrail',
      'hostEndpoint',
      'judged',
      'lo',
      'nodeAllow',
      'nodeDeny',
      'pass',
      'set',
      'tier',
    ]);
  });

  test.each(objects.map((each) => [`${each.object.kind}/${each.object.metadata.name}`, each] as const))(
    '%s',
    (_, made) => {
      const stored = projectLive(made.object.kind, new Set())(storedObject(made));
      expect(stored).toMatchObject({ phase: made.phase });
    },
  );

  test('a last word of nodes is one while they are observed, too', () => {
    expect(live(lastWord('Pass'))).toMatchObject({ phase: 'nodeDeny', denies: false });
    expect(live(lastWord('Deny'))).toMatchObject({ phase: 'nodeDeny', denies: true });
  });
});
