import { describe, expect, test } from '@jest/globals';
import type { GeneratedObject, PolicySpec, Rule } from '../../calico/types.ts';
import type { Cluster, Endpoint, Flow, Labels, Pod, TenantPolicy } from './cluster.ts';
import { readingOf } from './reading.ts';
import { predicateOf } from './selectors.ts';

const pod = (id: string, address: string, labels: Labels = {}): Pod => ({
  kind: 'pod',
  id,
  namespace: id.split('/')[0] ?? '',
  labels,
  addresses: { 4: `10.1.0.${address}`, 6: `fd00::${address}` },
  node: 'node1',
  ports: [{ name: 'http', protocol: 'TCP', port: 8080 }],
});
const web = pod('a/web', '1', { app: 'web' });
const db = pod('a/db', '2', { app: 'db' });
const other = pod('b/web', '3', { app: 'web' });
const node = (id: string, address: string): Endpoint & { kind: 'node' } => ({
  kind: 'node',
  id,
  labels: { app: 'web' },
  addresses: { 4: `10.9.0.${address}`, 6: `fd00:9::${address}` },
});
const [node1, node2] = [node('node1', '1'), node('node2', '2')];
const host: Endpoint = { kind: 'outside', id: 'host', addresses: { 4: '203.0.113.9', 6: '2001:db8::9' } };

const cluster: Cluster = {
  namespaces: [
    { name: 'a', labels: { team: 'p' } },
    { name: 'b', labels: { team: 'q' } },
  ],
  pods: [web, db, other],
  nodes: [node1, node2],
  outside: [host],
  hostEndpoints: false,
  apiServer: [{ address: '203.0.113.9', port: 6443 }],
  tenantSets: [],
  tenantPolicies: [],
};

const policySpec = (spec: Partial<PolicySpec>): PolicySpec => ({
  tier: 'default',
  order: 100,
  selector: 'all()',
  types: ['Ingress'],
  ...spec,
});
const apiVersion = 'projectcalico.org/v3';
const inNamespace = (spec: Partial<PolicySpec>, namespace = 'a', name = 'np'): GeneratedObject => ({
  apiVersion,
  kind: 'NetworkPolicy',
  metadata: { name, namespace },
  spec: policySpec(spec),
});
const everywhere = (
  spec: Partial<PolicySpec> & { readonly namespaceSelector?: string },
  name = 'gnp',
): GeneratedObject => ({
  apiVersion,
  kind: 'GlobalNetworkPolicy',
  metadata: { name },
  spec: { ...policySpec(spec), ...spec },
});
const tier = (order: number, defaultAction: 'Pass' | 'Deny', name = 'early'): GeneratedObject => ({
  apiVersion,
  kind: 'Tier',
  metadata: { name },
  spec: { order, defaultAction },
});
const allowFrom = (source: Rule['source'], rest: Partial<Rule> = {}): Rule => ({
  action: 'Allow',
  ...(source !== undefined && { source }),
  ...rest,
});
const flow = (from: Endpoint, to: Endpoint, rest: Partial<Flow> = {}): Flow => ({
  from,
  to,
  protocol: 'TCP',
  port: 80,
  ipVersion: 4,
  ...rest,
});
const allows = (objects: readonly GeneratedObject[], of: Flow, where: Cluster = cluster): boolean =>
  readingOf(objects, where)(of).allowed;

