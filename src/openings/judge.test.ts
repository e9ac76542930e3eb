import { describe, expect, test } from '@jest/globals';
import type { Spec } from '../api/schema.ts';
import { inForce } from '../assertions/in-force.ts';
import { compile } from '../compiler/compile.ts';
import { clusterWith, namespace } from '../compiler/testing/inventories.ts';
import { parseCidr, type Cidr } from '../net/cidr.ts';
import { storedWorld } from '../questions/world.ts';
import { calico, namespace as stored, policy } from '../simulator/testing/objects.ts';
import { judgeOpenings } from './judge.ts';
import type { OpeningJudgement } from './types.ts';

const NAMESPACES = { blog: { team: 'a' }, bank: { team: 'b' }, 'kube-system': {} };
const LACKS = ['Pod', 'ServiceAccount', 'EndpointSlice'];
const POOL = [parseCidr('10.244.0.0/16')];
const THEIRS = 'GlobalNetworkPolicy/theirs';

/** The rule lets pods in that have `app=web`, and the office. */
const spec: Spec = {
  mode: 'Enforce',
  defaults: { exempt: { names: ['kube-system'] } },
  peers: [{ name: 'office', cidrs: ['198.51.100.0/24'] }],
  namespaces: [
    {
      name: 'blog',
      namespaces: ['blog'],
      ingress: [
        {
          name: 'db',
          pods: { matchLabels: { app: 'db' } },
          from: [{ pods: { podSelector: { matchLabels: { app: 'web' } } } }],
          ports: [5432],
        },
        {
          name: 'site',
          pods: { matchLabels: { app: 'web' } },
          from: [{ peer: 'office' }],
          ports: ['8000-8999'],
        },
      ],
    },
  ],
};

interface Given {
  readonly objects: readonly object[];
  readonly spec?: Partial<Spec>;
  readonly lacks?: readonly string[];
  readonly asked?: readonly string[];
  readonly podNets?: readonly Cidr[] | 'any';
  readonly cases?: { readonly each: number; readonly all: number };
}

function judged({ objects, spec: more = {}, lacks = LACKS, asked = [THEIRS], cases, podNets = POOL }: Given) {
  const labelled = Object.entries(NAMESPACES).map(([name, labels]) => ({
    name,
    labels: { ...labels, 'kubernetes.io/metadata.name': name },
  }));
  const others = storedWorld(
    [
      ...labelled.map(({ name, labels }) => stored(name, labels)),
      calico('IPPool', 'pool', { cidr: '10.244.0.0/16' }),
      ...objects,
    ],
    lacks,
  );
  const inventory = clusterWith({
    namespaces: labelled.map(({ name, labels }) => namespace(name, labels)),
  });
  const compilation = compile([{ metadata: { name: 'default' }, spec: { ...spec, ...more } }], inventory);
  const world = inForce(others, [], compilation);
  const worlds = { others, inForce: world, services: { named: undefined } };
  return judgeOpenings({ ...worlds, podNets: podNets === 'any' ? undefined : podNets }, asked, cases);
}

const about = (theirs: object, given: Partial<Given> = {}): OpeningJudgement | undefined =>
  judged({ objects: [policy('theirs', theirs)], ...given }).get(THEIRS);

const NOTHING = { is: 'Nothing' };
const UNDECIDED = { is: 'Undecided' };
const opens = (example: string) => ({ is: 'Opens', example });
const from = (source: object, ports?: readonly (number | string)[]) => ({
  action: 'Allow',
  protocol: 'TCP',
  source,
  ...(ports !== undefined && { destination: { ports } }),
});
const OFFICE = { nets: ['198.51.100.0/25'] };
const WEB = { selector: "app == 'web'", namespaceSelector: "team == 'a'" };
const site = (ports: readonly (number | string)[], source: object = OFFICE) => ({
  ...WEB,
  ingress: [from(source, ports)],
});

describe('an object opens nothing', () => {
  test.each<[string, object]>([
    ['where a rule of the firewall allows the same', site(['8080:8090'])],
    ['where it denies and passes before another tier', { selector: 'all()', ingress: [{ action: 'Deny' }] }],
    [
      'where it allows what pods of one namespace may do anyway',
      {
        selector: "app == 'db' && projectcalico.org/namespace == 'blog'",
        ingress: [
          from({ selector: "app == 'web'", namespaceSelector: "projectcalico.org/name == 'blog'" }, [5432]),
        ],
      },
    ],
    [
      'where it selects pods that the firewall leaves alone',
      { namespaceSelector: "kubernetes.io/metadata.name == 'kube-system'", ingress: [from({})] },
    ],
  ])('%s', (_, theirs) => {
    expect(about({ types: ['Ingress'], ...theirs })).toEqual(NOTHING);
  });
});

