/**
 * An ESLint rule: what each room of src may import. A room is a folder or a file that ROOMS lists. Imports
 * point downwards only, I/O stays at the edge, and the compiler and everything under it stay pure
 * (docs/decisions/0001-pure-compiler.md).
 */
import path from 'node:path';
import type { Rule } from 'eslint';

interface Room {
  /**
   * Other rooms that it may import; a room may always import itself. Seen from outside, the name of a folder
   * stands for everything in it; seen from inside that folder, for the files that lie directly in it.
   */
  readonly rooms: readonly string[];
  /** Packages and Node's own modules that it may import, or all but those that belong to another room. */
  readonly packages: readonly string[] | 'all';
}

const WORDS = ['inventory', 'calico', 'api', 'net', 'json'];
const pure = (...rooms: readonly string[]): Room => ({ rooms, packages: ['node:crypto'] });
const edge = (...rooms: readonly string[]): Room => ({ rooms, packages: 'all' });

/**
 * The floors of a house, from the bottom to the top: each may import those named before it, and the rooms
 * `below`.
 */
const floors = (
  make: (...rooms: readonly string[]) => Room,
  house: string,
  names: readonly string[],
  below: readonly string[],
): Readonly<Record<string, Room>> => {
  const rooms = names.map((name) => `${house}/${name}`);
  return Object.fromEntries(rooms.map((room, index) => [room, make(...rooms.slice(0, index), ...below)]));
};

const CONTROLLER_FLOORS = ['objects', 'observe', 'plan', 'apply', 'gate', 'nodes', 'report', 'metrics'];
const UNDER_CONTROLLER = ['openings', 'assertions', 'questions', 'compiler', 'cluster', ...WORDS];

/**
 * From the bottom to the top. A file belongs to the room with the longest matching name; a file without a
 * room is refused.
 */
export const ROOMS: Readonly<Record<string, Room>> = {
  json: { rooms: [], packages: [] },
  net: { rooms: [], packages: [] },
  api: { rooms: ['net', 'json'], packages: ['zod'] },
  calico: { rooms: ['net'], packages: [] },
  'calico/read': { rooms: ['calico', 'net', 'json'], packages: [] },
  inventory: pure('calico', 'net', 'json'),
  simulator: pure('calico/read', 'calico', 'net', 'json'),
  snapshot: pure('json'),
  importing: { rooms: ['calico/read', 'calico', 'api', 'net', 'json'], packages: [] },
  flowlogs: pure('calico/read', 'net', 'json'),

  compiler: pure(...WORDS),
  ...floors(
    pure,
    'compiler',
    ['namespaces', 'foreign', 'flows', 'nodes', 'pods', 'no-ops', 'compile'],
    ['compiler', ...WORDS],
  ),

  questions: pure('compiler', 'simulator', 'calico/read', ...WORDS),
  assertions: pure('questions', 'compiler', 'simulator', 'calico/read', ...WORDS),
  openings: pure('assertions', 'questions', 'compiler', 'simulator', 'calico/read', ...WORDS),
  page: { rooms: [], packages: [] },
  traffic: pure('questions', 'compiler', 'simulator', 'flowlogs', 'calico/read', ...WORDS),
  suggest: pure('traffic', 'questions', 'compiler', 'simulator', ...WORDS),

  cluster: edge('json'),
  ...floors(edge, 'cluster', ['http', 'objects', 'informer'], ['cluster', 'json']),
  'cluster/leader': edge('cluster/objects', 'cluster/http', 'cluster', 'json'),

  ...floors(edge, 'controller', CONTROLLER_FLOORS, UNDER_CONTROLLER),
  controller: edge(...CONTROLLER_FLOORS.map((floor) => `controller/${floor}`), ...UNDER_CONTROLLER),

  serving: edge('cluster', 'json'),
  operator: edge('controller', 'serving', 'compiler', 'cluster', ...WORDS),
  inspect: edge('controller', 'compiler', 'cluster', ...WORDS),
  removal: edge('inspect', 'controller', 'compiler', 'cluster', ...WORDS),
  cli: edge(
    'operator',
    'removal',
    'inspect',
    'serving',
    'page',
    'suggest',
    'traffic',
    'flowlogs',
    'assertions',
    'questions',
    'importing',
    'compiler',
    'simulator',
    'snapshot',
    'cluster',
    ...WORDS,
  ),
  main: edge('cli'),
  start: edge(),
};

