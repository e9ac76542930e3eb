import { describe, expect, test } from '@jest/globals';
import type { Nodes, Spec } from '../../api/schema.ts';
import { compile } from '../compile.ts';
import { UNKNOWN } from '../../inventory/known.ts';
import type {
  FelixConfigurationInfo,
  ForeignPolicyInfo,
  HostEndpointInfo,
  Inventory,
} from '../../inventory/types.ts';
import type { Compilation } from '../types.ts';
import { clusterWith } from '../testing/inventories.ts';

const edgeZone = {
  name: 'edge',
  from: [{ entity: 'World' as const }],
  allow: { ports: [443] },
  nodeSelector: { matchLabels: { edge: 'true' } },
};
const compiled = (
  inventory: Partial<Inventory>,
  nodes: Partial<Nodes> = {},
  spec: Partial<Spec> = {},
): Compilation =>
  compile(
    [
      {
        metadata: { name: 'default' },
        spec: { mode: 'Enforce', ...spec, nodes: { mode: 'Enforce', zones: [edgeZone], ...nodes } },
      },
    ],
    clusterWith(inventory),
  );
const policy = (
  selector: string,
  namespaceSelector = '',
  ends: ForeignPolicyInfo['ends'] = [],
): ForeignPolicyInfo => ({
  name: 'theirs',
  tier: 'default',
  allows: { ingress: false, egress: false },
  passes: { ingress: false, egress: false },
  isForHostsAlone: false,
  selector,
  namespaceSelector,
  ends,
});

/**
 * A default deny that is widely copied from a blog. It is written for pods, but selects every host endpoint.
 */
const BLOG = policy(
  '',
  'kubernetes.io/metadata.name not in {"calico-system", "kube-public", "kube-system", "tigera-operator"}',
);

