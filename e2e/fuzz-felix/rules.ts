/** Random rules of Calico's and Kubernetes' policies. */
import { POD_NETWORK } from '../local/addresses.ts';
import type { Random } from '../harness/random.ts';
import { NAMESPACES, ACCOUNTS } from './cast.ts';
import { selector } from './selectors.ts';
import { SERVICES } from './services.ts';

type Json = Readonly<Record<string, unknown>>;
export type Direction = 'ingress' | 'egress';

/** True in `percent` of all cases. */
export const chance = (random: Random, percent: number): boolean => random.between(1, 100) <= percent;

/** Like `pick`, from items that may be undefined. */
export const oneOf = <T>(random: Random, items: readonly T[]): T =>
  random.pick(items.map((item) => ({ item }))).item;

const NETS4 = [
  '10.244.1.0/24',
  '10.244.2.0/24',
  POD_NETWORK.v4,
  '10.99.0.0/24',
  '203.0.113.0/24',
  '198.51.100.7',
  '0.0.0.0/0',
  '10.244.1.2/31',
];
const NETS6 = [
  'fd00:244:0:1::/64',
  'fd00:244:0:2::/64',
  POD_NETWORK.v6,
  'fd00:99::/64',
  '2001:db8::/48',
  '2001:db8:1::7/128',
  '::/0',
];
const WITHOUT_ALL = (net: string): boolean => !net.endsWith('/0');

/** CIDRs of one family, or of both. */
function nets(random: Random, negated = false): readonly string[] {
  const [four, six] = [NETS4, NETS6].map((list) => (negated ? list.filter(WITHOUT_ALL) : list)) as [
    string[],
    string[],
  ];
  const families = random.pick([[four], [six], [four, six], [four, six]]);
  return families.flatMap((list) =>
    chance(random, 40) ? [random.pick(list), random.pick(list)] : [random.pick(list)],
  );
}

/**
 * Addresses of network sets. None contains another, nor only a part of what a pod or node has: Felix 3.31.0 in
 * nftables mode may end where members of one of its sets contain each other (docs/decisions/0021-simulator.md).
 */
const APART4 = [
  '203.0.113.0/24',
  '198.51.100.7/32',
  ...[2, 3, 4, 5].map((last) => `10.244.1.${String(last)}/32`),
  ...[2, 3, 4, 5].map((last) => `10.244.2.${String(last)}/32`),
  '10.99.0.11/32',
  '10.99.0.12/32',
  '10.96.0.101/32',
];
const APART6 = [
  '2001:db8::/48',
  '2001:db8:1::7/128',
  ...[2, 3, 4, 5].map((last) => `fd00:244:0:1::${String(last)}/128`),
  ...[2, 3, 4, 5].map((last) => `fd00:244:0:2::${String(last)}/128`),
  'fd00:99::11/128',
  'fd00:99::12/128',
];

/** CIDRs of a network set. */
export function setNets(random: Random): readonly string[] {
  const some = (nets: readonly string[]): readonly string[] =>
    random.shuffle(nets).slice(0, random.between(0, 7));
  return [...some(APART4), ...some(APART6)];
}

const PORTS: readonly (number | string)[] = [
  80,
  443,
  8080,
  53,
  9100,
  9443,
  22,
  '80:443',
  '1:8080',
  'http',
  'https',
  'dns',
  81,
  30080,
  '30000:32767',
];

function ports(random: Random): readonly (number | string)[] {
  return random.shuffle(PORTS).slice(0, random.between(1, 4));
}

const PODS = ['app', 'env'] as const;

export interface Scope {
  readonly namespaced: boolean;
  readonly host: boolean;
}

export function rule(random: Random, direction: Direction, scope: Scope): Json {
  const protocol = pickProtocol(random);
  const hasPorts = protocol === 'TCP' || protocol === 'UDP';
  const peer = peerOf(random, direction, scope);
  const other = chance(random, 12) ? simpleEnd(random, scope) : {};
  const destination = direction === 'ingress' ? other : peer;
  const source = direction === 'ingress' ? peer : other;
  return {
    action: random.pick(['Allow', 'Allow', 'Allow', 'Allow', 'Deny', 'Deny', 'Deny', 'Pass', 'Pass', 'Log']),
    ...(protocol !== undefined && { protocol }),
    ...icmpOf(random, protocol),
    ...(protocol === undefined && chance(random, 25) && { notProtocol: random.pick(['TCP', 'UDP', 132]) }),
    ...(protocol === undefined && chance(random, 12) && { ipVersion: random.pick([4, 6]) }),
    source: {
      ...source,
      ...(hasPorts && chance(random, 6) && { ports: [random.pick(['1:1024', '20000:65535'])] }),
      ...(hasPorts && chance(random, 4) && { notPorts: [random.pick(['1:1024', '20000:65535'])] }),
    },
    destination: {
      ...destination,
      ...(hasPorts &&
        !('services' in destination) && {
          ...(chance(random, 55) && { ports: ports(random) }),
          ...(chance(random, 20) && { notPorts: ports(random) }),
        }),
    },
  };
}

function pickProtocol(random: Random): string | number | undefined {
  return oneOf(random, [
    'TCP',
    'TCP',
    'TCP',
    'TCP',
    'UDP',
    'UDP',
    'ICMP',
    'ICMPv6',
    'SCTP',
    6,
    undefined,
    undefined,
    undefined,
  ]);
}

/** Without codes: Felix 3.31 in nftables mode writes `icmp type 8 code 0`, which nft(8) refuses, and panics. */
function icmpOf(random: Random, protocol: string | number | undefined): Json {
  if (protocol !== 'ICMP' && protocol !== 'ICMPv6') return {};
  const type = protocol === 'ICMP' ? random.pick([8, 3]) : random.pick([128, 1]);
  return random.pick<Json>([{}, { icmp: { type } }, { notICMP: { type } }]);
}

