import { describe, expect, test } from '@jest/globals';
import type { Spec } from '../../api/schema.ts';
import { readAdminPolicy } from '../../inventory/admin-policies.ts';
import { readGlobalNetworkPolicy } from '../../inventory/calico.ts';
import type { ForeignPolicyInfo, Inventory, TierInfo } from '../../inventory/types.ts';
import { compile } from '../compile.ts';
import { clusterWith, namespace } from '../testing/inventories.ts';
import type { Opening } from '../types.ts';

const ALLOW = [{ action: 'Allow' }];
const EVERYTHING = { selector: 'all()', ingress: ALLOW, egress: ALLOW };
const policy = (spec: object, name = 'theirs'): ForeignPolicyInfo =>
  readGlobalNetworkPolicy({ metadata: { name }, spec });
const tier = (name: string, order: number, defaultAction = 'Deny'): TierInfo => ({
  name,
  order,
  defaultAction,
});
const DEFAULT = tier('default', 1_000_000);

const openings = (inventory: Partial<Inventory>, spec: Partial<Spec> = {}): readonly Opening[] =>
  compile(
    [{ metadata: { name: 'default' }, spec: { mode: 'Enforce', ...spec } }],
    clusterWith({ foreignTiers: [DEFAULT], ...inventory }),
  ).foreign?.openings ?? [];
const named = (inventory: Partial<Inventory>, spec?: Partial<Spec>): readonly string[] =>
  openings(inventory, spec).map(({ object, opens }) => `${object}: ${opens}`);

const FIRST = 'before guardrails and the default deny';
const THEIRS = 'GlobalNetworkPolicy/theirs';

test('nothing is said where nobody opens anything', () => {
  expect(openings({})).toEqual([]);
});

describe('a tier that is not ours', () => {
  const with_ = (order: number, spec: object): Partial<Inventory> => ({
    foreignTiers: [DEFAULT, tier('security', order)],
    foreignPolicies: [policy({ tier: 'security', ...spec })],
  });

  test.each<[string, number, string | undefined]>([
    ['before ours', 10, FIRST],
    ['with the order of ours and a later name', 900, 'before the default deny'],
    ['between ours and default', 1000, 'before the default deny'],
    ['after default', 2_000_000, undefined],
    ['with the order of default and a later name', 1_000_000, undefined],
  ])('%s', (_, order, where) => {
    expect(named(with_(order, EVERYTHING))).toEqual(
      where === undefined ? [] : [`${THEIRS}: ingress and egress of pods, ${where} (Tier security)`],
    );
  });

  test('before ours counts in both directions, because guardrails do', () => {
    expect(named(with_(10, EVERYTHING), { defaults: { deny: 'Ingress' } })).toEqual([
      `${THEIRS}: ingress and egress of pods, ${FIRST} (Tier security)`,
    ]);
    expect(named(with_(1000, EVERYTHING), { defaults: { deny: 'Ingress' } })).toEqual([
      `${THEIRS}: ingress of pods, before the default deny (Tier security)`,
    ]);
  });

  test('with the order of ours and an earlier name comes before it', () => {
    const found = named({
      foreignTiers: [DEFAULT, tier('a', 900)],
      foreignPolicies: [policy({ tier: 'a', ...EVERYTHING })],
    });
    expect(found).toEqual([`${THEIRS}: ingress and egress of pods, ${FIRST} (Tier a)`]);
  });

  // A tier without an order has that of default.
  test('with the order of default and an earlier name comes before it', () => {
    const found = named({
      foreignTiers: [DEFAULT, tier('acme', 1_000_000)],
      foreignPolicies: [policy({ tier: 'acme', ...EVERYTHING })],
    });
    expect(found).toEqual([`${THEIRS}: ingress and egress of pods, before the default deny (Tier acme)`]);
  });

  test('that does not exist may be anywhere', () => {
    const found = named({ foreignPolicies: [policy({ tier: 'gone', ...EVERYTHING })] });
    expect(found).toEqual([`${THEIRS}: ingress and egress of pods, ${FIRST} (Tier gone)`]);
  });

  test('is silent where its policies deny or pass', () => {
    expect(
      named(with_(10, { selector: 'all()', ingress: [{ action: 'Pass' }, { action: 'Deny' }] })),
    ).toEqual([]);
    expect(named({ foreignTiers: [DEFAULT, tier('security', 10, 'Pass')] })).toEqual([]);
  });

  test('whose policies may not be read is named', () => {
    const unseen = (order: number) =>
      openings({ foreignTiers: [DEFAULT, tier('security', order)], unseenTiers: ['security'] });
    expect(unseen(10)).toEqual([
      {
        object: 'Tier/security',
        opens: `anything ${FIRST}: the operator may not read its policies`,
        accepted: false,
        isUnseen: true,
      },
    ]);
    expect(unseen(2_000_000)).toEqual([]);
  });

  test('with NetworkPolicies that allow in namespaces under the deny', () => {
    const inventory = {
      foreignTiers: [DEFAULT, tier('security', 10)],
      tierNamespaces: ['security/blog', 'security/kube-system'],
    };
    expect(named(inventory)).toEqual([`Tier/security: pods in blog through NetworkPolicies, ${FIRST}`]);
    expect(named({ ...inventory, tierNamespaces: ['security/kube-system'] })).toEqual([]);
  });

  test('ours, with a policy of others in it', () => {
    const found = openings(
      { foreignPolicies: [policy({ tier: 'clusterfirewall', ...EVERYTHING })] },
      { acceptForeign: ['Tier/clusterfirewall'] },
    );
    expect(found).toMatchObject([{ object: THEIRS, accepted: false }]);
  });
});