/** Packages that only these rooms may import. */
const OWNERS: Readonly<Record<string, readonly string[]>> = {
  '@dot-i/k8s-operator': ['operator'],
  '@kubernetes/client-node': ['cluster', 'operator'],
  undici: ['cluster', 'operator'],
  zod: ['api'],
  commander: ['cli', 'main'],
};

const SRC = path.resolve(import.meta.dirname, '../src');
/** Tests, and the folders with what they share. */
const isTest = (file: string): boolean => /\.test\.ts$|\/testing\//.test(file);
/** The uppermost folder: `controller` of `controller/plan`. */
const houseOf = (room: string): string => room.split('/', 1)[0] ?? room;

export const layersRule: Rule.RuleModule = {
  meta: { type: 'problem', schema: [], messages: { layer: '{{reason}}' } },
  create(context) {
    const from = placeOf(context.filename);
    const check = (source: unknown, node: Rule.Node): void => {
      if (from === undefined || typeof source !== 'string') return;
      const reason = source.startsWith('.')
        ? wrongRoom(context.filename, path.resolve(path.dirname(context.filename), source))
        : wrongPackage(context.filename, source);
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

/** Path of a file in src without its ending; undefined elsewhere. */
function placeOf(file: string): string | undefined {
  const relative = path.relative(SRC, file);
  return relative.startsWith('..') ? undefined : relative.replace(/(\.test)?\.ts$/, '');
}

/** The room of a file in src; where it has none, its folder. */
function roomOf(file: string): string | undefined {
  let place = placeOf(file);
  if (place === undefined) return undefined;
  const house = houseOf(place);
  while (place !== house && ROOMS[place] === undefined) place = path.dirname(place);
  return place;
}

function wrongRoom(file: string, imported: string): string | undefined {
  const [from, to] = [roomOf(file), roomOf(imported)];
  if (from === undefined) return undefined;
  if (to === undefined) return `${from} imports from outside src: what it needs belongs into src`;
  const room = ROOMS[from];
  if (room === undefined) return `src/${from} is no known room: give it its place in hack/layers.ts`;
  if (isTest(file)) return mayTest(from, to) ? undefined : `tests of ${from} may not import ${to}`;
  if (isTest(imported)) return `${from} may not import ${to}/testing: only tests do`;
  if (to === from || room.rooms.some((allowed) => covers(allowed, from, to))) return undefined;
  const allowed = room.rooms.length > 0 ? room.rooms.join(', ') : 'no other room';
  return `${from} may not import ${to}: imports point downwards only; ${from} imports ${allowed}`;
}

const covers = (allowed: string, from: string, to: string): boolean =>
  allowed === to || (to.startsWith(`${allowed}/`) && houseOf(from) !== allowed);

/** A test may import whatever its whole house may, and ask the simulator for Felix's verdict. */
const mayTest = (from: string, to: string): boolean =>
  houseOf(from) === houseOf(to) ||
  (['compiler', 'controller'].includes(houseOf(from)) && ['simulator', 'calico/read'].includes(to)) ||
  Object.entries(ROOMS).some(
    ([name, { rooms }]) =>
      houseOf(name) === houseOf(from) && rooms.some((allowed) => covers(allowed, from, to)),
  );

function wrongPackage(file: string, specifier: string): string | undefined {
  const from = roomOf(file) ?? '';
  const name = specifier.startsWith('@')
    ? specifier.split('/', 2).join('/')
    : (specifier.split('/', 1)[0] ?? '');
  const owners = OWNERS[name];
  if (owners !== undefined && !owners.includes(houseOf(from))) {
    return `only ${owners.join(' and ')} may import ${name}`;
  }
  const packages = ROOMS[from]?.packages;
  if (packages === undefined) return `src/${from} is no known room: give it its place in hack/layers.ts`;
  // Tests read golden files and bring fast-check; the code they test does not.
  if (isTest(file) || packages === 'all' || packages.includes(name)) return undefined;
  return `${from} is pure and may not import ${name}: no I/O, no clock, no packages but ${packages.join(', ') || 'none'}`;
}
