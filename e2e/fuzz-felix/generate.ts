/** Random labels, tiers, sets, host endpoints and policies of one round. */
import { nodeAddress } from '../local/addresses.ts';
import type { Random } from '../harness/random.ts';
import { FOCUS_TIER, focusEndpoints, focusPolicies, randomFocus, type Focus } from './focus.ts';
import { ACCOUNTS, NAMESPACES, NODES, PODS } from './cast.ts';
import {
  adminRule,
  chance,
  labelSelector,
  namespaceSelector,
  networkPolicyRule,
  oneOf,
  rule,
  setNets,
  type Direction,
} from './rules.ts';
import { labels, selector, VALUES, type Key } from './selectors.ts';
import { ROUND_LABEL, type RoundObject } from './store.ts';

type Json = Readonly<Record<string, unknown>>;

export interface Round {
  readonly focus: Focus;
  readonly objects: readonly RoundObject[];
  /** Labels of objects that stay, by path. A key that the object should not have is null. */
  readonly labels: Readonly<Record<string, Readonly<Record<string, string | null>>>>;
}

const CRD = 'crd.projectcalico.org/v1';
const TIERS = ['early', 'late'] as const;

export function generate(random: Random): Round {
  const focus = randomFocus(random);
  const own = focusObjects(random, focus);
  const withHosts = own.some(({ kind }) => kind === 'HostEndpoint') || chance(random, 40);
  const times = (least: number, most: number, make: (index: number) => RoundObject): RoundObject[] =>
    Array.from({ length: random.between(least, most) }, (_, index) => make(index));
  const tiers = TIERS.filter(() => chance(random, 70)).map((name) => tier(random, name));
  return {
    focus,
    labels: randomLabels(random),
    objects: [
      ...own,
      ...tiers,
      ...times(1, 3, (index) => set(random, index)),
      ...(withHosts ? hostEndpoints(random) : []),
      ...times(2, 5, (index) => globalPolicy(random, `g${String(index)}`, withHosts)),
      ...(withHosts ? times(2, 5, (index) => hostPolicy(random, `h${String(index)}`)) : []),
      ...times(1, 4, (index) => policy(random, `n${String(index)}`)),
      ...times(0, 3, (index) => networkPolicy(random, `k${String(index)}`)),
      ...times(0, 2, (index) => adminPolicy(random, `a${String(index)}`, index)),
      ...(chance(random, 45) ? [baselinePolicy(random)] : []),
      ...(chance(random, 20) ? [staged(random)] : []),
    ],
  };
}

/** The tier of the focus comes first and passes. */
function focusObjects(random: Random, focus: Focus): readonly RoundObject[] {
  const policies = focusPolicies(random, focus).map(({ name, spec }) =>
    stored('GlobalNetworkPolicy', name, spec),
  );
  const endpoints = focusEndpoints(focus).map(({ name, labels: of, spec }) =>
    stored('HostEndpoint', name, spec, { labels: of }),
  );
  if (policies.length === 0 || focus === 'missing tier') return [...policies, ...endpoints];
  return [stored('Tier', FOCUS_TIER, { order: 1, defaultAction: 'Pass' }), ...policies, ...endpoints];
}

const stored = (
  kind: string,
  name: string,
  spec: Json,
  more: { readonly namespace?: string; readonly labels?: Json; readonly apiVersion?: string } = {},
): RoundObject => ({
  apiVersion: more.apiVersion ?? CRD,
  kind,
  metadata: {
    name,
    ...(more.namespace !== undefined && { namespace: more.namespace }),
    labels: { ...(more.labels as Record<string, string> | undefined), [ROUND_LABEL]: 'yes' },
  },
  spec,
});

function randomLabels(random: Random): Round['labels'] {
  const all = (keys: readonly Key[]): Readonly<Record<string, string | null>> => {
    const some = labels(random, keys);
    return Object.fromEntries(keys.map((key) => [key, some[key] ?? null]));
  };
  const entries = [
    ...NAMESPACES.map((name) => [`/api/v1/namespaces/${name}`, all(['team'])] as const),
    ...NAMESPACES.flatMap((namespace) =>
      ACCOUNTS.map(
        (name) => [`/api/v1/namespaces/${namespace}/serviceaccounts/${name}`, all(['role'])] as const,
      ),
    ),
    ...PODS.map(
      ({ namespace, name }) => [`/api/v1/namespaces/${namespace}/pods/${name}`, all(['app', 'env'])] as const,
    ),
  ];
  return Object.fromEntries(entries);
}