describe('a policy in tier default', () => {
  test.each<[string, object, string | undefined]>([
    ['of order 1', { order: 1, ...EVERYTHING }, 'ingress and egress'],
    ['of order 2000', { order: 2000, ...EVERYTHING }, 'ingress and egress'],
    ['without an order', EVERYTHING, 'ingress and egress'],
    ['that passes', { selector: 'all()', egress: [{ action: 'Pass' }] }, 'egress'],
    ['that denies', { selector: 'all()', egress: [{ action: 'Deny' }] }, undefined],
    [
      'for pods of an exempt namespace',
      { ...EVERYTHING, namespaceSelector: "kubernetes.io/metadata.name == 'kube-system'" },
      undefined,
    ],
    [
      'for pods of an exempt namespace, by their own label',
      { ...EVERYTHING, selector: "projectcalico.org/namespace == 'kube-system'" },
      undefined,
    ],
    [
      'for pods of a namespace under the deny',
      { ...EVERYTHING, namespaceSelector: "projectcalico.org/name == 'blog'" },
      'ingress and egress',
    ],
    ['for some pods', { ...EVERYTHING, selector: "app == 'x'" }, 'ingress and egress'],
    ['for hosts', { ...EVERYTHING, selector: '!has(projectcalico.org/namespace)' }, undefined],
    ['before DNAT, which is about hosts alone', { ...EVERYTHING, preDNAT: true }, undefined],
    ['untracked, which is about hosts alone', { ...EVERYTHING, doNotTrack: true }, undefined],
    ['with a selector that cannot be read', { ...EVERYTHING, selector: 'app =' }, 'ingress and egress'],
  ])('%s', (_, spec, directions) => {
    expect(named({ foreignPolicies: [policy(spec)] })).toEqual(
      directions === undefined ? [] : [`${THEIRS}: ${directions} of pods, before the default deny`],
    );
  });

  test('counts in the directions of the deny', () => {
    const foreignPolicies = [policy(EVERYTHING)];
    const at = (deny: 'Ingress' | 'Egress' | 'None') => named({ foreignPolicies }, { defaults: { deny } });
    expect(at('Ingress')).toEqual([`${THEIRS}: ingress of pods, before the default deny`]);
    expect(at('Egress')).toEqual([`${THEIRS}: egress of pods, before the default deny`]);
    expect(at('None')).toEqual([]);
  });

  test('says nothing where nothing is enforced', () => {
    expect(named({ foreignPolicies: [policy(EVERYTHING)] }, { mode: 'Observe' })).toEqual([]);
  });
});

