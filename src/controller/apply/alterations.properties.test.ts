/** Whatever the API server makes of one field that decides, of any object of ours: it is noticed and named. */
import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import type { Group, Spec } from '../../api/schema.ts';
import type { GeneratedObject } from '../../calico/types.ts';
import type { KubernetesObject } from '../../cluster/resource.ts';
import type { FakeApiServer } from '../../cluster/testing/fake-api-server.ts';
import { compile } from '../../compiler/compile.ts';
import { firewall, web } from '../../compiler/testing/examples.ts';
import { clusterWith, namespace } from '../../compiler/testing/inventories.ts';
import type { DesiredObject } from '../../compiler/types.ts';
import { isRecord } from '../../json.ts';
import { contentHash, desiredHash } from '../objects/content-hash.ts';
import { generatedKinds, kindResource } from '../objects/kinds.ts';
import { projectLive } from '../objects/live.ts';
import { applyStep } from '../plan/step.ts';
import { calicoServer, namespaceObject, NAMESPACES } from '../testing/calico-server.ts';
import { writeObject, type Written } from './write.ts';

const team: Group = {
  ...web,
  isolation: 'SameNamespace',
  egress: [
    {
      name: 'office',
      pods: {},
      to: [{ ipBlock: { cidr: '198.51.100.0/24', except: ['198.51.100.7/32'] } }],
      ports: ['443', '8000-8080/UDP'],
    },
  ],
};
const spec: Partial<Spec> = {
  peers: [{ name: 'office', cidrs: ['198.51.100.0/24', '2001:db8::/32'] }],
  guardrails: [{ name: 'no-corp', pods: {}, to: [{ ipBlock: { cidr: '172.16.0.0/12' } }], ports: ['All'] }],
  namespaces: [team, { ...team, name: 'shop', namespaces: ['shop'], mode: 'Observe' }],
  nodes: {
    mode: 'Enforce',
    zones: [{ name: 'trusted', from: [{ peer: 'office' }], allow: { ports: [22, 80] } }],
  },
};

/** Without empty sets: whether their list is there has no meaning (content-hash.ts). */
const OBJECTS: readonly DesiredObject[] = compile(
  [firewall(spec)],
  clusterWith({ namespaces: ['blog', 'shop', 'kube-system'].map((name) => namespace(name)) }),
).objects.filter(({ object }) => !('nets' in object.spec) || object.spec.nets.length > 0);

type Path = readonly (string | number)[];

/** All that an object has below a path, and the path itself. */
const pathsIn = (value: unknown, path: Path): readonly Path[] => [
  path,
  ...(Array.isArray(value)
    ? value.flatMap((each, index) => pathsIn(each, [...path, index]))
    : isRecord(value)
      ? Object.entries(value).flatMap(([key, each]) => pathsIn(each, [...path, key]))
      : []),
];

const at = (value: unknown, path: Path): unknown =>
  path.reduce<unknown>((inner, key) => (inner as Readonly<Record<string | number, unknown>>)[key], value);

/** The value with another one at the path; undefined: without it. */
function changed(value: unknown, [key, ...rest]: Path, now: unknown): unknown {
  if (key === undefined) return now;
  if (Array.isArray(value)) {
    const list: readonly unknown[] = value;
    return list.flatMap((each, index) => {
      if (index !== key) return [each];
      const other = changed(each, rest, now);
      return other === undefined ? [] : [other];
    });
  }
  const fields = isRecord(value) ? value : {};
  const other = changed(fields[key], rest, now);
  const left = Object.entries(fields).filter(([each]) => each !== key);
  return Object.fromEntries(other === undefined ? left : [...left, [key, other]]);
}

/** Fields that Calico has and our objects mostly lack, and two that nobody knows. */
const FIELDS = [
  'source',
  'destination',
  'serviceAccountSelector',
  'notNets',
  'notPorts',
  'notSelector',
  'serviceAccounts',
  'doNotTrack',
  'preDNAT',
  'applyOnForward',
  'performanceHints',
  'http',
  'icmp',
  'expectedIPs',
  'later',
  '__proto__',
];
const LABELS = ['clusterfirewall.io/set', 'clusterfirewall.io/other', 'projectcalico.org/tier'];
const values: fc.Arbitrary<unknown> = fc.oneof(
  fc.constantFrom('!all()', 'Deny', 'Egress', '0.0.0.0/0', '', 0, 1, true, false, null),
  fc.constantFrom({}, [], ['0.0.0.0/0'], ['x', 'y'], { nets: [] }, [{ action: 'Allow' }]),
  fc.string(),
);