describe('an object opens a flow, which is named', () => {
  test.each<[string, object, string]>([
    ['one more port', site([8080, 9000]), '198.51.100.0 to blog/[app=web], 9000/TCP'],
    [
      'one more address',
      site([8080], { nets: ['198.51.100.0/23'] }),
      '198.51.101.0 to blog/[app=web], 8080/TCP',
    ],
    [
      'other pods',
      { ...site([8080]), selector: "app in {'web', 'api'}" },
      '198.51.100.0 to blog/[app=api], 8080/TCP',
    ],
    [
      'other namespaces',
      { selector: "app == 'web'", ingress: [from(OFFICE, [8080])] },
      '198.51.100.0 to bank/[app=web], 8080/TCP',
    ],
    [
      'pass',
      { selector: "app == 'web'", ingress: [{ ...from(OFFICE, [9000]), action: 'Pass' }] },
      '198.51.100.0 to blog/[app=web], 9000/TCP',
    ],
  ])('%s', (_, theirs, example) => {
    expect(about({ types: ['Ingress'], ...theirs })).toEqual(opens(example));
  });

  test('between pods only where both ends let it pass', () => {
    const ingress = {
      selector: "app == 'db'",
      types: ['Ingress'],
      ingress: [from({ selector: "app == 'api'" })],
    };
    expect(about(ingress)).toEqual(UNDECIDED);
    expect(about(ingress, { spec: { defaults: { deny: 'Ingress' } } })).toMatchObject({ is: 'Opens' });
  });
});

test('pods that only a rule of the firewall tells apart are judged apart', () => {
  const isIn = (app: string) => ({
    selector: `app == '${app}'`,
    namespaceSelector: "projectcalico.org/name == 'blog'",
  });
  const ingress = [
    {
      name: 'db',
      pods: { matchLabels: { app: 'db' } },
      from: [{ pods: { podSelector: { matchLabels: { app: 'job' } } } }],
      ports: [5432],
    },
  ];
  const ofApps = (values: string): OpeningJudgement | undefined =>
    judged({
      spec: { namespaces: [{ name: 'blog', namespaces: ['blog'], ingress }] },
      objects: [
        policy('theirs', {
          selector: `app in {${values}} && projectcalico.org/namespace == 'blog'`,
          types: ['Ingress'],
          ingress: [from(isIn('job'), [5432])],
        }),
      ],
    }).get(THEIRS);
  expect(ofApps("'db'")).toEqual(NOTHING);
  // The policy of the firewall selects both, because it has the rules of both ends.
  expect(ofApps("'db', 'job'")).toEqual(UNDECIDED);
});

describe('an object that nobody can judge stays', () => {
  test.each<[string, object, Partial<Given>]>([
    ['a tier of others comes before ours and does not exist', { ...site([8080]), tier: 'gone' }, {}],
    [
      'a set wears our labels',
      site([8080]),
      {
        objects: [
          policy('theirs', { types: ['Ingress'], ...site([8080]) }),
          {
            ...calico('GlobalNetworkSet', 'posing', { nets: ['192.0.2.0/24'] }),
            metadata: { name: 'posing', labels: { 'projectcalico.org/namespace': 'blog' } },
          },
        ],
      },
    ],
    [
      'there is a policy of others in our tier',
      site([8080]),
      {
        objects: [
          policy('theirs', { types: ['Ingress'], ...site([8080]) }),
          policy('clusterfirewall.x', {
            tier: 'clusterfirewall',
            selector: 'all()',
            ingress: [{ action: 'Pass' }],
          }),
        ],
      },
    ],
    ['namespaces are not known', site([8080]), { lacks: [...LACKS, 'Namespace'] }],
    ['it is about labels of ServiceAccounts', { ...site([8080]), serviceAccountSelector: "role == 'x'" }, {}],
    ['it looks into values', { ...site([8080]), selector: "app starts with 'web' && app == 'web'" }, {}],
    ['there are too many cases', site([8080]), { cases: { each: 10, all: 1000 } }],
    ['any address may be one of a pod', site([8080]), { podNets: 'any' }],
    ['it cannot be read', { ...site([8080]), selector: '((' }, {}],
  ])('%s', (_, theirs, given) => {
    expect(about({ types: ['Ingress'], ...theirs }, given)).toEqual(UNDECIDED);
  });

  test('of another kind', () => {
    const asked = ['Tier/security', 'BaselineAdminNetworkPolicy/default', 'GlobalNetworkSet/x', THEIRS];
    expect([...judged({ objects: [], asked })]).toEqual(asked.map((each) => [each, UNDECIDED]));
  });
});