describe('what comes after tier default', () => {
  const later = {
    foreignTiers: [DEFAULT, tier('late', 2_000_000)],
    foreignPolicies: [policy({ tier: 'late', ...EVERYTHING })],
    adminPolicies: [admin('BaselineAdminNetworkPolicy', 'default', 'Allow')],
  };

  test('opens nothing while that tier ends in Deny', () => {
    expect(named(later)).toEqual([]);
  });

  test.each<[string, Partial<Inventory>]>([
    ['its end passes', { foreignTiers: [tier('default', 1_000_000, 'Pass'), tier('late', 2_000_000)] }],
    [
      'a policy in it passes',
      {
        foreignPolicies: [
          ...later.foreignPolicies,
          policy({ selector: 'all()', ingress: [{ action: 'Pass' }] }, 'pass'),
        ],
      },
    ],
  ])('counts where %s', (_, inventory) => {
    const objects = openings({ ...later, ...inventory }).map(({ object }) => object);
    expect(objects).toContain(THEIRS);
    expect(objects).toContain('BaselineAdminNetworkPolicy/default');
  });
});

test('tier default with another defaultAction than Deny comes first', () => {
  const found = named({
    foreignTiers: [tier('default', 1_000_000, 'Pass'), tier('security', 10)],
    foreignPolicies: [policy({ tier: 'security', ...EVERYTHING })],
  });
  expect(found).toEqual([
    'Tier/default: everything that no policy decides, because its defaultAction is Pass',
    `${THEIRS}: ingress and egress of pods, ${FIRST} (Tier security)`,
  ]);
});

function admin(
  kind: Parameters<typeof readAdminPolicy>[0],
  name: string,
  action: string,
  namespaces: object = {},
) {
  return readAdminPolicy(kind, {
    metadata: { name },
    spec: { subject: { namespaces }, ingress: [{ action }] },
  });
}

describe("policies of Kubernetes' administrators", () => {
  test.each<[string, ReturnType<typeof admin>, boolean]>([
    ['that allow', admin('AdminNetworkPolicy', 'a', 'Allow'), true],
    ['that accept', admin('ClusterNetworkPolicy', 'a', 'Accept'), true],
    ['that pass', admin('AdminNetworkPolicy', 'a', 'Pass'), false],
    [
      'for exempt namespaces',
      admin('AdminNetworkPolicy', 'a', 'Allow', {
        matchLabels: { 'kubernetes.io/metadata.name': 'kube-system' },
      }),
      false,
    ],
  ])('%s', (_, each, opens) => {
    expect(named({ adminPolicies: [each] })).toEqual(
      opens ? [`${each.kind}/a: ingress of pods, before the default deny`] : [],
    );
  });

  test('that cannot be listed are named by their kind', () => {
    const unlistedAdminKinds = ['AdminNetworkPolicy', 'BaselineAdminNetworkPolicy'] as const;
    expect(openings({ unlistedAdminKinds })).toMatchObject([
      { object: 'AdminNetworkPolicy', isUnseen: true },
    ]);
    expect(openings({ unlistedAdminKinds }, { mode: 'Observe' })).toEqual([]);
  });
});

describe('the label of a set', () => {
  const labels = { 'clusterfirewall.io/set': 'nodes' };
  const endpoint = { name: 'h', node: 'elsewhere', labels, automatic: false };

  test('makes addresses of others members of the set', () => {
    const found = named({
      hostEndpoints: [{ ...endpoint, hasAddresses: true }],
      foreignSets: [{ name: 's', labels }],
    });
    expect(found).toEqual([
      'GlobalNetworkSet/s: what rules give to the set "nodes", for its own addresses',
      'HostEndpoint/h: what rules give to the set "nodes", for its own addresses',
    ]);
  });

  test.each(['projectcalico.org/namespace', 'projectcalico.org/orchestrator', 'pcns.role', 'pcsa.role'])(
    'nor does the label %s make them pods without a word',
    (key) => {
      const posing = { [key]: 'x' };
      const opens = 'what rules give to pods whose labels it has, for its own addresses';
      expect(
        named({
          hostEndpoints: [{ ...endpoint, labels: posing, hasAddresses: true }],
          foreignSets: [{ name: 's', labels: posing }],
        }),
      ).toEqual([`GlobalNetworkSet/s: ${opens}`, `HostEndpoint/h: ${opens}`]);
      expect(named({ foreignSets: [{ name: 's', labels: { ...labels, ...posing } }] })).toEqual([
        'GlobalNetworkSet/s: what rules give to the set "nodes" and to pods whose labels it has, for its own addresses',
      ]);
    },
  );

  test('means nothing without addresses, and on automatic endpoints', () => {
    const created = { ...labels, 'projectcalico.org/created-by': 'calico-kube-controllers' };
    const hostEndpoints = [
      endpoint,
      { ...endpoint, labels: created, automatic: true, hasAddresses: true as const },
    ];
    expect(named({ hostEndpoints })).toEqual([]);
  });
});

