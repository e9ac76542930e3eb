/**
 * The features of Calico that the fuzz has to prove. A feature decides about a packet if the verdict changes
 * in a world without it.
 */
import type { PolicyRule, RuleEnd, StoredPolicy } from '../../src/calico/read/policy.ts';
import type { StoredHostEndpoint } from '../../src/calico/read/objects.ts';
import { not, type Selector } from '../../src/calico/selector.ts';
import { readWorld } from '../../src/simulator/snapshot.ts';
import { EMPTY_WORLD, type Service, type World } from '../../src/simulator/world.ts';
import type { RoundObject } from './store.ts';

/** @param stored what the world was read from, for what reading joins with something else */
type Without = (world: World, stored: readonly RoundObject[]) => World;

const policies =
  (change: (policy: StoredPolicy) => StoredPolicy | undefined): Without =>
  (world) => ({ ...world, policies: world.policies.flatMap((policy) => change(policy) ?? []) });

const withoutPolicies = (is: (policy: StoredPolicy) => boolean): Without =>
  policies((policy) => (is(policy) ? undefined : policy));

const rules = (change: (rule: PolicyRule) => PolicyRule | undefined): Without =>
  policies((policy) => ({
    ...policy,
    ingress: policy.ingress.flatMap((rule) => change(rule) ?? []),
    egress: policy.egress.flatMap((rule) => change(rule) ?? []),
  }));

const ends = (change: (end: RuleEnd) => RuleEnd): Without =>
  rules((rule) => ({ ...rule, source: change(rule.source), destination: change(rule.destination) }));

/** Drops fields. */
export function omit<T extends object>(value: T, ...keys: readonly (keyof T)[]): T {
  const copy = { ...value };
  for (const key of keys) Reflect.deleteProperty(copy, key);
  return copy;
}

/** Replaces terms in every selector; undefined is everything. */
const terms = (change: (term: Selector) => Selector | undefined): Without => {
  const all = (selector: Selector): Selector => {
    const of = (each: Selector): Selector => change(each) ?? { kind: 'all' };
    if (selector.kind === 'not') return of(not(all(selector.of)));
    if (selector.kind === 'and' || selector.kind === 'or')
      return of({ kind: selector.kind, of: selector.of.map(all) });
    return of(selector);
  };
  const end = (each: RuleEnd): RuleEnd => ({
    ...each,
    ...(each.selector !== undefined && { selector: all(each.selector) }),
    ...(each.notSelector !== undefined && { notSelector: all(each.notSelector) }),
  });
  return (world, stored) => {
    const inRules = ends(end)(world, stored);
    return policies((policy) => ({ ...policy, selector: all(policy.selector) }))(inRules, stored);
  };
};

const withoutTerm = (is: (term: Selector) => boolean): Without =>
  terms((term) => (is(term) ? undefined : term));

/** Drops a field wherever objects have it. */
const withoutField =
  (field: string): Without =>
  (_, stored) =>
    readWorld(
      JSON.parse(
        JSON.stringify(stored, (key, value: unknown) => (key === field ? undefined : value)),
      ) as RoundObject[],
    );

const hasKey = (term: Selector, matches: (key: string) => boolean): boolean =>
  'key' in term && matches(term.key);

const hosts =
  (change: (endpoint: StoredHostEndpoint) => StoredHostEndpoint | undefined): Without =>
  (world) => ({ ...world, hostEndpoints: world.hostEndpoints.flatMap((each) => change(each) ?? []) });

const services =
  (change: (service: Service) => Service): Without =>
  (world) => ({ ...world, services: world.services.map(change) });

const settings =
  (change: Partial<World['felix'][number]>): Without =>
  (world) => ({
    ...world,
    felix: [
      ...world.felix.filter(({ name }) => name !== 'default'),
      {
        name: 'default',
        isSelective: false,
        ...world.felix.find(({ name }) => name === 'default'),
        ...change,
      },
    ],
  });

const isRuleOf = (protocol: number) => (rule: PolicyRule) => rule.protocol === protocol;