function tier(random: Random, name: string): RoundObject {
  const order = oneOf(random, [10, 500, 900, 5000, 2_000_000, undefined]);
  const defaultAction = oneOf(random, ['Pass', 'Pass', 'Pass', 'Deny', undefined]);
  return stored('Tier', name, {
    ...(order !== undefined && { order }),
    ...(defaultAction !== undefined && { defaultAction }),
  });
}

function set(random: Random, index: number): RoundObject {
  const spec = { nets: setNets(random) };
  const own = labels(random, ['app', 'env', 'host']);
  if (chance(random, 50)) return stored('GlobalNetworkSet', `s${String(index)}`, spec, { labels: own });
  const namespace = random.pick(NAMESPACES);
  return stored('NetworkSet', `s${String(index)}`, spec, { labels: own, namespace });
}

/** With it, a host endpoint lets everything through where no policy selects it. */
const OPEN = ['projectcalico-default-allow'];

function hostEndpoints(random: Random): readonly RoundObject[] {
  return NODES.flatMap(({ name: node }, index) => {
    const { v4, v6 } = nodeAddress(index + 1);
    const make = (name: string, spec: Json): RoundObject =>
      stored(
        'HostEndpoint',
        `${node}-${name}`,
        { node, ...(chance(random, 80) && { profiles: OPEN }), ...spec },
        { labels: labels(random, ['host', 'env']) },
      );
    const wildcard = (): RoundObject =>
      make('all', { interfaceName: '*', ...(chance(random, 50) && { expectedIPs: [v4, v6] }) });
    const eth0 = (name: string): RoundObject =>
      make(name, { interfaceName: 'eth0', ...(chance(random, 50) && { expectedIPs: [v4, v6] }) });
    return random.pick<() => readonly RoundObject[]>([
      () => [],
      () => [wildcard()],
      () => [wildcard()],
      () => [wildcard(), make('lo', { interfaceName: 'lo' })],
      () => [eth0('eth0')],
      () => [eth0('b'), eth0('a')],
      () => [make('address', { expectedIPs: random.pick([[v4], [v6], [v4, v6]]) })],
      () => [wildcard(), eth0('eth0')],
    ])();
  });
}

const tierOf = (random: Random): string =>
  random.pick<string>(['default', 'default', ...TIERS, ...TIERS, ...(chance(random, 6) ? ['missing'] : [])]);

function common(random: Random): { readonly tier: string; readonly spec: Json } {
  const order = oneOf(random, [1, 10, 10, 100, 1000, 5000, undefined]);
  const name = tierOf(random);
  return { tier: name, spec: { tier: name, ...(order !== undefined && { order }) } };
}

function typesOf(random: Random): { readonly types: readonly Direction[]; readonly spec: Json } {
  const types = random.pick<readonly Direction[]>([['ingress'], ['egress'], ['ingress', 'egress']]);
  if (chance(random, 10)) return { types, spec: {} };
  return { types, spec: { types: types.map((type) => (type === 'ingress' ? 'Ingress' : 'Egress')) } };
}

function rules(random: Random, types: readonly Direction[], scope: Parameters<typeof rule>[2]): Json {
  return Object.fromEntries(
    types.map((type) => [
      type,
      [
        ...Array.from({ length: random.between(0, 4) }, () => rule(random, type, scope)),
        // Without it, the ends of tiers would decide about nearly everything.
        ...(chance(random, 60) ? [{ action: random.pick(['Allow', 'Pass', 'Pass']) }] : []),
      ],
    ]),
  );
}

function subject(random: Random): Json {
  return random.pick<() => Json>([
    () => ({ selector: selector(random, ['app', 'env']) }),
    () => ({ selector: selector(random, ['app', 'env'], 1) }),
    () => ({ selector: selector(random, ['app', 'env'], 1), namespaceSelector: namespaceSelector(random) }),
    () => ({ namespaceSelector: namespaceSelector(random) }),
    () => ({ selector: 'all()', namespaceSelector: selector(random, ['team'], 1) }),
    () => ({
      selector: selector(random, ['app'], 1),
      serviceAccountSelector: selector(random, ['role'], 1),
    }),
  ])();
}