interface Change {
  readonly desired: DesiredObject;
  readonly path: Path;
  /** Undefined: the field is taken away. */
  readonly now: unknown;
}

const inSpec = ({ object }: DesiredObject): readonly Path[] => pathsIn(object.spec, ['spec']);
/** Labels and annotations that are ours to decide. */
const inMetadata = ({ object }: DesiredObject): readonly Path[] => [
  ...(['labels', 'annotations'] as const).flatMap((field) =>
    Object.keys(object.metadata[field] ?? {}).map((key) => ['metadata', field, key]),
  ),
  ...LABELS.map((key) => ['metadata', 'labels', key]),
  ['metadata', 'annotations', 'clusterfirewall.io/other'],
];
const moreInSpec = (desired: DesiredObject): readonly Path[] =>
  inSpec(desired)
    .filter((path) => isRecord(at(desired.object, path)))
    .flatMap((path) => FIELDS.map((field) => [...path, field]));

const isSame = (a: unknown, b: unknown): boolean => JSON.stringify(a) === JSON.stringify(b);
/** Such as the empty source that Calico's API server fills in. */
const isMeaningless = ({ desired, path, now }: Change): boolean => {
  const last = path.at(-1) ?? '';
  const around = at(desired.object, path.slice(0, -1)) ?? {};
  const was = Object.hasOwn(around, last) ? at(desired.object, path) : undefined;
  const isEnd = last === 'source' || last === 'destination';
  return isSame(was, now) || (isEnd && was === undefined && isSame(now, {}));
};

const oneOf = (
  paths: (desired: DesiredObject) => readonly Path[],
  now: fc.Arbitrary<unknown>,
): fc.Arbitrary<Change> =>
  fc
    .constantFrom(...OBJECTS)
    .chain((desired) =>
      fc.record({ desired: fc.constant(desired), path: fc.constantFrom(...paths(desired)), now }),
    )
    .filter((change) => !isMeaningless(change));

const change: fc.Arbitrary<Change> = fc.oneof(
  oneOf(inSpec, fc.oneof(fc.constant(undefined), values)),
  oneOf(moreInSpec, values),
  oneOf(inMetadata, fc.option(fc.string(), { nil: undefined })),
);

const textOf = (path: Path): string =>
  path
    .map((key, index) => {
      if (typeof key === 'number') return `[${String(key)}]`;
      if (!/^[A-Za-z]+$/.test(key)) return `[${JSON.stringify(key)}]`;
      return index === 0 ? key : `.${key}`;
    })
    .join('');

function serverWith(desired: DesiredObject, alter: FakeApiServer['fill']): FakeApiServer {
  const server = calicoServer();
  const { namespace: name } = desired.object.metadata;
  if (name !== undefined) server.put(NAMESPACES, namespaceObject(name));
  server.fill = alter;
  return server;
}

async function write(server: FakeApiServer, desired: DesiredObject): Promise<Written> {
  const { kind } = desired.object;
  const [stored] = server.collection(kindResource(kind)).objects().values();
  const live = stored === undefined ? undefined : projectLive(kind, new Set([stored.metadata.uid]))(stored);
  return writeObject(server, applyStep(desired, live?.ours === true ? live : undefined));
}

test('the objects of this test are of every kind', () => {
  const kinds = new Set<GeneratedObject['kind']>(OBJECTS.map(({ object }) => object.kind));
  expect([...kinds].sort()).toEqual([...generatedKinds].sort());
});

test('a change that the server makes of a field that decides is named, and taken back when the server stops', async () => {
  await fc.assert(
    fc.asyncProperty(change, async ({ desired, path, now }) => {
      const server = serverWith(desired, (object) => changed(object, path, now) as KubernetesObject);
      const place = textOf(path);
      const first = await write(server, desired);
      const named = first.altered.some((field) => field.startsWith(place) || place.startsWith(field));
      expect({ place, named, altered: first.altered }).toMatchObject({ named: true });
      server.fill = (object) => object;
      const { altered, stored } = await write(server, desired);
      expect([altered, contentHash(stored)]).toEqual([[], desiredHash(desired.object)]);
    }),
  );
});
