import { describe, expect, test } from '@jest/globals';
import { formatPath } from './path.ts';
import { validateDocument } from './validate.ts';

const document = (spec: unknown, name = 'default') => ({
  apiVersion: 'clusterfirewall.io/v1alpha1',
  kind: 'ClusterFirewall',
  metadata: { name },
  spec,
});
const blog = (group: object) => document({ mode: 'Enforce', namespaces: [{ name: 'blog', ...group }] });
const rule = { name: 'web', pods: {}, from: [{ entity: 'World' }], ports: [80] };

function issues(value: unknown): string[] {
  const validated = validateDocument(value);
  return validated.ok ? [] : validated.issues.map(({ path, message }) => `${formatPath(path)}: ${message}`);
}

describe('validateDocument', () => {
  test('returns an accepted document', () => {
    const spec = {
      mode: 'Enforce',
      namespaces: [{ name: 'blog', namespaces: ['wordpress'], ingress: [rule] }],
    };
    expect(validateDocument(document(spec))).toEqual({
      ok: true,
      firewall: { metadata: { name: 'default' }, spec },
    });
  });

  test('accepts an object in the form of an API server', () => {
    const object = document({ mode: 'Enforce' });
    const metadata = { ...object.metadata, uid: '1', managedFields: [{}], annotations: { a: 'b' } };
    expect(issues({ ...object, metadata, status: { observedGeneration: -1 } })).toEqual([]);
  });

  test('reports every problem at once, even where other parts are broken', () => {
    const group = {
      namespaces: ['wordpress'],
      namespaceSelector: { matchLabels: { a: 'b' } },
      ingress: [
        { ...rule, ports: [0] },
        { ...rule, from: [{}] },
      ],
    };
    expect(issues(blog(group))).toEqual([
      'spec.namespaces[0].ingress[0].ports[0]: 0 is not a port: ports are whole numbers from 1 to 65535',
      'spec.namespaces[0].ingress[1].from[0]: is empty: give exactly one of peer, ipBlock, pods, entity',
      'spec.namespaces[0].ingress[1].name: "web" is used twice in this list: names are unique, rename one',
      'spec.namespaces[0]: must have exactly one of namespaces and namespaceSelector: drop one',
    ]);
  });

  test('a misspelt key is not reported as a missing one as well', () => {
    const group = { namespaces: ['wordpress'], ingress: [{ ...rule, from: [{ per: 'office' }] }] };
    expect(issues(blog(group))).toEqual([
      'spec.namespaces[0].ingress[0].from[0].per: unknown field "per": did you mean "peer"?',
    ]);
  });

  test('reports one message a path, though zod may find two', () => {
    const name = 'Blog'.repeat(20);
    expect(issues(document({ mode: 'Enforce', namespaces: [{ name, namespaces: ['a'] }] }))).toHaveLength(1);
  });

  test.each([undefined, null, 'text', 7, []])('%j is not a Kubernetes object', (value) => {
    expect(issues(value)).toEqual([
      ': is not a Kubernetes object: write apiVersion, kind, metadata and spec',
    ]);
  });

  test('labels with dots and slashes are quoted in the path', () => {
    const pods = { matchLabels: { 'app.kubernetes.io/name': 'a b' } };
    const [issue] = issues(blog({ namespaces: ['a'], ingress: [{ ...rule, pods }] }));
    expect(issue).toMatch(
      /^spec\.namespaces\[0]\.ingress\[0]\.pods\.matchLabels\["app\.kubernetes\.io\/name"]: /,
    );
  });

  test('every unknown field of very many is named, and the first get suggestions', () => {
    const unknown = Object.fromEntries(
      Array.from({ length: 150_000 }, (_, i) => [`guardrail${String(i)}`, 1]),
    );
    const found = issues(document({ mode: 'Enforce', ...unknown }));
    expect(found).toHaveLength(150_000);
    expect(found[0]).toContain('did you mean "guardrails"?');
    expect(found.at(-1)).toContain('unknown field "guardrail149999": drop it; known here: mode');
  });

  test('a message quotes no more than can be read', () => {
    const [issue = ''] = issues(
      document({ mode: 'Enforce', peers: [{ name: 'a', cidrs: ['1'.repeat(1e6)] }] }),
    );
    expect(issue.length).toBeLessThan(3000);
    expect(issue).toMatch(/^spec\.peers\[0]\.cidrs\[0]: .*…$/);
  });
});
