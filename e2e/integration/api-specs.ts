/** Arbitrary ClusterFirewalls for fast-check: valid ones, and ones with something broken. */
import fc from 'fast-check';
import { formatCidr, parseAddress } from '../../src/net/cidr.ts';

export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };

const optional: { requiredKeys: [] } = { requiredKeys: [] };

const dnsLabel = fc.stringMatching(/^[a-z0-9]([-a-z0-9]{0,12}[a-z0-9])?$/);
const labelKey = fc.oneof(
  fc.constantFrom('app', 'team', 'app.kubernetes.io/name', 'a_b.c', 'X'),
  fc.stringMatching(/^([a-z0-9]{1,8}\/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,8}[A-Za-z0-9])?$/),
);
const labelValue = fc.oneof(
  fc.constant(''),
  fc.stringMatching(/^[A-Za-z0-9]([-A-Za-z0-9_.]{0,8}[A-Za-z0-9])?$/),
);

const cidr = fc
  .oneof(
    fc.record({ address: fc.ipV4(), prefix: fc.nat(32) }),
    fc.record({ address: fc.ipV6(), prefix: fc.nat(128) }),
  )
  .filter(({ address }) => !/^[:0]*ffff:/i.test(address) && !address.includes('.') === address.includes(':'))
  .map(({ address, prefix }) => {
    const { family, value } = parseAddress(address);
    const bits = BigInt((family === 4 ? 32 : 128) - prefix);
    return formatCidr({ family, prefix, value: (value >> bits) << bits });
  });
const cidrs = (max: number) => fc.uniqueArray(cidr, { minLength: 1, maxLength: max });

const portNumber = fc.integer({ min: 1, max: 65535 });
const protocol = fc.constantFrom('', '/TCP', '/udp', '/SCTP');
const port = fc.oneof(
  portNumber,
  fc.tuple(portNumber, protocol).map(([number, suffix]) => `${String(number)}${suffix}`),
  fc
    .tuple(portNumber, portNumber, protocol)
    .map(([a, b, suffix]) => `${String(Math.min(a, b))}-${String(Math.max(a, b))}${suffix}`),
  fc.tuple(fc.constantFrom('http', 'https', 'a', 'x11', '8080-tcp'), protocol).map((parts) => parts.join('')),
  fc.constant('ICMP'),
);
const ports = fc.oneof(fc.array(port, { minLength: 1, maxLength: 4 }), fc.constant(['All']));

const requirement = fc.oneof(
  fc.record({
    key: labelKey,
    operator: fc.constantFrom('In', 'NotIn'),
    values: fc.array(labelValue, { minLength: 1, maxLength: 3 }),
  }),
  fc.record({ key: labelKey, operator: fc.constantFrom('Exists', 'DoesNotExist') }),
);
const selector = fc.record(
  {
    matchLabels: fc.dictionary(labelKey, labelValue, { minKeys: 1, maxKeys: 2 }),
    matchExpressions: fc.array(requirement, { minLength: 1, maxLength: 2 }),
  },
  optional,
);
const nonEmpty = <T extends object>(arbitrary: fc.Arbitrary<T>) =>
  arbitrary.filter((value) => Object.keys(value).length > 0);

const serviceAccounts = fc.uniqueArray(dnsLabel, { minLength: 1, maxLength: 2 });
const podSelectors = fc.record(
  { namespaceSelector: selector, podSelector: selector, serviceAccounts },
  optional,
);
const end = (...entities: string[]) =>
  fc.oneof(
    fc.record({ peer: dnsLabel }),
    fc.record({ ipBlock: cidr.map((block) => ({ cidr: block })) }),
    // Everything contains itself, so this exception is always valid.
    fc.record({ ipBlock: cidr.map((block) => ({ cidr: block, except: [block] })) }),
    fc.record({ pods: nonEmpty(podSelectors) }),
    fc.record({ nodes: nonEmpty(selector) }),
    fc.record({ entity: fc.constantFrom(...entities) }),
  );
const ends = (...entities: string[]) => fc.array(end(...entities), { minLength: 1, maxLength: 3 });

const named = <T extends { name: string }>(item: fc.Arbitrary<T>) =>
  fc.uniqueArray(item, { maxLength: 2, selector: ({ name }) => name });