describe('a policy of others', () => {
  test.each<[string, ForeignPolicyInfo, boolean]>([
    ['the default deny of the blog', BLOG, true],
    ['the same, guarded', policy('', `has(projectcalico.org/name) && ${BLOG.namespaceSelector}`), false],
    ['everything', policy('all()'), true],
    ['everything, by no selector', policy(''), true],
    ['everything in a namespace', policy('all()', 'all()'), false],
    ['everything in a namespace, negated', policy('!has(projectcalico.org/namespace)', ''), true],
    ['no selector, with a namespaceSelector', policy('', 'all()'), false],
    ['a negative selector', policy("app != 'x'"), true],
    ['a negative selector in a namespace', policy("app != 'x'", 'all()'), false],
    ['all() in a negation, with a negative namespaceSelector', policy('!all()', "role != 'x'"), true],
    ['all(), with a negative namespaceSelector', policy('all()', "role != 'x'"), false],
    ['a label of pods', policy("app == 'x'"), false],
    ['the label of a node that our endpoint carries', policy("edge == 'true'"), true],
    ['a selector that Felix cannot read', policy('app ='), false],
    ['a selector that Felix cannot read, in a namespace', policy('app =', 'all()'), false],
    ['a namespaceSelector that Felix cannot read, and ignores', policy("app != 'x'", 'role ='), true],
  ])('%s', (_, foreign, blocks) => {
    const { nodes, problems } = compiled({ foreignPolicies: [foreign] });
    expect(nodes?.blocked?.reason).toBe(blocks ? 'ForeignPolicySelectsHosts' : undefined);
    expect(problems.map(({ severity, reason }) => `${severity} ${reason}`)).toEqual(
      blocks ? ['warning ForeignPolicySelectsHosts'] : [],
    );
  });

  test('is named with the nodes that it would close, and the remedy', () => {
    const message = compiled({ foreignPolicies: [BLOG] }).nodes?.blocked?.message;
    expect(message).toContain('GlobalNetworkPolicy/theirs would apply to host endpoints of cp1, worker1');
    expect(message).toContain('has(projectcalico.org/name) && …');
    const other = compiled({ foreignPolicies: [policy("edge == 'true'")] }).nodes?.blocked?.message;
    expect(other).toContain('host endpoints of worker1,');
  });

  test.each<[string, ForeignPolicyInfo, (selector: string) => Partial<ForeignPolicyInfo>]>([
    [
      'for pods, without a namespaceSelector',
      policy("app != 'x'"),
      (selector) => ({ selector: `${selector} && has(projectcalico.org/namespace)` }),
    ],
    [
      'for hosts, before DNAT',
      { ...policy('has(edge)'), isForHostsAlone: true },
      (selector) => ({
        selector: `${selector} && !has(clusterfirewall.io/gate) && !has(clusterfirewall.io/lo)`,
      }),
    ],
    [
      'for hosts',
      policy("app != 'x'"),
      (selector) => ({
        selector: `${selector} && !has(clusterfirewall.io/gate) && !has(clusterfirewall.io/lo)`,
      }),
    ],
  ])('%s has a remedy that fits', (_, foreign, mend) => {
    const { selector = '' } = mend('…');
    expect(compiled({ foreignPolicies: [foreign] }).nodes?.blocked?.message).toContain(selector);
    const mended = { ...foreign, ...mend(foreign.selector) };
    expect(compiled({ foreignPolicies: [mended] }).nodes?.blocked).toBeUndefined();
  });

  test('for hosts alone is never narrowed to pods, which would open what it closes', () => {
    const foreign = { ...policy('all()'), isForHostsAlone: true };
    expect(compiled({ foreignPolicies: [foreign] }).nodes?.blocked?.message).not.toMatch(
      /only pods|namespace/,
    );
  });

  test('is accepted where acceptForeign names it', () => {
    const accepted = { acceptForeign: ['GlobalNetworkPolicy/theirs'] };
    expect(compiled({ foreignPolicies: [BLOG] }, {}, accepted).nodes?.blocked).toBeUndefined();
  });

  test('does not stop the compilation: stored objects are kept, and new ones wait', () => {
    const { objects, frozen } = compiled({ foreignPolicies: [BLOG] });
    expect(
      objects.some(({ object }) => object.kind === 'HostEndpoint' && object.spec.interfaceName === '*'),
    ).toBe(true);
    expect(frozen).toEqual([]);
  });

  test('whose rules match sets without a namespaceSelector is reported', () => {
    const end = { selector: '', notSelector: '', namespaceSelector: '' };
    const remarks = (...ends: ForeignPolicyInfo['ends']) =>
      compiled({ foreignPolicies: [policy("app == 'x'", '', ends)] }).nodes?.notes.filter((each) =>
        each.includes('theirs'),
      ).length;
    expect(remarks({ ...end, selector: "app != 'x'" })).toBe(1);
    expect(remarks({ ...end, notSelector: "app != 'x'", namespaceSelector: "role == 'x'" })).toBe(1);
    expect(remarks({ ...end, selector: "app != 'x'", namespaceSelector: 'all()' })).toBe(0);
    expect(remarks({ ...end, selector: "app == 'x'" })).toBe(0);
    for (const set of ['nodes', 'control-plane', 'judged'])
      expect(remarks({ ...end, selector: `clusterfirewall.io/set == '${set}'` })).toBe(1);
    expect(remarks({ ...end, selector: "clusterfirewall.io/set == 'other'" })).toBe(0);
    expect(remarks({ ...end, selector: 'has(app.kubernetes.io/managed-by)' })).toBe(1);
  });
});

test('a policy of others that would end Felix is reported', () => {
  const remarks = (foreign: ForeignPolicyInfo): readonly string[] =>
    (compiled({ foreignPolicies: [foreign] }).nodes?.notes ?? []).filter((each) => each.includes('ICMP'));
  expect(remarks(policy("app == 'x'"))).toEqual([]);
  expect(remarks({ ...policy("app == 'x'"), hasIcmpCode: true })).toEqual([
    expect.stringMatching(/^GlobalNetworkPolicy\/theirs: .* ends Felix of Calico 3\.31\.0 in nftables mode/),
  ]);
});