describe('tiers and policies', () => {
  test('without a policy everything passes', () => {
    expect(allows([], flow(other, web))).toBe(true);
  });

  test('a pod that a policy selects is closed in that direction, and in no other', () => {
    const closed = [inNamespace({})];
    expect(allows(closed, flow(other, web))).toBe(false);
    expect(allows(closed, flow(web, other))).toBe(true);
  });

  test('both ends must allow', () => {
    const both = inNamespace({ types: ['Ingress', 'Egress'], ingress: [allowFrom({})] });
    expect(allows([both], flow(web, db))).toBe(false);
    expect(allows([both], flow(other, db))).toBe(true);
  });

  test('the lower order decides, and the name decides between equal orders', () => {
    const deny = (order: number, name: string) =>
      inNamespace({ order, ingress: [{ action: 'Deny' }] }, 'a', name);
    const allow = inNamespace({ order: 10, ingress: [{ action: 'Allow' }] }, 'a', 'm');
    expect(allows([deny(9, 'z'), allow], flow(other, web))).toBe(false);
    expect(allows([deny(11, 'a'), allow], flow(other, web))).toBe(true);
    expect(allows([deny(10, 'a'), allow], flow(other, web))).toBe(false);
    expect(allows([deny(10, 'z'), allow], flow(other, web))).toBe(true);
  });

  test('Pass, and the end of a tier that passes, lead to the next tier; the end of a tier that denies does not', () => {
    const early = (...ingress: readonly Rule[]) => everywhere({ tier: 'early', ingress }, 'early.x');
    const late = inNamespace({ ingress: [{ action: 'Deny' }] });
    expect(allows([tier(1, 'Deny'), early({ action: 'Pass' }), late], flow(other, web))).toBe(false);
    expect(allows([tier(1, 'Deny'), early({ action: 'Pass' })], flow(other, web))).toBe(true);
    expect(allows([tier(1, 'Deny'), early()], flow(other, web))).toBe(false);
    expect(allows([tier(1, 'Pass'), early(), late], flow(other, web))).toBe(false);
    expect(allows([tier(1, 'Pass'), early()], flow(other, web))).toBe(true);
    expect(allows([tier(1, 'Pass'), early({ action: 'Allow' }), late], flow(other, web))).toBe(true);
  });

  test('a missing tier is an error', () => {
    expect(() => readingOf([everywhere({ tier: 'gone' })], cluster)).toThrow('tier gone, which is missing');
  });

  test('staged policies have no effect', () => {
    const staged: GeneratedObject = {
      apiVersion,
      kind: 'StagedGlobalNetworkPolicy',
      metadata: { name: 'staged' },
      spec: { ...policySpec({ ingress: [{ action: 'Deny' }] }), stagedAction: 'Set' },
    };
    expect(allows([staged], flow(other, web))).toBe(true);
  });

  test('a node reaches its own pods whatever policies say, and other pods only if they allow it', () => {
    const closed = [inNamespace({})];
    expect(allows(closed, flow(node1, web))).toBe(true);
    expect(allows(closed, flow(node2, web))).toBe(false);
  });

  test('a negative namespace selector also selects host endpoints, a guarded one does not', () => {
    const hosts = { ...cluster, hostEndpoints: true };
    const closed = (namespaceSelector: string, selector = 'has(app)') => [
      everywhere({ types: ['Egress'], selector, namespaceSelector }),
    ];
    expect(allows(closed("team != 'p'"), flow(node1, host), hosts)).toBe(false);
    expect(allows(closed("has(projectcalico.org/name) && team != 'p'"), flow(node1, host), hosts)).toBe(true);
    expect(allows(closed('all()'), flow(node1, host), hosts)).toBe(true);
    // With a namespaceSelector, Calico reads `all()` as "in a namespace".
    expect(allows(closed("team != 'p'", 'all()'), flow(node1, host), hosts)).toBe(true);
    expect(allows(closed("team != 'p'"), flow(node1, host))).toBe(true);
  });
});

