/**
 * Valid specs that are nearly as large as etcd takes them, each written to make the compiler work or make
 * more than its author wrote.
 */
import type { IpBlock, Spec } from '../../api/schema.ts';

/** etcd refuses a request of more than 1.5 MiB, and the API server's own fields need a part of it. */
export const NEARLY_ETCDS_LIMIT = 1_400_000;

const times = <T>(count: number, make: (index: number) => T): T[] =>
  Array.from({ length: count }, (_, index) => make(index));

/** As many items as fit into the bytes, and at most `max`. */
function filled<T>(bytes: number, max: number, make: (index: number) => T): T[] {
  const items: T[] = [];
  let room = bytes;
  for (let index = 0; index < max; index += 1) {
    const item = make(index);
    room -= JSON.stringify(item).length + 1;
    if (room < 0) break;
    items.push(item);
  }
  return items;
}

type Rule = NonNullable<NonNullable<Spec['namespaces']>[number]['ingress']>[number];
type Group = NonNullable<Spec['namespaces']>[number];
type Egress = NonNullable<Group['egress']>[number];
type Peer = NonNullable<Spec['peers']>[number];

const hex = (value: number): string => value.toString(16);
const v6 = (index: number): string => `2001:db8:${hex((index * 40503) % 65536)}:${hex(index)}::/64`;
/** Far apart, so that leaving 64 out of ::/0 leaves as many networks as it can. */
const apart = (index: number): string => `${hex(1024 * (index % 64) + 1)}::${hex(index + 1)}/128`;
const v4 = (index: number): string =>
  `${index % 2 === 0 ? '10' : '11'}.${(index >> 16) & 255}.${(index >> 8) & 255}.${index & 254}/32`;
const longName = (index: number): string => `${'n'.repeat(55)}-${hex(index).padStart(6, '0')}`;
const shortName = (index: number): string => `n${index.toString(36)}`;
const oddPorts: Rule['ports'] = times(64, (index) => `${1000 + 20 * index}-${1010 + 20 * index}`);
const labelled = (index: number) => ({ matchLabels: { [`l${index}`]: `v${index}` } });
const manyLabels = (index: number, count = 32) => ({
  matchLabels: Object.fromEntries(times(count, (each) => [`key-${index}-${each}`, `value-${each}`])),
});

const rule = (index: number, fields: Partial<Rule>): Rule => ({
  name: `r${index}`,
  pods: {},
  from: [{ entity: 'World' }],
  ports: [80],
  ...fields,
});

/** Groups of up to 100 rules until the bytes are full. */
function groups(bytes: number, fields: Omit<Group, 'name'>, make: (index: number) => Rule): Group[] {
  const rules = filled(bytes - 10_000, 50_000, make);
  return times(Math.ceil(rules.length / 100), (index) => ({
    name: `g${index}`,
    ...fields,
    ingress: rules.slice(100 * index, 100 * (index + 1)),
  }));
}

const enforce = (spec: Omit<Spec, 'mode'>): Spec => ({ mode: 'Enforce', ...spec });
const observe = (spec: Omit<Spec, 'mode'>): Spec => ({ mode: 'Observe', ...spec });
const one = { namespaces: ['a'] };
const everywhere = {
  namespaceSelector: { matchExpressions: [{ key: 'a', operator: 'DoesNotExist' as const }] },
};

const excepts = (index: number): { ipBlock: IpBlock }[] =>
  times(64, (block) => ({
    ipBlock: { cidr: '::/0', except: times(64, (each) => apart(((64 * index + block) % 1000) * 64 + each)) },
  }));
const peersOf = (count: number, size: number, cidr: (index: number) => string): Peer[] =>
  times(count, (index) => ({ name: `p${index}`, cidrs: times(size, (each) => cidr(index * size + each)) }));
/** 64 peers of up to 250 CIDRs, as many as a rule may hold itself, in a third of the bytes. */
const peersFor = (bytes: number): Peer[] => peersOf(64, Math.min(250, Math.floor(bytes / 3 / 64 / 25)), v6);
const fromPeers = times(64, (index) => ({ peer: `p${index}` }));