describe('a policy of others in a tier', () => {
  const tiers = (order: number) => ({ foreignTiers: [{ name: 'security', order, defaultAction: 'Deny' }] });
  const allowing = (selector: string): ForeignPolicyInfo => ({
    ...policy(selector),
    tier: 'security',
    allows: { ingress: true, egress: false },
    isForHostsAlone: true,
  });
  const gate = allowing('has(clusterfirewall.io/gate)');

  test.each<[string, boolean, number, ForeignPolicyInfo, boolean]>([
    ['before ours, on our endpoints', false, 50, gate, true],
    ['before ours, on automatic endpoints', true, 50, gate, true],
    [
      'before ours, on automatic endpoints by the label of a node',
      true,
      50,
      allowing("edge == 'true'"),
      true,
    ],
    ['before ours, on other automatic endpoints', true, 50, allowing("edge == 'no'"), false],
    ['after ours, on automatic endpoints', true, 950, gate, false],
  ])('%s', (_, automaticHostEndpoints, order, foreign, opens) => {
    const { nodes } = compiled({ automaticHostEndpoints, ...tiers(order), foreignPolicies: [foreign] });
    expect(nodes?.openedBy).toEqual(opens ? ['theirs'] : undefined);
    expect(nodes?.blocked?.reason).toBe(opens ? 'ForeignPolicySelectsHosts' : undefined);
    if (opens) expect(nodes?.blocked?.message).toContain('may let in what spec.nodes refuses at');
  });

  test('that only denies is none on automatic endpoints', () => {
    const denying = { ...gate, allows: { ingress: false, egress: true } };
    const { nodes } = compiled({ automaticHostEndpoints: true, ...tiers(50), foreignPolicies: [denying] });
    expect(nodes?.openedBy).toBeUndefined();
  });

  test('on an automatic endpoint with a label of its own', () => {
    const endpoint = { name: 'h', node: 'worker1', labels: { template: 'a' }, automatic: true };
    const { nodes } = compiled({
      automaticHostEndpoints: true,
      ...tiers(50),
      hostEndpoints: [endpoint],
      foreignPolicies: [allowing("template == 'a'")],
    });
    expect(nodes?.openedBy).toEqual(['theirs']);
  });

  test('is accepted by its own name, and not by that of its tier', () => {
    const inventory = { ...tiers(50), foreignPolicies: [gate] };
    const blocked = (name: string) => compiled(inventory, {}, { acceptForeign: [name] }).nodes?.blocked;
    expect(blocked('Tier/security')?.reason).toBe('ForeignPolicySelectsHosts');
    expect(blocked('GlobalNetworkPolicy/theirs')).toBeUndefined();
  });

  test('that may not be read is said, where it comes before ours', () => {
    const notes = (order: number) =>
      compiled({ ...tiers(order), unseenTiers: ['security'] }).nodes?.notes.filter((each) =>
        each.includes('Tier/security'),
      ).length;
    expect([notes(50), notes(950)]).toEqual([1, 0]);
  });
});

test.each([
  { hostEndpoints: 'Managed', automaticHostEndpoints: true, reason: 'EndpointConflict' },
  { hostEndpoints: 'Managed', automaticHostEndpoints: false, reason: undefined },
  { hostEndpoints: 'Auto', automaticHostEndpoints: true, reason: undefined },
  { hostEndpoints: 'Auto', automaticHostEndpoints: false, reason: undefined },
] as const)('endpoints of our own beside automatic ones are a conflict: %j', (each) => {
  const { hostEndpoints, automaticHostEndpoints, reason } = each;
  expect(compiled({ automaticHostEndpoints }, { hostEndpoints }).nodes?.blocked?.reason).toBe(reason);
});

describe('an endpoint of others', () => {
  const NODE_SET = { 'clusterfirewall.io/set': 'nodes' };
  const endpoint = (of: Partial<HostEndpointInfo>): HostEndpointInfo => ({
    name: 'theirs',
    node: 'cp1',
    labels: {},
    automatic: false,
    ...of,
  });

  test.each<[string, HostEndpointInfo, boolean]>([
    ['for lo', endpoint({ interfaceName: 'lo' }), true],
    ['for every interface', endpoint({ interfaceName: '*' }), true],
    ['for an interface by name', endpoint({ interfaceName: 'eth0' }), true],
    ['for addresses', endpoint({}), true],
    ['of an unknown node', endpoint({ node: 'gone', interfaceName: '*' }), false],
    ['made by Calico itself', endpoint({ interfaceName: '*', automatic: true }), false],
    [
      'of an unknown node, with the label of a set',
      endpoint({ node: 'gone', labels: NODE_SET, hasAddresses: true }),
      true,
    ],
    [
      'of an unknown node, with the label of a set and no address',
      endpoint({ node: 'gone', labels: NODE_SET }),
      false,
    ],
  ])('%s', (_, foreign, blocks) => {
    const { nodes } = compiled({ hostEndpoints: [foreign] });
    expect(nodes?.blocked?.reason).toBe(blocks ? 'EndpointConflict' : undefined);
    if (blocks) expect(nodes?.blocked?.message).toContain(`HostEndpoint/theirs (node ${foreign.node}, `);
    const accepted = compiled({ hostEndpoints: [foreign] }, {}, { acceptForeign: ['HostEndpoint/theirs'] });
    expect(accepted.nodes?.blocked).toBeUndefined();
  });

  test('made by Calico, where our own are configured, is a contradiction, and none of ours is made', () => {
    const { nodes, objects, labelledNodes, frozen } = compiled(
      { automaticHostEndpoints: true },
      { hostEndpoints: 'Managed' },
    );
    expect(nodes?.blocked).toMatchObject({
      reason: 'EndpointConflict',
      message: expect.stringContaining('use Auto'),
    });
    expect(
      objects.some(({ object }) => object.kind === 'HostEndpoint' && object.spec.interfaceName === '*'),
    ).toBe(false);
    expect(labelledNodes).toBe(UNKNOWN);
    expect(frozen).toContainEqual({ rule: 'default/nodes/endpoints' });
  });
});

