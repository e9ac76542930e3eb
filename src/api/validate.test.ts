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
      'spec.namespaces[0].ingress[1].from[0]: is empty: give exactly one of peer, ipBlock, pods, nodes, entity',
      'spec.namespaces[0].ingress[1].name: "web" is used twice in this list: names are unique, rename one',
      'spec.namespaces[0]: must have exactly one of namespaces, namespaceSelector and everyNamespace: it has namespaces and namespaceSelector; write one entry for each, because they do not narrow each other',
    ]);
  });

  test('a misspelt key is not reported as a missing one as well', () => {
    const group = { namespaces: ['wordpress'], ingress: [{ ...rule, from: [{ per: 'office' }] }] };
    expect(issues(blog(group))).toEqual([
      'spec.namespaces[0].ingress[0].from[0].per: unknown field "per": did you mean "peer"?',
    ]);
  });

  test('takes a field that is undefined as absent', () => {
    const from = [{ peer: 'office', entity: undefined }];
    const group = { namespaces: ['wordpress'], namespaceSelector: undefined, ingress: [{ ...rule, from }] };
    expect(issues(blog(group))).toEqual([]);
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
    expect(found.at(-1)).toContain(
      'unknown field "guardrail149999": nothing of that name exists here. Known are mode',
    );
  });

  test('a message quotes no more than can be read', () => {
    const [issue = ''] = issues(
      document({ mode: 'Enforce', peers: [{ name: 'a', cidrs: ['1'.repeat(1e6)] }] }),
    );
    expect(issue.length).toBeLessThan(3000);
    expect(issue).toMatch(/^spec\.peers\[0]\.cidrs\[0]: .*…$/);
  });
});