function globalPolicy(random: Random, name: string, withHosts: boolean): RoundObject {
  const { tier: of, spec } = common(random);
  const types = typesOf(random);
  const scope = { namespaced: false, host: withHosts };
  return stored('GlobalNetworkPolicy', `${of}.${name}`, {
    ...spec,
    ...subject(random),
    ...types.spec,
    ...rules(random, types.types, scope),
  });
}

/** A policy on host endpoints: one of the three kinds that they have. */
function hostPolicy(random: Random, name: string): RoundObject {
  const { tier: of, spec } = common(random);
  const types = typesOf(random);
  const scope = { namespaced: false, host: true };
  const kind = random.pick(['preDNAT', 'preDNAT', 'forward', 'forward', 'normal', 'normal']);
  const rest =
    kind === 'preDNAT'
      ? { types: ['Ingress'], ...rules(random, ['ingress'], scope), preDNAT: true, applyOnForward: true }
      : {
          ...types.spec,
          ...rules(random, types.types, scope),
          ...(kind === 'forward' && { applyOnForward: true }),
        };
  const hosts = `host in { '${VALUES.host.join("', '")}' }`;
  const selects = random.pick([
    hosts,
    selector(random, ['host'], 1),
    `${hosts} && ${selector(random, ['env'], 0)}`,
  ]);
  return stored('GlobalNetworkPolicy', `${of}.${name}`, { ...spec, selector: selects, ...rest });
}

function policy(random: Random, name: string): RoundObject {
  const { tier: of, spec } = common(random);
  const types = typesOf(random);
  return stored(
    'NetworkPolicy',
    `${of}.${name}`,
    {
      ...spec,
      selector: chance(random, 30) ? '' : selector(random, ['app', 'env']),
      ...(chance(random, 10) && { serviceAccountSelector: selector(random, ['role'], 1) }),
      ...types.spec,
      ...rules(random, types.types, { namespaced: true, host: false }),
    },
    { namespace: random.pick(NAMESPACES) },
  );
}

function networkPolicy(random: Random, name: string): RoundObject {
  const types = random.pick([['Ingress'], ['Egress'], ['Ingress', 'Egress']]);
  const list = (of: 'from' | 'to'): readonly Json[] =>
    Array.from({ length: random.between(0, 3) }, () => networkPolicyRule(random, of));
  return stored(
    'NetworkPolicy',
    name,
    {
      podSelector: labelSelector(random, random.pick(['app', 'env'] as const)),
      policyTypes: types,
      ...(types.includes('Ingress') && { ingress: list('from') }),
      ...(types.includes('Egress') && { egress: list('to') }),
    },
    { namespace: random.pick(NAMESPACES), apiVersion: 'networking.k8s.io/v1' },
  );
}

function adminSpec(random: Random, actions: readonly string[]): Json {
  const list = (of: 'from' | 'to'): readonly Json[] =>
    Array.from({ length: random.between(0, 3) }, () => adminRule(random, of, actions));
  return {
    subject: random.pick<Json>([
      { namespaces: labelSelector(random, 'team') },
      {
        pods: {
          namespaceSelector: labelSelector(random, 'team'),
          podSelector: labelSelector(random, 'app'),
        },
      },
    ]),
    ingress: list('from'),
    egress: list('to'),
  };
}

const ADMIN = 'policy.networking.k8s.io/v1alpha1';

function adminPolicy(random: Random, name: string, index: number): RoundObject {
  const spec = adminSpec(random, ['Allow', 'Deny', 'Pass']);
  return stored(
    'AdminNetworkPolicy',
    name,
    { priority: random.between(1, 9) * 10 + index, ...spec },
    {
      apiVersion: ADMIN,
    },
  );
}

/** There is only one, and its name is `default`. */
function baselinePolicy(random: Random): RoundObject {
  return stored('BaselineAdminNetworkPolicy', 'default', adminSpec(random, ['Allow', 'Deny']), {
    apiVersion: ADMIN,
  });
}

/** It must change nothing. */
function staged(random: Random): RoundObject {
  const enforced = globalPolicy(random, 'staged', false);
  return { ...enforced, kind: 'StagedGlobalNetworkPolicy' };
}