test('every obstacle is named at once', () => {
  const { nodes, problems } = compiled(
    {
      automaticHostEndpoints: true,
      foreignTiers: [{ name: 'security', order: 50, defaultAction: 'Deny' }],
      foreignPolicies: [
        { ...policy('all()'), name: 'closes' },
        { ...policy('all()'), name: 'opens', tier: 'security', allows: { ingress: true, egress: false } },
      ],
      hostEndpoints: [{ name: 'eth0', node: 'cp1', labels: {}, automatic: false, interfaceName: 'eth0' }],
    },
    { hostEndpoints: 'Managed' },
  );
  const names = ['hostEndpoints is Managed', 'Policy/opens', 'Policy/closes', 'HostEndpoint/eth0'];
  expect(problems).toEqual(
    names.map((name) => expect.objectContaining({ message: expect.stringContaining(name) })),
  );
  for (const name of names) expect(nodes?.blocked?.message).toContain(name);
  expect(nodes?.blocked?.reason).toBe('EndpointConflict');
});

describe('Felix', () => {
  const notesWith = (felixConfigurations: Inventory['felixConfigurations'] & object, words: string) =>
    (compiled({ felixConfigurations }).nodes?.notes ?? []).filter((each) => each.includes(words)).length;

  test.each([
    [{ bpfEnabled: true }, 'eBPF'],
    [{ endpointToHostAction: 'Accept' }, 'Accept'],
    [{ endpointToHostAction: 'Drop' }, 'does not reach its own node'],
  ])('%j is reported', (fields, words) => {
    expect(notesWith([{ name: 'default', ...fields }], words)).toBe(1);
    expect(notesWith([{ name: 'default' }], words)).toBe(0);
  });

  test.each<[string, Partial<FelixConfigurationInfo>, string]>([
    ['accepted traffic leaves INPUT in iptables mode', { iptablesFilterAllowAction: 'return' }, 'INPUT'],
    ['not in nftables mode', { nftablesMode: 'Enabled' }, 'INPUT'],
    ['INVALID packets are dropped', { disableConntrackInvalidCheck: true }, 'INVALID'],
    ['not with eBPF', { bpfEnabled: true }, 'INVALID'],
  ])('%s, unless its configuration says otherwise for every node', (_, otherwise, words) => {
    const otherNode = { name: 'node.worker1', ...otherwise };
    expect(notesWith([], words)).toBe(1);
    expect(notesWith([{ name: 'default', ...otherwise }], words)).toBe(0);
    expect(notesWith([otherNode], words)).toBe(1);
    expect(notesWith([otherNode, { name: 'node.cp1', ...otherwise }], words)).toBe(0);
  });

  test('a configuration with a nodeSelector may mean any node', () => {
    const cluster = { name: 'default', iptablesFilterAllowAction: 'Return' };
    expect(notesWith([cluster, { name: 'edges' }], 'INPUT')).toBe(0);
    expect(notesWith([cluster, { name: 'edges', iptablesFilterAllowAction: 'Accept' }], 'INPUT')).toBe(1);
  });

  test('nothing is reported while the configuration is not known', () => {
    expect(compiled({}).nodes?.notes.filter((each) => /INPUT|INVALID/.test(each))).toEqual([]);
  });
});
