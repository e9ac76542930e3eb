import { describe, expect, test } from '@jest/globals';
import { globSync } from 'node:fs';
import path from 'node:path';
import { Linter } from 'eslint';
import tseslint from 'typescript-eslint';
import { circles, importsOf, readImports } from './imports.ts';
import { layersRule, ROOMS } from './layers.ts';

const ROOT = path.resolve(import.meta.dirname, '..');

/** Messages of the layer rule about one file of src. */
function lint(file: string, code: string): string[] {
  const linter = new Linter({ cwd: ROOT });
  const messages = linter.verify(
    code,
    {
      files: ['**/*.ts'],
      languageOptions: { parser: tseslint.parser },
      plugins: { local: { rules: { layers: layersRule } } },
      rules: { 'local/layers': 'error' },
    },
    path.join(ROOT, 'src', file),
  );
  return messages.map((message) => message.message);
}

describe('the layer rule refuses', () => {
  test.each([
    [
      'a compiler that talks to a cluster',
      'compiler/x.ts',
      `import { a } from '../cluster/objects/apply.ts';`,
    ],
    ['the same for a type', 'compiler/x.ts', `import type { A } from '../cluster/objects/apply.ts';`],
    ['the same in a re-export', 'compiler/x.ts', `export { a } from '../cluster/objects/apply.ts';`],
    ['the same in an export of everything', 'compiler/x.ts', `export * from '../cluster/objects/apply.ts';`],
    ['the same imported later', 'compiler/x.ts', `const a = await import('../cluster/objects/apply.ts');`],
    ['the same inside a type', 'compiler/x.ts', `type A = import('../cluster/objects/apply.ts').A;`],
    ['the same in a test', 'compiler/x.test.ts', `import { a } from '../cluster/objects/apply.ts';`],
    [
      'the same from a subfolder',
      'compiler/flows/x.ts',
      `import { a } from '../../cluster/objects/apply.ts';`,
    ],
    [
      'a simulator that talks to a cluster',
      'simulator/x.ts',
      `import { a } from '../cluster/objects/apply.ts';`,
    ],
    ['a cluster that knows firewalls', 'cluster/x.ts', `import { KIND } from '../api/schema.ts';`],
    ['a cluster that knows Calico', 'cluster/x.ts', `import { a } from '../calico/types.ts';`],
    ['an inventory that knows the compiler', 'inventory/x.ts', `import { a } from '../compiler/names.ts';`],
    ['addresses that know the API', 'net/x.ts', `import { a } from '../api/schema.ts';`],
    ['an API that knows the compiler', 'api/x.ts', `import { a } from '../compiler/types.ts';`],
    ['a command line inside the controller', 'controller/x.ts', `import { a } from '../cli/run.ts';`],
    ['source that needs the tests', 'controller/x.ts', `import { a } from '../../e2e/cluster.ts';`],
    ['files in the compiler', 'compiler/x.ts', `import { readFile } from 'node:fs/promises';`],
    [
      'a client of the API server in the controller',
      'controller/x.ts',
      `import { a } from '@kubernetes/client-node';`,
    ],
    ['undici in the controller', 'controller/x.ts', `import { Pool } from 'undici';`],
    ['the operator shell in the cluster layer', 'cluster/x.ts', `import pkg from '@dot-i/k8s-operator';`],
    ['a room without a place', 'helpers/x.ts', `import { a } from '../net/cidr.ts';`],
    ['a plan that writes', 'controller/plan/x.ts', `import { a } from '../apply/write.ts';`],
    [
      'a room that imports the life of a round',
      'controller/nodes/x.ts',
      `import { a } from '../reconcile.ts';`,
    ],
    ['a transport that knows objects', 'cluster/http/x.ts', `import { a } from '../objects/apply.ts';`],
    ['a clock that knows requests', 'cluster/clock.ts', `import { a } from './http/transport.ts';`],
    ['flows that know pods', 'compiler/flows/x.ts', `import { a } from '../pods/defaults.ts';`],
    [
      'a file of a room that knows the whole compiler',
      'compiler/pods/x.ts',
      `import { a } from '../compile.ts';`,
    ],
    ['what only tests share', 'controller/plan/x.ts', `import { a } from '../testing/objects.ts';`],
    [
      'a test that climbs out of its house',
      'cluster/http/x.test.ts',
      `import { a } from '../../api/schema.ts';`,
    ],
  ])('%s', (_what, file, code) => {
    expect(lint(file, code)).toHaveLength(1);
  });

  test('with a message that says what is allowed', () => {
    expect(lint('compiler/x.ts', `import { a } from '../cluster/objects/apply.ts';`)).toEqual([
      'compiler may not import cluster/objects: imports point downwards only; compiler imports inventory, calico, api, net, json',
    ]);
  });
});