describe('messages name the field and the remedy', () => {
  const group = (fields: object) => blog({ namespaces: ['wordpress'], ...fields });
  const ingress = (fields: object) => group({ ingress: [{ ...rule, ...fields }] });
  const allowing = (allow: object) => {
    const zones = [{ name: 'z', from: [{ peer: 'office' }], allow }];
    return document({ mode: 'Enforce', nodes: { mode: 'Observe', zones } });
  };
  const quoted = 'put it in quotes; without, yes, no, on and off are booleans, too';

  test.each<[message: string, value: unknown]>([
    ['spec: is required', document(undefined)],
    ['spec: has no value: it must be a mapping: fill it in', document(null)],
    ['spec: must be a mapping, not a string', document('text')],
    ['spec.mode: is required: write one of Enforce, Observe', document({})],
    ['spec.mode: has no value: write one of Enforce, Observe', document({ mode: null })],
    ['spec.mode: must be a string, not a number: write one of Enforce, Observe', document({ mode: 7 })],
    ['spec.mode: must be a string, not a list: write one of Enforce, Observe', document({ mode: [] })],
    ['spec.mode: "Enforc" is unknown here: did you mean "Enforce"?', document({ mode: 'Enforc' })],
    ['spec.mode: "No" is unknown here: write one of Enforce, Observe', document({ mode: 'No' })],
    ['spec.namespaces: must be a list, not a mapping', document({ mode: 'Enforce', namespaces: {} })],
    [
      'spec.namespaces: has no value: it must be a list: fill it in',
      document({ mode: 'Enforce', namespaces: null }),
    ],
    ['spec.namespaces[0].name: must be a string, not a number: put it in quotes, "7"', group({ name: 7 })],
    [`spec.namespaces[0].name: must be a string, not a boolean: ${quoted}`, group({ name: true })],
    ['spec.namespaces[0].name: must be a string, not a list', group({ name: [] })],
    ['spec.namespaces[0].name: must be a string, not a mapping', group({ name: {} })],
    [
      'spec.namespaces[0].name: has no value: it must be a string: write a DNS label, unique in its list',
      group({ name: null }),
    ],
    [
      'spec.namespaces[0].ingress[0].ports: is required: list the ports that are meant; all ports of every protocol are [All]',
      ingress({ ports: undefined }),
    ],
    [
      'spec.namespaces[0].ingress[0].ports: must not be empty: list the ports that are meant; all ports of every protocol are [All]',
      ingress({ ports: [] }),
    ],
    [
      'spec.namespaces[0].ingress[0].ports: must have at most 64 entries: split it',
      ingress({ ports: Array.from({ length: 65 }, (_, port) => port + 1) }),
    ],
    [
      'spec.namespaces[0].ingress[0].port: unknown field "port": ports are one list, each with its protocol: ports: [80, 8000-8100, 53/UDP]',
      ingress({ port: [80] }),
    ],
    [
      'spec.namespaces[0].ingress[0].hosts: unknown field "hosts": host names do not exist here, because packets carry addresses alone: write the addresses, as ipBlock or as a peer with cidrs',
      ingress({ hosts: [80] }),
    ],
    [
      'spec.nodes.zones[0].allow: must be exactly one of all, allBut, and lists (services, ports, protocols): list only the traffic that is meant, because all is everything',
      allowing({ all: true, ports: [80] }),
    ],
    [
      'spec.nodes.zones[0].allow.all: must be true, or absent, which says no: write true only where yes is meant',
      allowing({ all: false }),
    ],
    [
      'spec.nodes.zones[0].allow.all: must be true, or absent, which says no: write true only where yes is meant',
      allowing({ all: 'yes' }),
    ],
    [
      'rules: unknown field "rules": nothing of that name exists here. Known are apiVersion, kind, metadata, spec, status',
      { ...document({ mode: 'Enforce' }), rules: [] },
    ],
  ])('%s', (message, value) => {
    expect(issues(value)).toEqual([message]);
  });

  test('only the main firewall has some fields, whatever else is wrong', () => {
    const own = 'belongs to the ClusterFirewall called default alone: move it there';
    const groups = [{ name: 'a', namespaces: ['a'] }, 'b', { name: 'c', mode: 'Observe', namespaces: ['c'] }];
    const spec = { mode: 'Enforce', defaults: {}, guardrails: [], nodes: { mode: 'Observe' } };
    expect(issues(document({ ...spec, namespaces: groups }, 'team'))).toEqual([
      'spec.namespaces[1]: must be a mapping, not a string',
      `spec.defaults: ${own}`,
      `spec.guardrails: ${own}`,
      `spec.nodes: ${own}`,
      `spec.namespaces[2].mode: ${own}`,
    ]);
    expect(issues(document({ mode: 'Enforce', namespaces: {} }, 'team'))).toHaveLength(1);
    expect(issues(document('text', 'team'))).toEqual(['spec: must be a mapping, not a string']);
    expect(issues(document({ mode: 'Enforce', nodes: { mode: 'Observe' } }))).toEqual([]);
    const nameless = { ...document({ mode: 'Enforce', defaults: {} }), metadata: {} };
    expect(issues(nameless)).toEqual(['metadata.name: is required: the main one is called default']);
    expect(issues({ ...nameless, metadata: { name: 7 } })).toHaveLength(1);
  });

  const label = 'at most 63 lower-case letters, digits and "-", beginning and ending with a letter or digit';
  test.each<[message: string, metadata: unknown]>([
    ['metadata: is required: write { name: … }; the main one is called default', undefined],
    ['metadata.name: is required: the main one is called default', {}],
    ['metadata.name: is required: the main one is called default', { name: null }],
    [`metadata.name: 7 must be a DNS label without dots: ${label}`, { name: 7 }],
    [`metadata.name: "Team" must be a DNS label without dots: ${label}`, { name: 'Team' }],
    [`metadata.name: "a.b" must be a DNS label without dots: ${label}`, { name: 'a.b' }],
    [
      `metadata.name: "${'a'.repeat(64)}" must be a DNS label without dots: ${label}`,
      { name: 'a'.repeat(64) },
    ],
  ])('%s', (message, metadata) => {
    expect(issues({ ...document({ mode: 'Enforce' }), metadata })).toEqual([message]);
  });

  const current = 'clusterfirewall.io/v1alpha1';
  test.each<[message: string, identity: object]>([
    ['kind: is required: write ClusterFirewall', { kind: undefined }],
    ['kind: is required: write ClusterFirewall', { kind: null }],
    [
      `kind: is "Pod" of v1: only ClusterFirewall of ${current} belongs here`,
      { apiVersion: 'v1', kind: 'Pod' },
    ],
    [`kind: is "Pod": only ClusterFirewall of ${current} belongs here`, { apiVersion: 1, kind: 'Pod' }],
    [`apiVersion: is required: write ${current}`, { apiVersion: undefined }],
    [`apiVersion: is required: write ${current}`, { apiVersion: null }],
    [
      `apiVersion: "clusterfirewall.io/v9" is a version of clusterfirewall.io that this release does not know: write ${current}`,
      { apiVersion: 'clusterfirewall.io/v9' },
    ],
    [`apiVersion: is "v1": ClusterFirewall is in clusterfirewall.io, write ${current}`, { apiVersion: 'v1' }],
    [`apiVersion: is 7: ClusterFirewall is in clusterfirewall.io, write ${current}`, { apiVersion: 7 }],
  ])('%s', (message, identity) => {
    expect(issues({ ...document('not read'), ...identity })).toEqual([message]);
  });
});
