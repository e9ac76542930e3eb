import { describe, expect, test } from '@jest/globals';
import type { Group, Peer, Spec } from '../api/schema.ts';
import { BOUNDS } from './bounds.ts';
import { compile } from './compile.ts';
import { ruleId } from './names.ts';
import { firewall, inventory, web } from './testing/examples.ts';
import { namespace } from './testing/inventories.ts';
import { LARGE_SPECS } from './testing/large-firewalls.ts';
import { flawsOf } from './testing/wellformed.ts';

const times = <T>(count: number, make: (index: number) => T) =>
  Array.from({ length: count }, (_, i) => make(i));
const known = inventory(namespace('blog'), namespace('a'));
const compiled = (spec: Partial<Spec>) => {
  const { objects, problems, frozen } = compile([firewall(spec)], known);
  const sizes = objects.map(({ object }) => JSON.stringify(object).length);
  const overBound = problems.filter(({ reason }) => reason === 'TooLarge');
  return { objects, problems, frozen, sizes, overBound, bytes: sizes.reduce((sum, size) => sum + size, 0) };
};

/** As far apart as 64 addresses can be: leaving one out costs more than a hundred networks. */
const far = (index: number) => `${(1024 * (index % 64) + 1).toString(16)}::${(index + 1).toString(16)}/128`;
const block = (from: number, count: number) => ({
  ipBlock: { cidr: '::/0', except: times(count, (index) => far(from + index)) },
});
type Rule = NonNullable<Group['ingress']>[number];
const rule = (name: string, fields: Partial<Rule>): Rule => ({
  name,
  pods: {},
  from: [{ entity: 'World' }],
  ports: [80],
  ...fields,
});
const ranges = times(64, (index) => `${String(1000 + 20 * index)}-${String(1010 + 20 * index)}`);
/** Pods of 64 namespaces whose names fill eight selectors. */
const longNames = (index: number) => ({
  pods: {
    namespaceSelector: {
      matchExpressions: [
        {
          key: 'kubernetes.io/metadata.name',
          operator: 'In' as const,
          values: times(64, (each) => `${'n'.repeat(58)}${String(1000 + 64 * index + each).slice(-4)}`),
        },
      ],
    },
  },
});
const inBlog = (...rules: readonly Rule[]): Partial<Spec> => ({
  namespaces: [{ ...web, ingress: [...(web.ingress ?? []), ...rules] }],
});

describe('a rule over a bound', () => {
  test.each<[string, Partial<Rule>, RegExp]>([
    [
      'networks that excepts leave',
      { from: times(64, (index) => block(64 * index, 64)) },
      /^leaves more than 16384 networks of its ipBlocks, the most for a rule: leave out fewer or larger parts/,
    ],
    [
      'Calico rules, sources times ports',
      { from: times(64, longNames), ports: ranges.slice(0, 10) },
      /^needs 6400 Calico rules, sources or destinations times ports, and the most is 5000: name fewer/,
    ],
    [
      'bytes',
      { from: [block(0, 64)], ports: ranges },
      /^needs \d+\.\d MB of policies, and the most for a rule is 8\.0 MB: name fewer/,
    ],
  ])('%s: is a problem with the number and the remedy, and holds what is stored', (_, fields, message) => {
    const { overBound, frozen, objects, bytes } = compiled(inBlog(rule('large', fields)));
    expect(overBound).toEqual([
      expect.objectContaining({
        severity: 'problem',
        rule: 'default/blog/ingress/large',
        path: 'spec.namespaces[0].ingress[1]',
        message: expect.stringMatching(message),
      }),
    ]);
    expect(frozen).toContainEqual({ rule: 'default/blog/ingress/large' });
    const carried = objects.flatMap(({ rules }) => rules);
    expect(carried).toContain('default/blog/ingress/web');
    expect(carried).not.toContain('default/blog/ingress/large');
    expect(bytes).toBeLessThan(50_000);
  });

  test('a guardrail keeps the entries that are within it, as a stand-in', () => {
    const guardrail = {
      name: 'g',
      pods: {},
      to: [...times(3, (index) => block(64 * index, 64)), { entity: 'World' as const }],
      ports: ['All'],
    };
    const { overBound, objects } = compiled({ guardrails: [guardrail] });
    expect(overBound.map(({ path }) => path)).toEqual(['spec.guardrails[0]']);
    const own = objects.filter(({ rules }) => rules.includes(ruleId('default/guardrails/g')));
    expect(own.length).toBeGreaterThan(0);
    expect(own.every(({ standIn }) => standIn === true)).toBe(true);
  });
});