/** The keys are names. Each takes the number of bytes that the spec may have. */
export const LARGE_SPECS: Readonly<Record<string, (bytes: number) => Spec>> = {
  'excepts of ::/0': (bytes) =>
    enforce({ namespaces: groups(bytes, one, (i) => rule(i, { from: excepts(i) })) }),
  'excepts of ::/0 as destinations': (bytes) =>
    enforce({
      namespaces: [
        {
          name: 'g',
          ...everywhere,
          egress: filled(bytes - 10_000, 100, (i): Egress => ({
            name: `r${i}`,
            pods: {},
            to: excepts(i),
            ports: oddPorts,
          })),
        },
      ],
    }),
  'excepts of ::/0 in guardrails': (bytes) =>
    enforce({
      guardrails: filled(bytes - 10_000, 100, (i) => ({
        name: `r${i}`,
        pods: {},
        to: excepts(i),
        ports: oddPorts,
      })),
    }),
  'peers times ports': (bytes) =>
    enforce({
      peers: peersFor(bytes),
      namespaces: groups(0.6 * bytes, one, (i) => rule(i, { from: fromPeers, ports: oddPorts })),
    }),
  'peers times ports at nodes': (bytes) =>
    enforce({
      peers: peersFor(bytes),
      nodes: {
        mode: 'Observe',
        zones: filled(0.6 * bytes, 100, (i) => ({
          name: `z${i}`,
          from: fromPeers,
          allow: { ports: times(64, (each) => `${1000 + i + 100 * each}/UDP`) },
          nodeSelector: labelled(i),
        })),
        blocked: fromPeers,
      },
    }),
  'nodePorts and hostPorts': (bytes) =>
    enforce({
      peers: peersFor(bytes),
      nodes: { mode: 'Observe' },
      namespaces: groups(0.6 * bytes, one, (i) =>
        rule(i, { from: fromPeers, nodePorts: oddPorts, hostPorts: oddPorts }),
      ),
    }),
  'the most CIDRs': (bytes) =>
    enforce({
      peers: filled(bytes, 500, (i) => ({
        name: `p${i}`,
        cidrs: times(1000, (each) => v4(2 * (i * 1000 + each))),
      })),
      namespaces: [
        { name: 'g', ...one, ingress: times(100, (i) => rule(i, { from: [{ peer: `p${i % 60}` }] })) },
      ],
    }),
  'the most rules': (bytes) => enforce({ namespaces: groups(bytes, one, (i) => rule(i, {})) }),
  'the most rules, observed': (bytes) => observe({ namespaces: groups(bytes, one, (i) => rule(i, {})) }),
  'the most rules for every namespace': (bytes) =>
    enforce({ namespaces: groups(bytes, everywhere, (i) => rule(i, { from: [{ entity: 'Pods' }] })) }),
  'long lists of names times pods': (bytes) =>
    enforce({
      namespaces: [
        {
          name: 'g',
          namespaces: times(500, longName),
          ingress: filled(bytes - 40_000, 100, (i) =>
            rule(i, {
              from: times(64, (each) => ({ pods: { namespaceSelector: {}, podSelector: labelled(each) } })),
              ports: oddPorts,
            }),
          ),
        },
      ],
    }),
  'names of enforced groups, and rules for all pods': (bytes) =>
    observe({
      namespaces: [
        ...filled(0.7 * bytes, 300, (i): Group => ({
          name: `g${i}`,
          mode: 'Enforce',
          namespaces: times(300, (each) => shortName(300 * i + each)),
        })),
        ...groups(0.3 * bytes, everywhere, (i) => rule(i, { from: [{ entity: 'Pods' }] })).map((group) => ({
          ...group,
          name: `r-${group.name}`,
        })),
      ],
    }),
  'names of observed groups': (bytes) =>
    enforce({
      namespaces: filled(bytes, 500, (i): Group => ({
        name: `g${i}`,
        mode: 'Observe',
        namespaces: times(300, (each) => shortName(300 * i + each)),
        ingress: [rule(0, { from: [{ entity: 'Pods' }] })],
      })),
    }),
  'labels of observed groups': (bytes) =>
    enforce({
      namespaces: filled(bytes, 500, (i): Group => ({
        name: `g${i}`,
        mode: 'Observe',
        namespaceSelector: manyLabels(i),
        ingress: times(8, (each) => rule(each, { from: [{ entity: 'Pods' }] })),
      })),
    }),
  'exempt names': (bytes) =>
    enforce({
      defaults: { exempt: { names: times(500, longName) } },
      namespaces: groups(bytes - 40_000, everywhere, (i) => rule(i, { from: [{ entity: 'Pods' }] })),
    }),
  'exempt names that just fit': (bytes) =>
    enforce({
      defaults: { exempt: { names: times(24, longName) } },
      namespaces: groups(bytes - 40_000, everywhere, (i) => rule(i, { from: [{ entity: 'Pods' }] })),
    }),
  'selectors that are too long': (bytes) =>
    enforce({
      namespaces: groups(bytes, one, (i) =>
        rule(i, { pods: manyLabels(i), from: [{ pods: { namespaceSelector: manyLabels(i + 1) } }] }),
      ),
    }),
  'connections in every namespace': (bytes) =>
    enforce({
      namespaces: times(Math.max(1, Math.floor(bytes / 140_000)), (i) => ({
        name: `g${i}`,
        ...everywhere,
        isolation: 'SameNamespace' as const,
        connections: times(100, (each) => ({
          name: `c${each}`,
          fromPods: labelled(each),
          toPods: labelled(each + 1),
          ports: oddPorts,
        })),
      })),
    }),
  'sources in the same namespace': (bytes) =>
    enforce({
      namespaces: groups(bytes, everywhere, (i) =>
        rule(i, { from: times(64, (each) => ({ pods: { podSelector: labelled(each) } })), ports: oddPorts }),
      ),
    }),
  'guardrails times ports': (bytes) =>
    enforce({
      peers: peersFor(bytes),
      guardrails: filled(0.6 * bytes, 100, (i) => ({
        name: `r${i}`,
        pods: { podSelector: labelled(i) },
        to: fromPeers,
        ports: oddPorts,
      })),
    }),
  'unknown peers': (bytes) =>
    enforce({ namespaces: groups(bytes, one, (i) => rule(i, { from: [{ peer: 'nobody' }] })) }),
  'zones of pods': (bytes) =>
    enforce({
      nodes: {
        mode: 'Observe',
        controlPlane: times(16, (i) => ({ peer: `p${i}` })),
        zones: times(Math.min(100, Math.floor(bytes / 4000)), (i) => ({
          name: `z${i}`,
          from: times(64, (each) => ({ peer: `p${(i + each) % 400}` })),
          allow: { ports: times(64, (each) => 1000 + 100 * each + i) },
        })),
      },
      peers: times(400, (i) => ({ name: `p${i}`, pods: { namespaceSelector: labelled(i) } })),
    }),
};
