/**
 * An ESLint rule: what each folder of src may import. Imports point downwards only, I/O stays at the edge, and the compiler
 * and everything under it stay pure (docs/decisions/0001-pure-compiler.md).
 */
import path from 'node:path';
import type { Rule } from 'eslint';

interface Layer {
  /** Other layers that it may import; a layer may always import itself. */
  readonly layers: readonly string[];
  /** Packages and Node's own modules that it may import, or all but those that belong to another layer. */
  readonly packages: readonly string[] | 'all';
}

const HASH = 'node:crypto';

/** A layer is a folder of src, or a file directly in it. What is not listed here has no place yet, and is refused. */
export const LAYERS: Readonly<Record<string, Layer>> = {
  net: { layers: [], packages: [] },
  api: { layers: ['net'], packages: ['zod'] },
  calico: { layers: ['net'], packages: [] },
  compiler: { layers: ['calico', 'api', 'net'], packages: [HASH] },
  simulator: { layers: ['calico', 'api', 'net'], packages: [HASH] },
  cluster: { layers: [], packages: 'all' },
  controller: { layers: ['compiler', 'simulator', 'cluster', 'calico', 'api', 'net'], packages: 'all' },
  operator: { layers: ['controller', 'cluster', 'calico', 'api', 'net'], packages: 'all' },
  cli: { layers: ['operator', 'compiler', 'simulator', 'cluster', 'calico', 'api', 'net'], packages: 'all' },
  main: { layers: ['cli'], packages: 'all' },
};

/** Packages that only these layers may import. */
const OWNERS: Readonly<Record<string, readonly string[]>> = {
  '@dot-i/k8s-operator': ['operator'],
  '@kubernetes/client-node': ['cluster', 'operator'],
  undici: ['cluster', 'operator'],
  zod: ['api'],
  commander: ['cli', 'main'],
};

const SRC = path.resolve(import.meta.dirname, '../src');

export const layersRule: Rule.RuleModule = {
  meta: { type: 'problem', schema: [], messages: { layer: '{{reason}}' } },
  create(context) {
    const from = layerOf(context.filename);
    const isTest = /\.test\.ts$|\/testing\//.test(context.filename);
    const check = (source: unknown, node: Rule.Node): void => {
      if (from === undefined || typeof source !== 'string') return;
      const reason = source.startsWith('.')
        ? wrongLayer(from, path.resolve(path.dirname(context.filename), source))
        : wrongPackage(from, source, isTest);
      if (reason !== undefined) context.report({ node, messageId: 'layer', data: { reason } });
    };
    return {
      ImportDeclaration: (node) => {
        check(node.source.value, node);
      },
      ExportNamedDeclaration: (node) => {
        check(node.source?.value, node);
      },
      ExportAllDeclaration: (node) => {
        check(node.source.value, node);
      },
      ImportExpression: (node) => {
        check(node.source.type === 'Literal' ? node.source.value : undefined, node);
      },
      // `import('./x.ts').T` in a type, which ESLint's own syntax tree does not know.
      'TSImportType > Literal': (node: Rule.Node) => {
        check(node.type === 'Literal' ? node.value : undefined, node);
      },
    };
  },
};

/** The layer of a file in src; undefined elsewhere. */
function layerOf(file: string): string | undefined {
  const relative = path.relative(SRC, file);
  if (relative.startsWith('..')) return undefined;
  return relative.split(path.sep)[0]?.replace(/(\.test)?\.ts$/, '');
}

function wrongLayer(from: string, file: string): string | undefined {
  const to = layerOf(file);
  if (to === from) return undefined;
  if (to === undefined) return `${from} imports from outside src: what it needs belongs into src`;
  const layer = LAYERS[from];
  if (layer === undefined) return `src/${from} is no known layer: give it its place in hack/layers.ts`;
  if (layer.layers.includes(to)) return undefined;
  const allowed = layer.layers.length > 0 ? layer.layers.join(', ') : 'no other layer';
  return `${from} may not import ${to}: imports point downwards only; ${from} imports ${allowed}`;
}

function wrongPackage(from: string, specifier: string, isTest: boolean): string | undefined {
  const name = specifier.startsWith('@')
    ? specifier.split('/', 2).join('/')
    : (specifier.split('/', 1)[0] ?? '');
  const owners = OWNERS[name];
  if (owners !== undefined && !owners.includes(from)) {
    return `only ${owners.join(' and ')} may import ${name}`;
  }
  const packages = LAYERS[from]?.packages;
  if (packages === undefined) return `src/${from} is no known layer: give it its place in hack/layers.ts`;
  // Tests read golden files and bring fast-check; the code they test does not.
  if (isTest || packages === 'all' || packages.includes(name)) return undefined;
  return `${from} is pure and may not import ${name}: no I/O, no clock, no packages but ${packages.join(', ') || 'none'}`;
}