describe('the layer rule lets pass', () => {
  test.each([
    ['what points downwards', 'compiler/x.ts', `import { a } from '../net/cidr.ts';`],
    ['a neighbour', 'compiler/x.ts', `import { a } from './types.ts';`],
    ['a hash', 'compiler/x.ts', `import { createHash } from 'node:crypto';`],
    ['files in a test of the compiler', 'compiler/x.test.ts', `import { readFile } from 'node:fs/promises';`],
    [
      'the client in the cluster layer',
      'cluster/x.ts',
      `import { KubeConfig } from '@kubernetes/client-node';`,
    ],
    ['the shell in operator.ts', 'operator.ts', `import pkg from '@dot-i/k8s-operator';`],
    ['the controller from the operator', 'operator.ts', `import { a } from './controller/a.ts';`],
    ['a room below', 'controller/nodes/x.ts', `import { a } from '../plan/plan.ts';`],
    ['the base of its own house', 'cluster/http/x.ts', `import { a } from '../clock.ts';`],
    [
      'every room of a house below',
      'controller/objects/x.ts',
      `import { a } from '../../cluster/http/retry.ts';`,
    ],
    ['rooms above in a test', 'controller/objects/x.test.ts', `import { a } from '../plan/plan.ts';`],
  ])('%s', (_what, file, code) => {
    expect(lint(file, code)).toEqual([]);
  });
});

/** Every TypeScript file of the repository. */
const FILES = ['src', 'e2e', 'hack'].flatMap((folder) => globSync(`${folder}/**/*.ts`, { cwd: ROOT }));

test('one kind of e2e test does not import another', () => {
  const kinds = ['scenarios', 'integration', 'chaos', 'bench', 'gitops', 'demo'];
  const kindOf = (file: string): string | undefined => kinds.find((kind) => file.startsWith(`e2e/${kind}/`));
  const wrong = [...readImports(ROOT, FILES)].flatMap(([file, imported]) =>
    imported
      .filter(
        (each) => kindOf(file) !== undefined && kindOf(each) !== undefined && kindOf(each) !== kindOf(file),
      )
      .map((each) => `${file} → ${each}`),
  );
  expect(wrong).toEqual([]);
});

describe('no circles', () => {
  test('are among the rooms', () => {
    expect(circles(new Map(Object.entries(ROOMS).map(([name, { rooms }]) => [name, rooms])))).toEqual([]);
  });

  test('are among the files, types included', () => {
    expect(FILES.length).toBeGreaterThan(400);
    expect(circles(readImports(ROOT, FILES))).toEqual([]);
  });

  test('would be missed', () => {
    const imports = new Map([
      ['a.ts', importsOf('a.ts', `import type { B } from './b.ts';`)],
      ['b.ts', importsOf('b.ts', `export { c } from './x/c.ts';`)],
      ['x/c.ts', importsOf('x/c.ts', `type A = typeof import('../a.ts');`)],
      ['d.ts', importsOf('d.ts', `import './a.ts'; import fs from 'node:fs';`)],
    ]);
    expect(circles(imports)).toEqual([['a.ts', 'b.ts', 'x/c.ts']]);
  });
});