describe('a rule', () => {
  const from = (source: Rule['source']) => [inNamespace({ ingress: [allowFrom(source)] })];
  const globallyFrom = (source: Rule['source']) => [everywhere({ ingress: [allowFrom(source)] })];
  const tenantSet = (labels: Labels): Cluster => ({
    ...cluster,
    tenantSets: [{ namespace: 'b', labels, nets: ['0.0.0.0/0'] }],
  });

  test('in a NetworkPolicy, matches a selector in its own namespace', () => {
    expect(allows(from({ selector: "app == 'web'" }), flow(web, db))).toBe(true);
    expect(allows(from({ selector: "app == 'web'" }), flow(other, db))).toBe(false);
    expect(
      allows(from({ selector: "app == 'web'", namespaceSelector: "team == 'q'" }), flow(other, db)),
    ).toBe(true);
  });

  test('in a NetworkPolicy, scopes a notSelector to the namespace; in a global policy it does not', () => {
    expect(allows(from({ notSelector: "app == 'db'" }), flow(web, db))).toBe(true);
    expect(allows(from({ notSelector: "app == 'db'" }), flow(host, db))).toBe(false);
    expect(allows(globallyFrom({ notSelector: "app == 'db'" }), flow(host, db))).toBe(true);
    expect(allows(globallyFrom({ notSelector: "app == 'web'" }), flow(other, db))).toBe(false);
  });

  test("matches a tenant's NetworkSet like a pod, but not by global()", () => {
    const set = tenantSet({ office: 'yes' });
    expect(allows(globallyFrom({ selector: 'has(office)' }), flow(host, web), set)).toBe(true);
    expect(
      allows(globallyFrom({ selector: 'has(office)', namespaceSelector: 'global()' }), flow(host, web), set),
    ).toBe(false);
    expect(allows(from({ selector: 'has(office)' }), flow(host, web), set)).toBe(false);
  });

  test("matches a NetworkSet by its namespace's labels, and by its own before them", () => {
    const teamP = globallyFrom({ namespaceSelector: "team == 'p'" });
    expect(allows(teamP, flow(host, web), tenantSet({}))).toBe(false);
    expect(allows(teamP, flow(host, web), tenantSet({ 'pcns.team': 'p' }))).toBe(true);
    expect(allows(globallyFrom({ namespaceSelector: "team == 'q'" }), flow(host, web), tenantSet({}))).toBe(
      true,
    );
  });

  test('does not match a pod by labels of another namespace that it gives itself', () => {
    const forger = pod('b/forger', '4', { 'pcns.team': 'p', 'projectcalico.org/namespace': 'a' });
    const where = { ...cluster, pods: [...cluster.pods, forger] };
    expect(allows(globallyFrom({ namespaceSelector: "team == 'p'" }), flow(forger, web), where)).toBe(false);
    expect(
      allows(globallyFrom({ selector: "projectcalico.org/namespace == 'a'" }), flow(forger, web), where),
    ).toBe(false);
  });

  test('matches global sets by global()', () => {
    const set: GeneratedObject = {
      apiVersion,
      kind: 'GlobalNetworkSet',
      metadata: { name: 'office', labels: { office: 'yes' } },
      spec: { nets: ['203.0.113.0/24'] },
    };
    const rule = { selector: 'has(office)', namespaceSelector: 'global()' };
    expect(allows([set, ...from(rule)], flow(host, web))).toBe(true);
    expect(allows([set, ...from(rule)], flow(other, web))).toBe(false);
    expect(allows([set, ...from(rule)], flow(host, web, { ipVersion: 6 }))).toBe(false);
  });

  test('without a namespaceSelector, matches host endpoints too in a global policy', () => {
    const hosts = { ...cluster, hostEndpoints: true };
    expect(allows(globallyFrom({ selector: "app == 'web'" }), flow(node2, web), hosts)).toBe(true);
    expect(
      allows(globallyFrom({ selector: "app == 'web'", namespaceSelector: 'all()' }), flow(node2, web), hosts),
    ).toBe(false);
  });

  test('matches nets of their own family, and does not exist where all notNets are of the other family', () => {
    expect(allows(from({ nets: ['203.0.113.0/24'] }), flow(host, web))).toBe(true);
    expect(allows(from({ nets: ['203.0.113.0/24'] }), flow(host, web, { ipVersion: 6 }))).toBe(false);
    expect(allows(from({ notNets: ['10.0.0.0/8'] }), flow(host, web))).toBe(true);
    expect(allows(from({ notNets: ['10.0.0.0/8'] }), flow(other, web))).toBe(false);
    expect(allows(from({ notNets: ['10.0.0.0/8'] }), flow(host, web, { ipVersion: 6 }))).toBe(false);
  });

  test('matches ports by number, range, and the names of the destination’s container ports', () => {
    const to = (...ports: readonly (number | string)[]) => [
      inNamespace({ ingress: [{ action: 'Allow', protocol: 'TCP', destination: { ports } }] }),
    ];
    expect(allows(to(80), flow(other, web))).toBe(true);
    expect(allows(to('79:80'), flow(other, web))).toBe(true);
    expect(allows(to('81:90'), flow(other, web))).toBe(false);
    expect(allows(to(80), flow(other, web, { protocol: 'UDP' }))).toBe(false);
    expect(allows(to('http'), flow(other, web, { port: 8080 }))).toBe(true);
    expect(allows(to('http'), flow(other, web))).toBe(false);
    expect(() =>
      readingOf([inNamespace({ ingress: [{ action: 'Allow', destination: { ports: [80] } }] })], cluster),
    ).toThrow('ports without a protocol');
  });

  test('matches ICMP by a protocol of its own for IPv6, and every protocol without one', () => {
    const icmp = [inNamespace({ ingress: [{ action: 'Allow', protocol: 'ICMP' }] })];
    const icmpv6 = [inNamespace({ ingress: [{ action: 'Allow', protocol: 'ICMPv6' }] })];
    const of = (ipVersion: 4 | 6): Flow => ({ from: other, to: web, protocol: 'ICMP', ipVersion });
    expect([allows(icmp, of(4)), allows(icmp, of(6))]).toEqual([true, false]);
    expect([allows(icmpv6, of(4)), allows(icmpv6, of(6))]).toEqual([false, true]);
    expect(allows(from({}), flow(other, web, { protocol: 'GRE' }))).toBe(true);
  });

  test('matches services by the addresses and ports of the API server', () => {
    const services = { name: 'kubernetes', namespace: 'default' };
    const toApi = [
      inNamespace({ types: ['Egress'], egress: [{ action: 'Allow', destination: { services } }] }),
    ];
    expect(allows(toApi, flow(web, host, { port: 6443 }))).toBe(true);
    expect(allows(toApi, flow(web, host, { port: 443 }))).toBe(false);
    expect(allows(toApi, flow(web, other, { port: 6443 }))).toBe(false);
  });

  test("a tenant's Kubernetes NetworkPolicy adds to the allows of tier default", () => {
    const policy: TenantPolicy = {
      name: 'own',
      namespace: 'a',
      podLabels: { app: 'web' },
      types: ['Ingress'],
      ingress: [{ namespaceLabels: { team: 'q' }, podLabels: {}, port: 80 }],
      egress: [],
    };
    const where = { ...cluster, tenantPolicies: [policy] };
    const closed = [inNamespace({})];
    expect(allows(closed, flow(other, web), where)).toBe(true);
    expect(allows(closed, flow(other, web, { port: 81 }), where)).toBe(false);
    expect(allows(closed, flow(other, db), where)).toBe(false);
    expect(allows([], flow(db, web), where)).toBe(false);
  });
});