function peerOf(random: Random, direction: Direction, scope: Scope): Json {
  const kind = random.between(1, 100);
  if (kind <= 14) return {};
  if (kind <= 22) {
    const { namespace, name } = random.pick(SERVICES);
    return { services: { namespace, name } };
  }
  if (kind <= 32) return serviceAccounts(random);
  return simpleEnd(random, scope);
}

function serviceAccounts(random: Random): Json {
  return {
    serviceAccounts: random.pick<Json>([
      { names: [random.pick(ACCOUNTS)] },
      { selector: selector(random, ['role'], 1) },
      { names: [random.pick(ACCOUNTS)], selector: selector(random, ['role'], 1) },
    ]),
    ...(chance(random, 50) && { namespaceSelector: namespaceSelector(random) }),
  };
}

function simpleEnd(random: Random, { namespaced, host }: Scope): Json {
  const keys = host ? (['app', 'env', 'host'] as const) : PODS;
  return random.pick<() => Json>([
    () => ({ selector: selector(random, keys) }),
    () => ({ selector: selector(random, keys) }),
    () => ({ namespaceSelector: namespaceSelector(random) }),
    () => ({ selector: selector(random, keys), namespaceSelector: namespaceSelector(random) }),
    () => ({
      namespaceSelector: 'global()',
      ...(chance(random, 60) && { selector: selector(random, ['env', 'host']) }),
    }),
    () => ({ nets: nets(random) }),
    () => ({ nets: nets(random) }),
    () => ({ notNets: nets(random, true) }),
    () => ({ nets: nets(random), notNets: nets(random, true) }),
    () => ({ notSelector: selector(random, keys, 1) }),
    () => ({ selector: selector(random, keys, 1), notSelector: selector(random, keys, 1) }),
    () => ({ selector: selector(random, keys, 1), notNets: nets(random, true) }),
    () => (namespaced ? { selector: 'all()' } : { selector: 'all()', namespaceSelector: 'all()' }),
  ])();
}

export function namespaceSelector(random: Random): string {
  return random.pick([
    'all()',
    selector(random, ['team'], 1),
    selector(random, ['team'], 1),
    `projectcalico.org/name == '${random.pick(NAMESPACES)}'`,
    `kubernetes.io/metadata.name in { '${random.pick(NAMESPACES)}', '${random.pick(NAMESPACES)}' }`,
    `all() && team != 'a'`,
  ]);
}

/** A LabelSelector of Kubernetes. */
export function labelSelector(random: Random, key: 'app' | 'env' | 'team'): Json {
  const value = { app: 'web', env: 'prod', team: 'a' }[key];
  return random.pick<Json>([
    {},
    { matchLabels: { [key]: value } },
    { matchExpressions: [{ key, operator: 'In', values: [value, 'db'] }] },
    { matchExpressions: [{ key, operator: 'NotIn', values: [value] }] },
    { matchExpressions: [{ key, operator: 'Exists' }] },
    { matchExpressions: [{ key, operator: 'DoesNotExist' }] },
  ]);
}

export function networkPolicyRule(random: Random, peers: 'from' | 'to'): Json {
  const peer = (): Json =>
    random.pick<() => Json>([
      () => ({ podSelector: labelSelector(random, random.pick(PODS)) }),
      () => ({ namespaceSelector: labelSelector(random, 'team') }),
      () => ({ podSelector: labelSelector(random, 'app'), namespaceSelector: labelSelector(random, 'team') }),
      () => ({
        ipBlock: random.pick([
          { cidr: '10.244.0.0/16', except: ['10.244.1.0/24'] },
          { cidr: '203.0.113.0/24' },
          { cidr: 'fd00:244::/48', except: ['fd00:244:0:2::/64'] },
          { cidr: '::/0' },
          { cidr: '0.0.0.0/0' },
        ]),
      }),
    ])();
  const port = (): Json =>
    random.pick<Json>([
      { port: 80 },
      { port: 'http' },
      { port: 'dns', protocol: 'UDP' },
      { port: 53, protocol: 'UDP' },
      { port: 80, endPort: 443 },
      { protocol: 'UDP' },
      { port: 8080, protocol: 'TCP' },
    ]);
  return {
    ...(chance(random, 75) && { [peers]: random.pick([[peer()], [peer(), peer()]]) }),
    ...(chance(random, 60) && { ports: random.pick([[port()], [port(), port()]]) }),
  };
}

export function adminRule(random: Random, peers: 'from' | 'to', actions: readonly string[]): Json {
  const peer = (): Json =>
    random.pick<() => Json>([
      () => ({ namespaces: labelSelector(random, 'team') }),
      () => ({
        pods: { namespaceSelector: labelSelector(random, 'team'), podSelector: labelSelector(random, 'app') },
      }),
      ...(peers === 'to'
        ? [
            () => ({
              networks: [random.pick(['10.244.0.0/16', '203.0.113.0/24', 'fd00:244::/48', '0.0.0.0/0'])],
            }),
          ]
        : []),
    ])();
  const port = random.pick<Json>([
    { portNumber: { port: 80, protocol: 'TCP' } },
    { portNumber: { port: 53, protocol: 'UDP' } },
    { portRange: { start: 80, end: 8080, protocol: 'TCP' } },
  ]);
  return {
    action: random.pick(actions),
    [peers]: random.pick([[peer()], [peer(), peer()]]),
    ...(chance(random, 50) && { ports: [port] }),
  };
}