describe('a firewall over a bound', () => {
  const large = times(24, (index) => rule(`r${String(index + 10)}`, { from: [block(64 * index, 64)] }));
  const names = (spec: Partial<Spec>) => compiled(spec).overBound.map((problem) => problem.rule);

  test('holds the rules that do not fit, whatever their order in the manifest, and none of the small ones', () => {
    const { overBound, objects } = compiled(inBlog(...large));
    expect(overBound.length).toBeGreaterThan(0);
    expect(overBound.length).toBeLessThan(24);
    for (const { message } of overBound)
      expect(message).toMatch(
        /all rules of the ClusterFirewall have more than 131072.*here or in other rules/,
      );
    expect(objects.flatMap(({ rules }) => rules)).toContain('default/blog/ingress/web');
    expect(names(inBlog(...large.toReversed())).sort()).toEqual(overBound.map(({ rule: id }) => id).sort());
  });

  test('what is left out takes no room from others', () => {
    const refused = times(20, (index) =>
      rule(`a${String(index + 10)}`, { from: times(3, (each) => block(64 * (3 * index + each), 64)) }),
    );
    const fits = rule('z', { from: [block(0, 64)] });
    expect(names(inBlog(...refused, fits))).toEqual(
      refused.map(({ name }) => `default/blog/ingress/${name}`),
    );
  });
});

test('policies are split before etcd would refuse them', () => {
  const { sizes, overBound } = compiled(
    inBlog(rule('wide', { from: [block(0, 64)], ports: ranges.slice(0, 12) })),
  );
  expect(overBound).toEqual([]);
  expect(sizes.filter((size) => size > 400_000).length).toBeGreaterThan(2);
  expect(Math.max(...sizes)).toBeLessThan(BOUNDS.policy.bytes);
});

describe('the capacity floors, each alone, are within the bounds', () => {
  const v4 = (index: number) => `10.${String(index >> 8)}.${String(index & 255)}.0/24`;
  const v6 = (index: number) => `2001:db8:${index.toString(16)}::/48`;
  const peer = (index: number, cidrs: string[]): Peer => ({ name: `p${String(index)}`, cidrs });
  const group = (index: number, fields: Partial<Group> = {}): Group => ({
    name: `g${String(index)}`,
    namespaces: [`ns-${String(index)}`],
    ...fields,
  });
  const use = (index: number) =>
    rule(`r${String(index)}`, { from: [{ peer: `p${String(index)}` }], ports: [80, '443', '53/UDP'] });
  const specs: Record<string, Partial<Spec>> = {
    '500 peers, each used': {
      peers: times(500, (index) => peer(index, [v4(index), v6(index)])),
      namespaces: times(5, (index) =>
        group(index, { ingress: times(100, (each) => use(100 * index + each)) }),
      ),
    },
    '500 groups with a rule': {
      namespaces: times(500, (index) => group(index, { ingress: [rule('r', {})] })),
    },
    '100 rules in each list': {
      namespaces: [
        group(0, {
          ingress: times(100, (index) => rule(`r${String(index)}`, {})),
          metrics: times(100, (index) => rule(`r${String(index)}`, { from: [{ entity: 'Pods' }] })),
          connections: times(100, (index) => ({
            name: `r${String(index)}`,
            fromPods: {},
            toPods: {},
            ports: [80],
          })),
          egress: times(100, (index) => ({
            name: `r${String(index)}`,
            pods: {},
            to: [{ entity: 'World' as const }],
            ports: [80],
          })),
        }),
      ],
    },
    '1,000 CIDRs in a peer, for pods and at nodes': {
      peers: [
        peer(
          0,
          times(1000, (index) => (index % 2 === 0 ? v4(index) : v6(index))),
        ),
      ],
      namespaces: [group(0, { ingress: [rule('r', { from: [{ peer: 'p0' }], nodePorts: [30080, 30443] })] })],
      nodes: {
        mode: 'Enforce',
        blocked: [{ peer: 'p0' }],
        zones: [
          { name: 'z', from: [{ peer: 'p0' }], allow: { services: ['ssh'], ports: [9100, '30000-32767'] } },
        ],
      },
    },
    '64 parts left out of one block, on some ports': inBlog(
      rule('r', { from: [block(0, 64)], ports: [80, 443, '53/UDP'] }),
    ),
    '64 sources and 64 ports': inBlog(
      rule('r', {
        from: times(64, (index) => ({
          pods: { namespaceSelector: { matchLabels: { [`team-${String(index)}`]: 'x' } } },
        })),
        ports: ranges,
      }),
    ),
  };

  test.each(Object.entries(specs))('%s', (_, spec) => {
    expect(compiled(spec).overBound).toEqual([]);
  });
});

describe('specs that ask for much', () => {
  test.each(Object.entries(LARGE_SPECS))('%s: stay within the bounds', (_, large) => {
    const { objects, sizes, bytes } = compiled(large(60_000));
    expect(objects.length).toBeLessThanOrEqual(BOUNDS.firewall.objects);
    expect(bytes).toBeLessThanOrEqual(BOUNDS.firewall.bytes);
    expect(Math.max(...sizes)).toBeLessThanOrEqual(1.2 * BOUNDS.policy.bytes);
    expect(flawsOf(objects.slice(0, 2).map(({ object }) => object))).toEqual([]);
  });
});
