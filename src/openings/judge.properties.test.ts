import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { inForce } from '../assertions/in-force.ts';
import type { GeneratedObject } from '../calico/types.ts';
import { compile } from '../compiler/compile.ts';
import type { Cluster, Flow } from '../compiler/testing/cluster.ts';
import { describeFlow } from '../compiler/testing/cluster.ts';
import { firewalls } from '../compiler/testing/generators.ts';
import { FEWER } from '../compiler/testing/runs.ts';
import { simulatedEndsOf, surroundingsOf } from '../compiler/testing/simulated.ts';
import { flowsOf, scene } from '../compiler/testing/surroundings.ts';
import { parseCidr } from '../net/cidr.ts';
import { storedWorld } from '../questions/world.ts';
import { judgeOpenings } from './judge.ts';

const TIERS = { 'a-first': 10, between: 950, later: 2_000_000 };
const tiers = Object.entries(TIERS).map(([name, order]) => ({
  apiVersion: 'projectcalico.org/v3',
  kind: 'Tier',
  metadata: { name },
  spec: { order, defaultAction: 'Pass' },
}));
const SELECTORS = [
  '',
  'all()',
  "role == 'x'",
  "app in {'p', 'q'}",
  '!has(role)',
  "role != 'y' && app == 'p'",
];
const NAMESPACE_SELECTORS = [
  '',
  '',
  'all()',
  "team == 'p'",
  "kubernetes.io/metadata.name == 'a'",
  "role != 'x'",
];
const NETS = [
  ['0.0.0.0/0'],
  ['10.1.0.0/16'],
  ['10.1.1.0/24', '203.0.113.0/24'],
  ['2001:db8::/32'],
  ['198.51.100.7/32'],
];

const given = <T>(value: T | undefined, key: string) => (value === undefined ? {} : { [key]: value });
const option = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { nil: undefined });
const end = fc
  .record({
    selector: fc.constantFrom(...SELECTORS),
    namespaceSelector: fc.constantFrom(...NAMESPACE_SELECTORS),
    nets: option(fc.constantFrom(...NETS)),
    notNets: option(fc.constantFrom(['10.1.2.0/24'], ['203.0.113.9/32'])),
  })
  .map(({ nets, notNets, ...rest }) => ({ ...rest, ...given(nets, 'nets'), ...given(notNets, 'notNets') }));
const ports = fc.constantFrom<readonly (number | string)[]>([80], ['80:8080'], [53, 81], ['http'], [6443]);
const rule = fc
  .record({
    action: fc.constantFrom('Allow', 'Allow', 'Allow', 'Deny', 'Pass'),
    far: end,
    own: fc.oneof({ weight: 4, arbitrary: fc.constant({}) }, { weight: 1, arbitrary: end }),
    protocol: option(fc.constantFrom('TCP', 'UDP', 'ICMP')),
    ports: option(ports),
  })
  .map(({ protocol, ports: wanted, ...rest }) => ({
    ...rest,
    ...given(protocol, 'protocol'),
    ports: protocol === undefined || protocol === 'ICMP' ? undefined : wanted,
  }));
const tierName = fc.constantFrom('default', 'default', ...Object.keys(TIERS));

/** A policy that another client might write. */
const theirs = fc
  .record({
    tier: tierName,
    order: option(fc.constantFrom(50, 500, 2000)),
    selector: fc.constantFrom(...SELECTORS),
    namespaceSelector: fc.constantFrom(...NAMESPACE_SELECTORS),
    ingress: fc.array(rule, { maxLength: 2 }),
    egress: fc.array(rule, { maxLength: 2 }),
  })
  .map(({ ingress, egress, order, ...rest }) => ({
    ...rest,
    ...given(order, 'order'),
    types: ['Ingress', 'Egress'],
    ingress: ingress.map(({ far, own, ports: to, ...each }) => ({
      ...each,
      source: far,
      destination: { ...own, ...given(to, 'ports') },
    })),
    egress: egress.map(({ far, own, ports: to, ...each }) => ({
      ...each,
      source: own,
      destination: { ...far, ...given(to, 'ports') },
    })),
  }));

/** One that says what a policy of the firewall says already, for the same pods. */
const copy = fc.record({
  copyOf: fc.nat(),
  tier: tierName,
  drop: fc.boolean(),
  selector: option(fc.constantFrom(...SELECTORS)),
});

interface PolicySpec {
  readonly tier: string;
}

function specOf(
  wanted: typeof copy extends fc.Arbitrary<infer T> ? T : never,
  own: readonly GeneratedObject[],
): PolicySpec {
  const all = own.flatMap((object) => (object.kind === 'GlobalNetworkPolicy' ? [object.spec] : []));
  const spec = all[wanted.copyOf % Math.max(all.length, 1)];
  const { tier, selector, drop } = wanted;
  if (spec === undefined) return { tier };
  const some = <T>(rules: readonly T[] = []): readonly T[] => (drop ? rules.slice(1) : rules);
  return {
    ...spec,
    ingress: some(spec.ingress),
    egress: some(spec.egress),
    tier,
    ...given(selector, 'selector'),
  } as PolicySpec;
}

const policyOf = (spec: PolicySpec, index: number): GeneratedObject =>
  ({
    apiVersion: 'projectcalico.org/v3',
    kind: 'GlobalNetworkPolicy',
    metadata: { name: `${spec.tier === 'default' ? '' : `${spec.tier}.`}theirs-${String(index)}` },
    spec,
  }) as unknown as GeneratedObject;

const idOf = ({ kind, metadata }: GeneratedObject): string => `${kind}/${metadata.name}`;
const POD_NETS = ['10.1.0.0/16', 'fd00:1::/48'].map(parseCidr);

test('an object that is dropped opens nothing that the firewall refuses at either end', () => {
  fc.assert(
    fc.property(
      firewalls,
      scene,
      fc.array(fc.oneof(theirs, copy), { minLength: 1, maxLength: 4 }),
      (list, { cluster: whole, inventory }, drawn) => {
        const cluster: Cluster = { ...whole, tenantPolicies: [] };
        const compilation = compile(list, inventory);
        const own = compilation.objects.map(({ object }) => object);
        const foreign = drawn.map((each, index) =>
          policyOf('copyOf' in each ? specOf(each, own) : each, index),
        );
        const around = surroundingsOf(cluster).filter(
          (object) => (object as { kind: string }).kind !== 'Pod',
        );
        const others = storedWorld([...around, ...tiers, ...foreign], ['Pod', 'ServiceAccount']);
        const worlds = {
          others,
          inForce: inForce(others, [], compilation),
          services: { named: undefined },
          podNets: POD_NETS,
        };
        const judged = judgeOpenings(worlds, foreign.map(idOf));
        const dropped = new Set([...judged].flatMap(([id, { is }]) => (is === 'Nothing' ? [id] : [])));
        if (dropped.size === 0) return;
        const rules = [...own, ...(tiers as unknown as readonly GeneratedObject[])];
        const alone = simulatedEndsOf(rules, cluster);
        const all = simulatedEndsOf([...rules, ...foreign], cluster);
        const kept = foreign.filter((each) => !dropped.has(idOf(each)));
        const without = simulatedEndsOf([...rules, ...kept], cluster);
        const isOpened = (end: 'from' | 'to', flow: Flow): boolean =>
          !alone(end, flow) && all(end, flow) && !without(end, flow);
        const isWrong = (flow: Flow): boolean => isOpened('from', flow) || isOpened('to', flow);
        expect(flowsOf(cluster).filter(isWrong).map(describeFlow)).toEqual([]);
      },
    ),
    FEWER,
  );
});
