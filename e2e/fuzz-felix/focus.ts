/** Objects that let one rare feature decide. A round has one focus, and its packets lean towards it. */
import type { Random } from '../harness/random.ts';
import { NODES } from './cast.ts';
import { chance } from './rules.ts';
import { selector } from './selectors.ts';
import { SERVICES } from './services.ts';

type Json = Readonly<Record<string, unknown>>;

export type Focus = keyof typeof RULES | 'lo' | 'hosts after NAT' | 'missing tier' | 'none';

const service = (random: Random): Json => {
  const { namespace, name } = random.pick(SERVICES.filter(({ backends }) => backends.length > 0));
  return { services: { namespace, name } };
};

/** The matches of a rule, for each focus. Both directions have the same rules. */
const RULES = {
  'source ports': (random: Random): Json => ({
    protocol: random.pick(['TCP', 'UDP']),
    source: random.pick<Json>([
      { ports: ['20000:65535'] },
      { ports: [80] },
      { notPorts: ['20000:65535'] },
      { notPorts: ['1:1024'] },
    ]),
  }),
  ICMP: (random: Random): Json =>
    random.pick<Json>([
      { protocol: 'ICMP' },
      { protocol: 'ICMP', icmp: { type: 8 } },
      { protocol: 'ICMP', icmp: { type: 8 } },
      { protocol: 'ICMP', icmp: { type: 3 } },
      { protocol: 'ICMP', notICMP: { type: 8 } },
      { protocol: 'ICMPv6' },
      { protocol: 'ICMPv6', icmp: { type: 128 } },
      { protocol: 'ICMPv6', icmp: { type: 128 } },
      { protocol: 'ICMPv6', icmp: { type: 1 } },
      { protocol: 'ICMPv6', notICMP: { type: 128 } },
    ]),
  ipVersion: (random: Random): Json => ({ ipVersion: random.pick([4, 6]) }),
  'services as source': (random: Random): Json => ({ source: service(random) }),
  'services as destination': (random: Random): Json => ({ destination: service(random) }),
  'named ports': (random: Random): Json =>
    random.pick<Json>([
      { protocol: 'TCP', destination: { ports: ['http'] } },
      { protocol: 'TCP', destination: { ports: ['https', 8080] } },
      { protocol: 'UDP', destination: { ports: ['dns'] } },
      { protocol: 'TCP', destination: { notPorts: ['http'] } },
      { protocol: 'UDP', destination: { notPorts: ['dns'], selector: 'has(app) || has(env) || all()' } },
    ]),
  notPorts: (random: Random): Json => ({
    protocol: random.pick(['TCP', 'UDP']),
    destination: { notPorts: random.pick([[80], [53], ['80:443'], [8080, 9100]]) },
  }),
  notSelector: (random: Random): Json => {
    const end = { notSelector: selector(random, ['app', 'env'], 1) };
    return random.pick<Json>([{ source: end }, { destination: end }]);
  },
  notProtocol: (random: Random): Json => ({ notProtocol: random.pick(['TCP', 'UDP', 'ICMP', 132]) }),
  'services by address': (random: Random): Json => ({
    destination: {
      nets: random.pick([['10.96.0.0/16'], ['192.0.2.0/24'], ['10.244.2.0/24'], ['fd00:96::/112']]),
    },
  }),
} as const;

export function randomFocus(random: Random): Focus {
  return random.pick<Focus>([
    'none',
    'none',
    'none',
    'lo',
    'lo',
    'hosts after NAT',
    'hosts after NAT',
    'missing tier',
    'missing tier',
    'missing tier',
    ...(Object.keys(RULES) as (keyof typeof RULES)[]),
    'source ports',
    'ICMP',
    'ICMP',
    'ICMP',
    'named ports',
    'services by address',
    'ipVersion',
  ]);
}

/** A policy of the focus, in a tier that passes what it does not decide. */
export interface FocusPolicy {
  readonly name: string;
  readonly spec: Json;
}

export const FOCUS_TIER = 'focus';

export function focusPolicies(random: Random, focus: Focus): readonly FocusPolicy[] {
  if (focus === 'none') return [];
  if (focus === 'missing tier') return [missing(random)];
  if (focus === 'lo') return [hostPolicy(random, "host == 'lo'", '1')];
  if (focus === 'hosts after NAT')
    return NODES.map(({ name }, index) => hostPolicy(random, `node == '${name}'`, String(index)));
  const make = RULES[focus];
  const rules = (): readonly Json[] =>
    Array.from({ length: random.between(1, 4) }, () => ({
      action: random.pick(['Allow', 'Deny', 'Deny']),
      ...make(random),
    }));
  const types = random.pick([['Ingress'], ['Egress'], ['Ingress', 'Egress']]);
  return [
    {
      name: `${FOCUS_TIER}.f`,
      spec: {
        tier: FOCUS_TIER,
        order: 1,
        selector: random.pick(['all()', 'has(app)', "env == 'prod' || has(app)"]),
        types,
        ...(types.includes('Ingress') && { ingress: rules() }),
        ...(types.includes('Egress') && { egress: rules() }),
      },
    },
  ];
}

function missing(random: Random): FocusPolicy {
  const rule = { action: random.pick(['Allow', 'Pass']), protocol: random.pick(['TCP', 'UDP']) };
  return {
    name: 'missing.f',
    spec: {
      tier: 'missing',
      order: 1,
      selector: random.pick(['has(app)', 'has(env)', "app == 'web'"]),
      types: random.pick([['Ingress'], ['Egress'], ['Ingress', 'Egress']]),
      ingress: [rule],
      egress: [rule],
    },
  };
}

const FAR: readonly Json[] = [
  { nets: ['10.244.0.0/16'] },
  { nets: ['10.99.0.0/24'] },
  { nets: ['10.99.0.11/32'] },
  { nets: ['10.244.1.0/24', 'fd00:244::/48'] },
  { nets: ['fd00:99::/64'] },
  { notNets: ['10.99.0.0/24'] },
];

function hostPolicy(random: Random, selector: string, name: string): FocusPolicy {
  const isEarly = chance(random, 35);
  const rule = (direction: 'ingress' | 'egress'): Json => ({
    action: random.pick(['Allow', 'Deny', 'Deny']),
    ...(chance(random, 50) && { protocol: random.pick(['TCP', 'UDP']) }),
    [direction === 'ingress' ? 'source' : 'destination']: random.pick(FAR),
  });
  const rest = isEarly
    ? { types: ['Ingress'], preDNAT: true, applyOnForward: true }
    : { types: ['Ingress', 'Egress'], egress: [rule('egress'), rule('egress')] };
  return {
    name: `${FOCUS_TIER}.h${name}`,
    spec: { tier: FOCUS_TIER, order: 1, selector, ingress: [rule('ingress'), rule('ingress')], ...rest },
  };
}

/** Host endpoints of the focus, as name, labels and spec. */
export function focusEndpoints(
  focus: Focus,
): readonly { readonly name: string; readonly labels: Json; readonly spec: Json }[] {
  if (focus !== 'lo' && focus !== 'hosts after NAT') return [];
  return NODES.map(({ name: node }) => ({
    name: `${node}-focus`,
    labels: { node, ...(focus === 'lo' && { host: 'lo' }) },
    spec: {
      node,
      interfaceName: focus === 'lo' ? 'lo' : '*',
      profiles: ['projectcalico-default-allow'],
    },
  }));
}
