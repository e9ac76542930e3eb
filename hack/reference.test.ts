import { describe, expect, test } from '@jest/globals';
import type { ClusterFirewall } from '../src/api/schema.ts';
import { validateDocument } from '../src/api/validate.ts';
import { compile } from '../src/compiler/compile.ts';
import { clusterWith } from '../src/compiler/testing/inventories.ts';
import { DEFAULTS, SECTIONS } from './reference-text.ts';
import { apiReference, fields } from './reference.ts';

const reference = apiReference();
const itemOf = (field: string): string | undefined =>
  reference.split('\n').find((line) => line.startsWith(`- **\`${field}\`** (`));

test('every field has an item, in its own section or in that of its shape', () => {
  const missing = [...fields().keys()].filter((path) => {
    const names = path.replaceAll('[*]', '').split('.').slice(1);
    const endings = names.map((_, index) => names.slice(index).join('.').replace(/\[\]$/, ''));
    return names.length > 0 && !endings.some((ending) => itemOf(ending) !== undefined);
  });
  expect(missing).toEqual([]);
});

test('an item says type, bounds, default and whether the field is required', () => {
  expect(itemOf('cidrs')).toContain('(list of CIDR, at most 49 characters, 1 to 1000 items, no two alike): ');
  expect(itemOf('mode')).toContain('(`Enforce`, `Observe`; **required**): ');
  expect(itemOf('deletionPolicy')).toContain('(`Remove`, `Retain`; default `Remove`): ');
  expect(itemOf('ingress')).toContain('list of [Ingress rule](#ingress-rule), at most 100 items, by `name`');
});

test('every link leads to a heading', () => {
  const headings = [...reference.matchAll(/^## (.*)$/gm)].map(([, title = '']) =>
    title.toLowerCase().replaceAll(' ', '-'),
  );
  const links = [...reference.matchAll(/\]\(#([^)]*)\)/g)].map(([, target]) => target);
  expect(links.filter((target) => !headings.includes(target ?? ''))).toEqual([]);
});

test.each(SECTIONS)('the example of $title is valid', ({ schema, example }) => {
  expect(schema.safeParse(example)).toMatchObject({ success: true });
});

describe('defaults', () => {
  const fieldsWithDefault = [...fields()].filter(
    ([path, { description = '' }]) =>
      path.startsWith('spec.') && /\bdefault\b(?! deny)/.test(withoutNames(description)),
  );

  test.each(fieldsWithDefault.map(([path]) => path))(
    '%s, whose description speaks of one, has one',
    (path) => {
      expect(DEFAULTS).toHaveProperty([path]);
    },
  );

  test('a manifest that says them all means the same as one that says none', () => {
    const said = { metadata: { name: 'default' }, spec: specOf(DEFAULTS) };
    const unsaid = { metadata: { name: 'default' }, spec: BARE };
    expect(said.spec).toHaveProperty('defaults.dns.ports', ['53/UDP', '53/TCP']);
    expect(compiled(said)).toEqual(compiled(unsaid));
    for (const other of [
      { defaults: { deny: 'Ingress' } },
      { nodes: { ...BARE.nodes, destinations: 'All' } },
      { nodes: { ...BARE.nodes, hostEndpoints: 'Managed' } },
    ])
      expect(compiled({ ...unsaid, spec: { ...BARE, ...other } })).not.toEqual(compiled(unsaid));
  });
});

/** The firewall called default is no default value. */
function withoutNames(description: string): string {
  return description.replaceAll(/called default|ClusterFirewall default|NetworkPolicy\/default/g, '');
}

/** The fields that have no default, and who breaks the glass, without whom its services are named. */
const BARE = {
  mode: 'Enforce',
  peers: [{ name: 'office', cidrs: ['198.51.100.0/24'] }],
  nodes: { mode: 'Enforce', breakGlass: [{ peer: 'office' }] },
};

/** `{ 'spec.a.b': 1 }` → `{ …BARE, a: { b: 1 } }`; items of lists have no place of their own in it. */
function specOf(values: Readonly<Record<string, unknown>>): object {
  const result: Record<string, unknown> = structuredClone(BARE);
  for (const [path, value] of Object.entries(values)) {
    const keys = path.split('.').slice(1);
    if (path.includes('[]')) continue;
    let target = result;
    for (const key of keys.slice(0, -1)) target = (target[key] ??= {}) as Record<string, unknown>;
    target[keys.at(-1) ?? ''] = value;
  }
  return result;
}

const inventory = clusterWith({ automaticHostEndpoints: true });

function compiled(manifest: object): object {
  const document = { apiVersion: 'clusterfirewall.io/v1alpha1', kind: 'ClusterFirewall', ...manifest };
  const validation = validateDocument(document);
  if (!validation.ok) throw new Error(JSON.stringify(validation.issues));
  const firewall: ClusterFirewall = validation.firewall;
  return compile([firewall], inventory);
}