/** The features by name. Each gives the world without it. */
export const FEATURES = {
  'order of tiers': (world) => ({
    ...world,
    tiers: world.tiers.map((tier) => ({ ...tier, order: -tier.order })),
  }),
  'default action Pass': (world) => ({
    ...world,
    tiers: world.tiers.map((tier) => ({ ...tier, defaultAction: 'Deny' })),
  }),
  'end of tier': (world) => ({
    ...world,
    tiers: [
      ...world.tiers.filter(({ name }) => name !== 'default'),
      { name: 'default', order: 1_000_000, defaultAction: 'Pass' },
    ].map((tier) => ({ ...tier, defaultAction: 'Pass' })),
  }),
  'missing tier': withoutPolicies(({ tier }) => tier === 'missing'),
  'action Pass': rules((rule) => (rule.action === 'Pass' ? undefined : rule)),
  'action Deny': rules((rule) => (rule.action === 'Deny' ? undefined : rule)),
  'order of policies': policies((policy) => ({ ...policy, order: -policy.order })),
  'order absent': policies((policy) => (policy.order === Infinity ? { ...policy, order: -1 } : policy)),
  'ties of order': policies((policy) => ({ ...policy, sortName: reversed(policy.sortName) })),
  GlobalNetworkPolicy: withoutPolicies(({ kind }) => kind === 'GlobalNetworkPolicy'),
  'NetworkPolicy of Calico': withoutPolicies(
    ({ kind, apiVersion }) => kind === 'NetworkPolicy' && apiVersion.includes('projectcalico'),
  ),
  'NetworkPolicy of Kubernetes': withoutPolicies(
    ({ kind, apiVersion }) => kind === 'NetworkPolicy' && !apiVersion.includes('projectcalico'),
  ),
  AdminNetworkPolicy: withoutPolicies(({ kind }) => kind === 'AdminNetworkPolicy'),
  BaselineAdminNetworkPolicy: withoutPolicies(({ kind }) => kind === 'BaselineAdminNetworkPolicy'),
  'selector: ==': withoutTerm(({ kind }) => kind === 'eq'),
  'selector: !=': withoutTerm(({ kind }) => kind === 'ne'),
  'selector: in': withoutTerm(({ kind }) => kind === 'in'),
  'selector: not in': withoutTerm(({ kind }) => kind === 'notIn' || kind === 'ne'),
  'selector: has': withoutTerm(({ kind }) => kind === 'has'),
  'selector: contains': withoutTerm(({ kind }) => kind === 'contains'),
  'selector: starts with': withoutTerm(({ kind }) => kind === 'startsWith'),
  'selector: ends with': withoutTerm(({ kind }) => kind === 'endsWith'),
  'selector: !': terms((term) => (term.kind === 'not' ? term.of : term)),
  'selector: &&': terms((term) => (term.kind === 'and' ? { kind: 'or', of: term.of } : term)),
  'selector: ||': terms((term) => (term.kind === 'or' ? { kind: 'and', of: term.of } : term)),
  'labels of namespaces': withoutTerm((term) => hasKey(term, (key) => key.startsWith('pcns.'))),
  'service accounts': withoutTerm((term) =>
    hasKey(term, (key) => key.startsWith('pcsa.') || key === 'projectcalico.org/serviceaccount'),
  ),
  'namespace of a policy, all() and global()': withoutTerm((term) =>
    term.kind === 'not'
      ? hasKey(term.of, (key) => key === 'projectcalico.org/namespace')
      : hasKey(term, (key) => key === 'projectcalico.org/namespace'),
  ),
  notSelector: withoutField('notSelector'),
  nets: ends((end) => ({ ...end, nets: [] })),
  notNets: ends((end) => ({ ...end, notNets: [] })),
  ports: ends((end) =>
    end.ports === undefined || end.ports.ranges.length === 0
      ? end
      : { ...end, ports: { ...end.ports, ranges: [{ from: 0, to: 65_535 }] } },
  ),
  'named ports': ends((end) =>
    end.ports === undefined ? end : { ...end, ports: { ...end.ports, names: [] } },
  ),
  notPorts: ends((end) => omit(end, 'notPorts')),
  'source ports': rules((rule) => ({ ...rule, source: omit(rule.source, 'ports', 'notPorts') })),
  protocol: rules((rule) => omit(rule, 'protocol')),
  notProtocol: rules((rule) => omit(rule, 'notProtocol')),
  ipVersion: rules((rule) => omit(rule, 'ipVersion')),
  ICMP: rules((rule) => (isRuleOf(1)(rule) || isRuleOf(58)(rule) ? undefined : rule)),
  'ICMP types': rules((rule) => omit(rule, 'icmp', 'notIcmp')),
  'types absent or one': policies((policy) => ({ ...policy, types: { ingress: true, egress: true } })),
  'services as source': rules((rule) => ({ ...rule, source: omit(rule.source, 'service') })),
  'services as destination': rules((rule) => ({ ...rule, destination: omit(rule.destination, 'service') })),
  GlobalNetworkSet: (world) => ({
    ...world,
    sets: world.sets.filter(({ namespace }) => namespace !== undefined),
  }),
  NetworkSet: (world) => ({ ...world, sets: world.sets.filter(({ namespace }) => namespace === undefined) }),
  'host endpoint *': hosts((each) => (each.interfaceName === '*' ? undefined : each)),
  'host endpoint by name': hosts((each) => (each.interfaceName === 'eth0' ? undefined : each)),
  'host endpoint by address': hosts((each) => (each.interfaceName === undefined ? undefined : each)),
  'host endpoint lo': hosts((each) => (each.interfaceName === 'lo' ? undefined : each)),
  'two host endpoints for one interface': hosts((each) => (each.name.endsWith('-a') ? undefined : each)),
  'addresses of host endpoints in rules': hosts((each) => ({ ...each, labels: {} })),
  'profiles of host endpoints': hosts((each) => ({ ...each, profiles: [] })),
  preDNAT: withoutPolicies(({ preDNAT }) => preDNAT),
  'preDNAT Allow is final': policies((policy) =>
    policy.preDNAT
      ? {
          ...policy,
          ingress: policy.ingress.map((r) => (r.action === 'Allow' ? { ...r, action: 'Pass' } : r)),
        }
      : policy,
  ),
  applyOnForward: policies((policy) => (policy.preDNAT ? policy : { ...policy, applyOnForward: false })),
  'host ingress': policies((policy) =>
    policy.preDNAT || policy.namespace !== undefined ? policy : { ...policy, ...hostOnly(policy, 'ingress') },
  ),
  'host egress': policies((policy) =>
    policy.preDNAT || policy.namespace !== undefined ? policy : { ...policy, ...hostOnly(policy, 'egress') },
  ),
  'failsafes inbound': settings({ failsafeInbound: [] }),
  'failsafes outbound': settings({ failsafeOutbound: [] }),
  'pod to its node': (world, stored) => {
    const isDrop = world.felix.find(({ name }) => name === 'default')?.endpointToHostAction === 'Drop';
    return settings({ endpointToHostAction: isDrop ? 'Accept' : 'Drop' })(world, stored);
  },
  'cluster IPs': services((service) => ({ ...service, clusterIPs: [] })),
  NodePorts: services((service) => ({
    ...service,
    ports: service.ports.map((port) => omit(port, 'nodePort')),
  })),
  'external IPs': services((service) => ({ ...service, externalIPs: [] })),
  'externalTrafficPolicy Local': services((service) => ({ ...service, externalLocal: false })),
  'internalTrafficPolicy Local': services((service) => ({ ...service, internalLocal: false })),
  natOutgoing: (world) => ({ ...world, pools: world.pools.map((pool) => ({ ...pool, natOutgoing: false })) }),
  VXLAN: (world) => ({ ...world, pools: world.pools.map((pool) => ({ ...pool, vxlan: 'Never' as const })) }),
  'DNAT in nftables mode': (world) => ({
    ...world,
    felix: world.felix.map((each) => ({ ...each, nftables: false })),
  }),
  'every policy': (world) => ({ ...world, policies: EMPTY_WORLD.policies }),
} as const satisfies Readonly<Record<string, Without>>;

export type Feature = keyof typeof FEATURES;

/** Texts that sort the other way round. */
const reversed = (text: string): string =>
  Array.from(text, (letter) => String.fromCharCode(255 - letter.charCodeAt(0))).join('');

/** The policy without one direction, as far as host endpoints are concerned: pods have the orchestrator. */
function hostOnly({ types, selector }: StoredPolicy, direction: 'ingress' | 'egress'): Partial<StoredPolicy> {
  const isOfHosts = JSON.stringify(selector).includes('"host"');
  return isOfHosts ? { types: { ...types, [direction]: false } } : {};
}