const inRules = named(
  fc.record({
    name: dnsLabel,
    pods: selector,
    from: ends('World', 'Internet', 'Everyone', 'Pods', 'Nodes', 'ControlPlane', 'SameNamespace'),
    ports,
  }),
);
const rules = {
  isolation: fc.constantFrom('Strict', 'SameNamespace'),
  ingress: inRules,
  metrics: inRules,
  connections: named(fc.record({ name: dnsLabel, fromPods: selector, toPods: selector, ports })),
  egress: named(
    fc.record({
      name: dnsLabel,
      pods: selector,
      to: ends('World', 'Internet', 'Pods', 'Nodes', 'ControlPlane', 'SameNamespace', 'KubeAPIServer'),
      ports,
    }),
  ),
};
const mode = fc.constantFrom('Enforce', 'Observe');
const namespaces = fc.uniqueArray(dnsLabel, { minLength: 1, maxLength: 3 });
const group = (overrides: { mode?: fc.Arbitrary<string> }) =>
  fc.oneof(
    fc.record(
      { name: dnsLabel, namespaces, ...overrides, ...rules },
      { requiredKeys: ['name', 'namespaces'] },
    ),
    fc.record(
      { name: dnsLabel, namespaceSelector: nonEmpty(selector), ...overrides, ...rules },
      { requiredKeys: ['name', 'namespaceSelector'] },
    ),
    fc.record(
      { name: dnsLabel, everyNamespace: fc.constant(true), ...overrides, ...rules },
      { requiredKeys: ['name', 'everyNamespace'] },
    ),
  );
const peer = fc.oneof(
  fc.record({ name: dnsLabel, cidrs: cidrs(3) }),
  fc.record({ name: dnsLabel, nodes: nonEmpty(selector) }),
  fc.record({
    name: dnsLabel,
    pods: fc.record(
      { namespaceSelector: selector, podSelector: selector },
      { requiredKeys: ['namespaceSelector'] },
    ),
  }),
);
const defaults = fc.record(
  {
    deny: fc.constantFrom('Both', 'Ingress', 'Egress', 'None'),
    exempt: fc.record(
      {
        systemNamespaces: fc.constantFrom('Keep', 'None'),
        names: fc.uniqueArray(dnsLabel, { maxLength: 2 }),
        namespaceSelector: nonEmpty(selector),
      },
      optional,
    ),
    dns: fc.record(
      {
        namespaceSelector: selector,
        podSelector: selector,
        ports,
        nodeLocal: fc.constantFrom([], ['169.254.20.10'], ['fd00::10']),
      },
      optional,
    ),
    metadataAPI: fc.record(
      {
        action: fc.constantFrom('Deny', 'None'),
        addresses: cidrs(2),
        exceptNamespaces: fc.uniqueArray(dnsLabel, { maxLength: 2 }),
      },
      optional,
    ),
    apiServerToPods: fc.constantFrom('Auto', 'None'),
    podsToAPIServer: fc.constantFrom('Allow', 'None'),
  },
  optional,
);
const guardrails = named(
  fc.oneof(
    fc.record({
      name: dnsLabel,
      pods: podSelectors,
      to: ends('World', 'Internet', 'Pods', 'Nodes', 'ControlPlane', 'KubeAPIServer'),
      ports,
    }),
    fc.record({
      name: dnsLabel,
      pods: podSelectors,
      from: ends('World', 'Internet', 'Everyone', 'Pods', 'Nodes', 'ControlPlane'),
      ports,
    }),
  ),
);
const common = { mode, deletionPolicy: fc.constantFrom('Remove', 'Retain'), peers: named(peer) };

const document = (name: fc.Arbitrary<string>, spec: fc.Arbitrary<object>): fc.Arbitrary<Json> =>
  fc.record({
    apiVersion: fc.constant('clusterfirewall.io/v1alpha1'),
    kind: fc.constant('ClusterFirewall'),
    metadata: fc.record({ name }),
    spec,
  }) as unknown as fc.Arbitrary<Json>;

/** Firewalls that both the schema and the API server must accept. */
export const validFirewall: fc.Arbitrary<Json> = fc.oneof(
  document(
    fc.constant('default'),
    fc.record(
      { ...common, defaults, guardrails, namespaces: named(group({ mode })) },
      { requiredKeys: ['mode'] },
    ),
  ),
  document(
    dnsLabel.filter((name) => name !== 'default'),
    fc.record({ ...common, namespaces: named(group({})) }, { requiredKeys: ['mode'] }),
  ),
);