describe('acceptForeign', () => {
  const inventory = {
    foreignTiers: [DEFAULT, tier('security', 10)],
    foreignPolicies: [policy({ tier: 'security', ...EVERYTHING }), policy(EVERYTHING, 'mine')],
  };
  const accepted = (...acceptForeign: readonly string[]) =>
    openings(inventory, { acceptForeign: [...acceptForeign] }).map((each) => [each.object, each.accepted]);

  test('marks what it names, and puts it last', () => {
    expect(accepted(THEIRS)).toEqual([
      ['GlobalNetworkPolicy/mine', false],
      [THEIRS, true],
    ]);
  });

  test('takes a Tier for its policies on pods', () => {
    expect(accepted('Tier/security')).toContainEqual([THEIRS, true]);
  });

  test('takes Tier/default for its defaultAction, and for no policy in it', () => {
    expect(accepted('Tier/default')).toContainEqual(['GlobalNetworkPolicy/mine', false]);
    const open = openings(
      { foreignTiers: [tier('default', 1_000_000, 'Pass')] },
      { acceptForeign: ['Tier/default'] },
    );
    expect(open).toMatchObject([{ object: 'Tier/default', accepted: true }]);
  });
});

describe('a policy that selects hosts', () => {
  const nodes = { mode: 'Enforce' as const };
  const hosts = { tier: 'security', selector: 'has(clusterfirewall.io/gate)', ingress: ALLOW, preDNAT: true };
  const inventory = { foreignTiers: [DEFAULT, tier('security', 50)], foreignPolicies: [policy(hosts)] };

  test('opens nodes where its tier comes before ours', () => {
    expect(named(inventory, { nodes })).toEqual([`${THEIRS}: nodes, before spec.nodes (Tier security)`]);
    expect(named({ ...inventory, foreignTiers: [DEFAULT, tier('security', 950)] }, { nodes })).toEqual([]);
    expect(named(inventory)).toEqual([]);
  });

  test('is accepted by its own name, not by its tier', () => {
    const with_ = (name: string) => openings(inventory, { nodes, acceptForeign: [name] });
    expect(with_('Tier/security')).toMatchObject([{ accepted: false }]);
    expect(with_(THEIRS)).toMatchObject([{ accepted: true }]);
  });
});

describe('a built-in exempt name', () => {
  const warnings = (inventory: Partial<Inventory>, spec: Partial<Spec> = {}) =>
    compile(
      [{ metadata: { name: 'default' }, spec: { mode: 'Enforce', ...spec } }],
      clusterWith({ namespaces: [namespace('blog'), namespace('tigera-operator')], ...inventory }),
    ).problems.map(({ severity, reason }) => `${severity} ${reason}`);
  const backend = { namespace: 'tigera-operator', service: 'api', port: 443 };

  test('that nothing of Calico speaks for is a warning', () => {
    expect(warnings({ calicoInstallation: false })).toEqual(['warning UnclaimedNamespace']);
  });

  test.each<[string, Partial<Inventory>, Partial<Spec>]>([
    ['an Installation', { calicoInstallation: true }, {}],
    ['nobody knows of Installations', {}, {}],
    [
      "Calico's APIService leads there",
      {
        calicoInstallation: false,
        apiServerBackends: [{ ...backend, because: 'APIService/v3.projectcalico.org' }],
      },
      {},
    ],
    ['APIServices cannot be listed', { calicoInstallation: false, unlistedKinds: ['apiservices'] }, {}],
    ['it does not exist', { calicoInstallation: false, namespaces: [namespace('blog')] }, {}],
    [
      'built-in names are off',
      { calicoInstallation: false },
      { defaults: { exempt: { systemNamespaces: 'None' } } },
    ],
    [
      'the author says it himself',
      { calicoInstallation: false },
      { defaults: { exempt: { names: ['tigera-operator'] } } },
    ],
  ])('is fine where %s', (_, inventory, spec) => {
    expect(warnings(inventory, spec)).not.toContain('warning UnclaimedNamespace');
  });

  test("is not claimed by somebody else's APIService", () => {
    const apiServerBackends = [{ ...backend, because: 'APIService/v1.example.com' }];
    expect(warnings({ calicoInstallation: false, apiServerBackends })).toContain(
      'warning UnclaimedNamespace',
    );
  });
});
