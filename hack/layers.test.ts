import { describe, expect, test } from '@jest/globals';
import path from 'node:path';
import { Linter } from 'eslint';
import tseslint from 'typescript-eslint';
import { LAYERS, layersRule } from './layers.ts';

const ROOT = path.resolve(import.meta.dirname, '..');

/** What the layer rule says of one file of src. */
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
    ['a compiler that talks to a cluster', 'compiler/x.ts', `import { a } from '../cluster/apply.ts';`],
    ['the same for a type', 'compiler/x.ts', `import type { A } from '../cluster/apply.ts';`],
    ['the same in a re-export', 'compiler/x.ts', `export { a } from '../cluster/apply.ts';`],
    ['the same in an export of everything', 'compiler/x.ts', `export * from '../cluster/apply.ts';`],
    ['the same imported later', 'compiler/x.ts', `const a = await import('../cluster/apply.ts');`],
    ['the same inside a type', 'compiler/x.ts', `type A = import('../cluster/apply.ts').A;`],
    ['the same in a test', 'compiler/x.test.ts', `import { a } from '../cluster/apply.ts';`],
    ['the same from a subfolder', 'compiler/rules/x.ts', `import { a } from '../../cluster/apply.ts';`],
    ['a simulator that talks to a cluster', 'simulator/x.ts', `import { a } from '../cluster/apply.ts';`],
    ['a cluster that knows firewalls', 'cluster/x.ts', `import { KIND } from '../api/schema.ts';`],
    ['a cluster that knows Calico', 'cluster/x.ts', `import { a } from '../calico/types.ts';`],
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
    ['a layer without a place', 'helpers/x.ts', `import { a } from '../net/cidr.ts';`],
  ])('%s', (_what, file, code) => {
    expect(lint(file, code)).toHaveLength(1);
  });

  test('with a message that says what is allowed', () => {
    expect(lint('compiler/x.ts', `import { a } from '../cluster/apply.ts';`)).toEqual([
      'compiler may not import cluster: imports point downwards only; compiler imports calico, api, net',
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
  ])('%s', (_what, file, code) => {
    expect(lint(file, code)).toEqual([]);
  });
});

test('no two layers import each other', () => {
  const cycles = Object.entries(LAYERS).flatMap(([name, layer]) =>
    layer.layers
      .filter((other) => LAYERS[other]?.layers.includes(name))
      .map((other) => `${name} and ${other}`),
  );
  expect(cycles).toEqual([]);
});
