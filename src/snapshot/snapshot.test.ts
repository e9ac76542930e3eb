import { readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { loadAll } from 'js-yaml';
import { isRecord } from '../json.ts';
import { isSnapshot, parseSnapshot, snapshotLines } from './file.ts';
import { SNAPSHOT_KINDS, apiVersionOf } from './kinds.ts';
import { reduce } from './reduce.ts';

const kindOf = (kind: string) => {
  const found = SNAPSHOT_KINDS.find((each) => each.kind === kind);
  if (found === undefined) throw new Error(`no kind ${kind}`);
  return found;
};

describe('a snapshot', () => {
  test('keeps of a pod what decides about packets, and no environment, image, command or annotation', () => {
    const pod = {
      metadata: {
        name: 'web',
        namespace: 'shop',
        labels: { app: 'web' },
        annotations: { secret: 'hunter2' },
        managedFields: [],
      },
      spec: {
        nodeName: 'n1',
        serviceAccountName: 'robot',
        containers: [
          {
            name: 'web',
            image: 'registry.example/web',
            command: ['web', '--token=hunter2'],
            env: [{ name: 'PASSWORD', value: 'hunter2' }],
            ports: [{ name: 'http', containerPort: 80 }],
          },
        ],
        volumes: [{ secret: { secretName: 'x' } }],
      },
      status: { phase: 'Running', podIPs: [{ ip: '10.0.0.1' }], hostIP: '192.0.2.1' },
    };
    expect(reduce(kindOf('Pod'), pod)).toEqual({
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'web', namespace: 'shop', labels: { app: 'web' } },
      spec: {
        nodeName: 'n1',
        serviceAccountName: 'robot',
        containers: [{ ports: [{ name: 'http', containerPort: 80 }] }],
      },
      status: { phase: 'Running', podIPs: [{ ip: '10.0.0.1' }] },
    });
  });

  test('a value of another type is neither kept nor forgotten', () => {
    const odd = {
      metadata: { name: 'x', labels: 7 },
      spec: { containers: { env: 'hunter2' } },
      status: 'odd',
    };
    const text = JSON.stringify(reduce(kindOf('Pod'), odd));
    expect(text).not.toContain('hunter2');
    expect(JSON.parse(text)).toMatchObject({
      metadata: { labels: 7 },
      spec: { containers: 'not of the form that was expected' },
      status: 'odd',
    });
  });

  test('of webhooks it keeps the Services alone', () => {
    const webhooks = [
      { name: 'a', clientConfig: { caBundle: 'Zm9v', service: { namespace: 'x', name: 'y' } } },
    ];
    expect(
      reduce(kindOf('ValidatingWebhookConfiguration'), { metadata: { name: 'w' }, webhooks }),
    ).toMatchObject({
      webhooks: [{ clientConfig: { service: { namespace: 'x', name: 'y' } } }],
    });
  });

  test('comes back as it was written', () => {
    const objects = [{ kind: 'A' }, { kind: 'B', text: 'line\nbreak' }];
    const lacks = [{ kind: 'Pod', because: 'forbidden' }];
    const text = [...snapshotLines(objects, lacks)].join('');
    expect(isSnapshot(text)).toBe(true);
    expect(parseSnapshot(text)).toEqual({
      lacks,
      objects: [
        { value: objects[0], line: 2 },
        { value: objects[1], line: 3 },
      ],
    });
  });

  test.each([
    [
      'cut off between lines',
      (text: string) => text.split('\n').slice(0, 2).join('\n'),
      'has 1 objects, and should have 2',
      1,
    ],
    ['cut off in a line', (text: string) => text.slice(0, -5), 'is no JSON', 3],
    ['of another version', (text: string) => text.replace('v1alpha1', 'v9'), 'another version', 1],
    ['without lacks', (text: string) => text.replace('"lacks"', '"x"'), 'no list "lacks"', 1],
    ['with an odd lack', (text: string) => text.replace('[]', '[1]'), 'without kind and because', 1],
  ])('%s is refused with its line', (_, change, message, line) => {
    const text = change([...snapshotLines([{ a: 1 }, { b: 2 }], [])].join(''));
    expect(() => parseSnapshot(text)).toThrow(
      expect.objectContaining({ line, message: expect.stringContaining(message) }),
    );
  });

  test('manifests are no snapshot', () => {
    expect(isSnapshot('{"apiVersion":"v1","kind":"List","items":[]}')).toBe(false);
  });
});

test('the ClusterRole of config/viewer may list the kinds of a snapshot, and do nothing else', () => {
  const file = path.resolve(import.meta.dirname, '../../config/viewer/role.yaml');
  const [role] = loadAll(readFileSync(file, 'utf8')) as readonly {
    readonly rules: readonly { apiGroups: string[]; resources: string[]; verbs: string[] }[];
  }[];
  const grants = (role?.rules ?? []).flatMap(({ apiGroups, resources, verbs }) =>
    apiGroups.flatMap((group) =>
      resources.flatMap((resource) => verbs.map((verb) => `${verb} ${resource}.${group}`)),
    ),
  );
  const isAboutTiers = (grant: string): boolean =>
    /^list tier\.(?:staged)?(?:global)?networkpolicies\.projectcalico\.org$/.test(grant) ||
    grant === 'get tiers.projectcalico.org';
  const wanted = SNAPSHOT_KINDS.map(({ plural, group }) => `list ${plural}.${group}`);
  expect(grants.filter((grant) => !isAboutTiers(grant)).toSorted()).toEqual(wanted.toSorted());
  expect(grants.filter(isAboutTiers)).toHaveLength(5);
});

test('no two kinds are the same', () => {
  const names = SNAPSHOT_KINDS.map((each) => `${apiVersionOf(each)} ${each.kind}`);
  expect(new Set(names).size).toBe(names.length);
  expect(SNAPSHOT_KINDS.every(({ kept }) => isRecord(kept))).toBe(true);
});