describe('selectors', () => {
  const matches = (text: string, labels: Labels): boolean =>
    predicateOf(text, { all: () => true })((key) => labels[key]);

  test.each([
    ["a == 'x'", { a: 'x' }, true],
    ["a != 'x'", {}, true],
    ["a in {'x', 'y'}", { a: 'y' }, true],
    ["a not in {'x', 'y'}", {}, true],
    ["a not in { 'x' }", { a: 'x' }, false],
    ['a in {}', { a: 'x' }, false],
    ["!has(a) || b == 'x' && has(c)", { a: '', b: 'x' }, false],
    ["(!has(a) || b == 'x') && has(c)", { a: '', b: 'x', c: '' }, true],
    ['! has(x.io/a-b_c)', { 'x.io/a-b_c': '' }, false],
    ["a contains 'ell' && a starts with 'h' && a ends with \"o\"", { a: 'hello' }, true],
    ['all()', {}, true],
  ])('%s', (text, labels, expected) => {
    expect(matches(text, labels)).toBe(expected);
  });

  test.each(["a = 'x'", 'a == x', "a == 'x", 'has(a', "a == 'x' &&", 'global()', "a in {'x',}", "a == 'x')"])(
    'not a selector: %s',
    (text) => {
      expect(() => matches(text, {})).toThrow();
    },
  );
});