/** Values that are valid somewhere and invalid almost everywhere else. */
const intruder: fc.Arbitrary<Json> = fc.constantFrom<Json>(
  null,
  true,
  0,
  -1,
  80,
  80.5,
  65536,
  4294967376,
  '',
  'a',
  'All',
  'all',
  'Enforce',
  'Office',
  'a.b',
  'a--b',
  '-a',
  "a' || all() || 'b",
  'é',
  'x'.repeat(16),
  'x'.repeat(64),
  'x'.repeat(400),
  '80',
  '080',
  '0',
  '65536',
  '90-80',
  '1-70000',
  '80/ICMP',
  '10.0.0.1/8',
  '010.0.0.0/8',
  '10.0.0.0',
  '10.0.0.0/33',
  '10.0.0.0/8',
  '::/0',
  '::ffff:10.0.0.0/104',
  '2001:db8:0:0:0:0:0:0/32',
  [],
  {},
  ['a'],
  ['a', 'a'],
  { a: 'b' },
  { peer: 'a' },
  { name: 'a' },
  { matchLabels: {} },
  { matchLabels: { 'a b': 'c' } },
  JSON.parse('{ "matchLabels": { "a": "b", "__proto__": "c" } }') as Json,
  { matchExpressions: [{ key: 'a', operator: 'In' }] },
);

type Mutation = (value: Json) => Json | undefined;

const mutation: fc.Arbitrary<Mutation> = fc.oneof(
  intruder.map(
    (value): Mutation =>
      () =>
        value,
  ),
  fc.constant<Mutation>(() => undefined),
  fc.tuple(fc.constantFrom('x', 'name', 'mode', 'peer', 'cidrs', 'pods', 'a b'), intruder).map(
    ([key, value]): Mutation =>
      (target) =>
        isMapping(target) ? { ...target, [key]: value } : value,
  ),
  intruder.map(
    (value): Mutation =>
      (target) =>
        isList(target) ? [...target, value] : value,
  ),
  // One more than each of the limits on lists.
  fc.constantFrom(2, 17, 33, 65, 101, 501, 1001).map(
    (length): Mutation =>
      (target) =>
        isList(target) && target.length > 0
          ? Array.from({ length }, (_, i) => target[i % target.length] ?? null)
          : [],
  ),
);

/** A valid firewall with one or two broken parts. Some of them are harmless. */
export const brokenFirewall: fc.Arbitrary<Json> = fc
  .tuple(validFirewall, fc.array(fc.tuple(fc.nat(), mutation), { minLength: 1, maxLength: 2 }))
  .map(([firewall, mutations]) =>
    mutations.reduce<Json>((value, [where, mutate]) => {
      // In the metadata, only the name is ours to check.
      const paths = pathsOf(value).filter(([first, second]) => first === 'spec' || second === 'name');
      const path = paths[where % Math.max(1, paths.length)];
      return path === undefined ? value : (changeAt(value, path, mutate) ?? null);
    }, firewall),
  );

type Path = readonly (string | number)[];

function pathsOf(value: Json, path: Path = []): Path[] {
  if (isList(value)) return [path, ...value.flatMap((each, index) => pathsOf(each, [...path, index]))];
  if (!isMapping(value)) return [path];
  return [path, ...Object.entries(value).flatMap(([key, each]) => pathsOf(each, [...path, key]))];
}

/** Undefined removes the value. */
function changeAt(value: Json, [first, ...rest]: Path, mutate: Mutation): Json | undefined {
  if (first === undefined) return mutate(value);
  if (isList(value)) {
    return value.flatMap((each, index) => {
      if (index !== first) return [each];
      const changed = changeAt(each, rest, mutate);
      return changed === undefined ? [] : [changed];
    });
  }
  if (!isMapping(value)) return value;
  const changed = Object.entries(value).map(([key, each]): [string, Json | undefined] => [
    key,
    key === first ? changeAt(each, rest, mutate) : each,
  ]);
  return Object.fromEntries(changed.filter((entry): entry is [string, Json] => entry[1] !== undefined));
}

const isList = (value: Json): value is readonly Json[] => Array.isArray(value);
const isMapping = (value: Json): value is { readonly [key: string]: Json } =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
