/**
 * fast-check arbitraries for valid ClusterFirewalls. Their alphabet is small, so names, labels and addresses
 * overlap often.
 */
import fc from 'fast-check';
import type {
  ClusterFirewall,
  ConnectionRule,
  Defaults,
  EgressRule,
  Group,
  Guardrail,
  IngressRule,
  IpBlock,
  LabelSelector,
  LabelSelectorRequirement,
  Mode,
  Peer,
  PortValue,
  RuleDestination,
  RuleSource,
} from '../../api/schema.ts';
import { given, maybe, record, some } from './arbitraries.ts';

export const NAMESPACES = ['a', 'b', 'c', 'istio', 'kube-system', 'cfw-system'] as const;

const requirement = (key: string, values: readonly string[]): fc.Arbitrary<LabelSelectorRequirement> =>
  fc.oneof(
    record<LabelSelectorRequirement>({
      key: fc.constant(key),
      operator: fc.constantFrom('In', 'NotIn'),
      values: some(values, 2),
    }),
    record<LabelSelectorRequirement>({
      key: fc.constant(key),
      operator: fc.constantFrom('Exists', 'DoesNotExist'),
    }),
  );

const selectorOver = (labels: Readonly<Record<string, readonly string[]>>): fc.Arbitrary<LabelSelector> => {
  const keys = fc.constantFrom(...Object.entries(labels));
  const pairs = keys.chain(([key, values]) =>
    fc.constantFrom(...values).map((value) => [key, value] as const),
  );
  return fc.oneof(
    pairs.map(([key, value]) => ({ matchLabels: { [key]: value } })),
    fc
      .array(
        keys.chain(([key, values]) => requirement(key, values)),
        { minLength: 1, maxLength: 2 },
      )
      .map((matchExpressions) => ({ matchExpressions })),
    fc
      .tuple(
        pairs,
        keys.chain(([key, values]) => requirement(key, values)),
      )
      .map(([[key, value], each]) => ({ matchLabels: { [key]: value }, matchExpressions: [each] })),
  );
};

const nonEmptyNamespaceSelector = selectorOver({
  role: ['x', 'y', ''],
  team: ['p', 'q'],
  'kubernetes.io/metadata.name': ['a', 'b', 'kube-system'],
});
/** A label may have an empty value, and its key may be one of Calico's operators. */
const nonEmptyPodSelector = selectorOver({ role: ['x', 'y', ''], app: ['p', 'q'], in: ['p'] });
const everything: fc.Arbitrary<LabelSelector> = fc.constant({});
const namespaceSelector = fc.oneof(everything, nonEmptyNamespaceSelector);
const podSelector = fc.oneof(everything, nonEmptyPodSelector);

const serviceAccounts = maybe(some(['web', 'db'], 2), 4);

/** Nested blocks, so `except` lies inside `cidr`. Sometimes it covers all of it. */
const BLOCKS: Readonly<Record<string, readonly string[]>> = {
  '0.0.0.0/0': ['10.0.0.0/8', '10.1.0.0/16', '198.51.100.0/24', '128.0.0.0/1', '0.0.0.0/1'],
  '10.0.0.0/8': ['10.1.0.0/16', '10.9.0.0/24', '10.9.0.11/32'],
  '10.9.0.11/32': ['10.9.0.11/32'],
  '10.1.0.0/16': ['10.1.1.0/24', '10.1.1.1/32', '10.1.2.0/24'],
  '198.51.100.0/24': ['198.51.100.7/32', '198.51.100.0/25', '198.51.100.128/25'],
  '203.0.113.9/32': ['203.0.113.9/32'],
  '169.254.0.0/16': ['169.254.169.254/32', '169.254.20.10/32'],
  '::/0': ['fd00::/8', '2001:db8::/32', '::/1', '8000::/1'],
  'fd00:1::/32': ['fd00:1::/48', 'fd00:1:0:1::/64'],
  '2001:db8::/32': ['2001:db8::7/128', '2001:db8:0:1::/64'],
};
const cidrs = some(Object.keys(BLOCKS), 5);
const ipBlock: fc.Arbitrary<IpBlock> = fc
  .constantFrom(...Object.entries(BLOCKS))
  .chain(([cidr, inside]) => record<IpBlock>({ cidr: fc.constant(cidr), except: maybe(some(inside), 3) }));

const NUMBERED: readonly PortValue[] = [
  80,
  81,
  8080,
  '80',
  '80-81',
  '1-65535',
  '53/UDP',
  '80/udp',
  '81/SCTP',
  '6443',
  '79-80/TCP',
  'ICMP',
  'All/TCP',
  'All/udp',
];
const NAMED: readonly PortValue[] = ['http', 'http/UDP', 'dns/UDP', 'web'];
const all: fc.Arbitrary<PortValue[]> = fc.constant(['All']);
const ports = fc.oneof(
  { weight: 1, arbitrary: all },
  { weight: 4, arbitrary: some(NUMBERED, 5) },
  { weight: 1, arbitrary: some([...NUMBERED, ...NAMED], 5) },
);
const numberedPorts = fc.oneof(all, some(NUMBERED, 4));

const PEERS = ['office', 'edge', 'prometheus', 'workers'] as const;
/** `nobody` is a peer that never exists. */
const peerName = fc.oneof(
  { weight: 30, arbitrary: fc.constantFrom(...PEERS) },
  { weight: 1, arbitrary: fc.constant('nobody') },
);
/** Labels that the scene's nodes have. */
const nodeSelector = selectorOver({
  role: ['x', 'y'],
  app: ['p'],
  'node-role.kubernetes.io/control-plane': [''],
});
const peer = (name: string): fc.Arbitrary<Peer> =>
  name === 'workers'
    ? record<Peer>({ name: fc.constant(name), nodes: nodeSelector })
    : fc.oneof(
        record<Peer>({ name: fc.constant(name), cidrs }),
        record<Peer>({
          name: fc.constant(name),
          pods: record<NonNullable<Peer['pods']>>({
            namespaceSelector,
            podSelector: maybe(podSelector),
            serviceAccounts,
          }),
        }),
      );
/** Nearly always all of them, so most references resolve. */
const peers: fc.Arbitrary<Peer[]> = fc
  .tuple(...PEERS.map((name) => maybe(peer(name), 20)))
  .map((list) => list.filter((each) => each !== undefined));

const podsEntry = fc
  .record({ namespaceSelector: maybe(namespaceSelector), podSelector: maybe(podSelector), serviceAccounts })
  .filter((pods) => pods.namespaceSelector !== undefined || pods.podSelector !== undefined)
  .map((pods) => ({ pods: given(pods) }));
const sharedEntries = [
  peerName.map((name) => ({ peer: name })),
  ipBlock.map((block) => ({ ipBlock: block })),
  podsEntry,
  nodeSelector.map((nodes) => ({ nodes })),
];
const entity = <const T extends string>(...values: readonly T[]) =>
  fc.constantFrom(...values).map((value) => ({ entity: value }));
const source: fc.Arbitrary<RuleSource> = fc.oneof(
  ...sharedEntries,
  entity('World', 'Internet', 'Everyone', 'Pods', 'Nodes', 'ControlPlane', 'SameNamespace'),
);
const destination: fc.Arbitrary<RuleDestination> = fc.oneof(
  ...sharedEntries,
  entity('World', 'Internet', 'Pods', 'Nodes', 'ControlPlane', 'SameNamespace', 'KubeAPIServer'),
);
/** Mostly what a ceiling can name, with numbers, because few names are written. */
const ceilingDestination = fc.oneof(
  ...sharedEntries,
  entity('World', 'Internet', 'Pods', 'Nodes', 'ControlPlane', 'SameNamespace', 'KubeAPIServer'),
);
const ceilingSource = fc.oneof(
  ...sharedEntries,
  entity('World', 'Internet', 'Pods', 'Nodes', 'ControlPlane', 'SameNamespace'),
);
/** Services that the scene has, mostly. A rule has nothing else next to them, mostly. */
const service = record<NonNullable<RuleDestination['service']>>({
  namespace: maybe(fc.constantFrom('a', 'b', 'kube-system', 'later'), 3),
  name: fc.constantFrom('hook', 'api'),
}).map((each): RuleDestination => ({ service: each }));
const guardrailDestination = fc.oneof(
  ...sharedEntries,
  entity('World', 'Internet', 'Pods', 'Nodes', 'ControlPlane', 'KubeAPIServer'),
);
const guardrailSource = fc.oneof(
  ...sharedEntries,
  entity('World', 'Internet', 'Everyone', 'Pods', 'Nodes', 'ControlPlane'),
);
/** KubeAPIServer and services take no other ports than All, so random ports would hardly ever be valid. */
const portsFor = (entries: readonly RuleDestination[], otherwise: fc.Arbitrary<PortValue[]>) =>
  entries.some(({ entity: named, service: each }) => named === 'KubeAPIServer' || each !== undefined)
    ? fc.oneof({ weight: 5, arbitrary: all }, { weight: 1, arbitrary: otherwise })
    : otherwise;

const upTo = <T>(arbitrary: fc.Arbitrary<T>, maxLength: number) =>
  fc.array(arbitrary, { minLength: 1, maxLength });
const named = <T extends { readonly name: string }>(arbitrary: fc.Arbitrary<T>, maxLength: number) =>
  fc.uniqueArray(arbitrary, { minLength: 1, maxLength, selector: ({ name }) => name });
const ruleName = fc.constantFrom('r1', 'r2', 'r3');

const ingressRule = record<IngressRule>({
  name: ruleName,
  pods: podSelector,
  serviceAccounts,
  from: upTo(source, 3),
  ports,
});
const connectionRule = record<ConnectionRule>({
  name: ruleName,
  fromPods: podSelector,
  fromServiceAccounts: serviceAccounts,
  toPods: podSelector,
  toServiceAccounts: serviceAccounts,
  ports,
});
const destinations = fc.oneof(
  { weight: 8, arbitrary: upTo(destination, 3) },
  { weight: 3, arbitrary: upTo(service, 2) },
  { weight: 1, arbitrary: upTo(fc.oneof(destination, service), 3) },
);
const egressRule: fc.Arbitrary<EgressRule> = destinations.chain((to) =>
  record<EgressRule>({
    name: ruleName,
    pods: podSelector,
    serviceAccounts,
    to: fc.constant(to),
    ports: portsFor(to, fc.oneof({ weight: 4, arbitrary: numberedPorts }, { weight: 1, arbitrary: ports })),
  }),
);

const mode = fc.constantFrom<Mode>('Enforce', 'Enforce', 'Enforce', 'Observe');
const isolation = fc.constantFrom<NonNullable<Group['isolation']>>('Strict', 'SameNamespace');

const groupOf = (mayHaveMode: boolean): fc.Arbitrary<Group> =>
  fc.constantFrom('name', 'name', 'label', 'label', 'every').chain((by) =>
    record<Group>({
      name: fc.constantFrom('g1', 'g2', 'g3'),
      namespaces: by === 'name' ? some([...NAMESPACES, 'later'], 3) : fc.constant(undefined),
      namespaceSelector: by === 'label' ? nonEmptyNamespaceSelector : fc.constant(undefined),
      everyNamespace: by === 'every' ? fc.constant(true) : fc.constant(undefined),
      mode: mayHaveMode ? maybe(mode) : fc.constant(undefined),
      isolation: maybe(isolation),
      ingress: maybe(named(ingressRule, 3), 5),
      metrics: maybe(named(ingressRule, 2)),
      connections: maybe(named(connectionRule, 2)),
      egress: maybe(named(egressRule, 3), 5),
    }),
  );

const guardrailPods = fc
  .record({ namespaceSelector: maybe(namespaceSelector), podSelector: maybe(podSelector), serviceAccounts })
  .map(given);
const judged = maybe(fc.constantFrom('Open' as const, 'Judged' as const));
const guardrail: fc.Arbitrary<Guardrail> = fc.oneof(
  upTo(guardrailDestination, 3).chain((to) =>
    record<Guardrail>({
      name: ruleName,
      pods: guardrailPods,
      to: fc.constant(to),
      ports: portsFor(to, fc.oneof({ weight: 4, arbitrary: numberedPorts }, { weight: 1, arbitrary: ports })),
    }),
  ),
  record<Guardrail>({ name: ruleName, pods: guardrailPods, from: upTo(guardrailSource, 3), ports }),
  record<Guardrail>({
    name: ruleName,
    pods: guardrailPods,
    onlyFrom: upTo(ceilingSource, 3),
    defaults: judged,
    ports,
  }),
  record<Guardrail>({
    name: ruleName,
    pods: guardrailPods,
    onlyTo: upTo(ceilingDestination, 3),
    defaults: judged,
    ports: fc.oneof({ weight: 6, arbitrary: numberedPorts }, { weight: 1, arbitrary: ports }),
  }),
);

const exempt = record<NonNullable<Defaults['exempt']>>({
  systemNamespaces: maybe(fc.constantFrom('Keep', 'None')),
  names: maybe(fc.uniqueArray(fc.constantFrom('istio', 'c', 'later'), { maxLength: 2 })),
  namespaceSelector: maybe(nonEmptyNamespaceSelector, 4),
});
const nodeLocal = fc.uniqueArray(fc.constantFrom('169.254.20.10', '198.51.100.7', '2001:db8::7'), {
  maxLength: 2,
});
/**
 * A port name means pods, and a node-local cache is no pod. Named ports are used only where there is no
 * cache.
 */
const dns = fc
  .tuple(maybe(numberedPorts), maybe(nodeLocal), maybe(ports, 3))
  .chain(([numbered, caches, anyPorts]) =>
    record<NonNullable<Defaults['dns']>>({
      namespaceSelector: maybe(namespaceSelector),
      podSelector: maybe(podSelector),
      ports: fc.constant(caches?.length === 0 ? anyPorts : numbered),
      nodeLocal: fc.constant(caches),
    }),
  );
const metadataAPI = record<NonNullable<Defaults['metadataAPI']>>({
  action: maybe(fc.constantFrom('Deny', 'None')),
  addresses: maybe(some(['169.254.169.254/32', 'fd00:ec2::254/128', '198.51.100.0/24'])),
  exceptNamespaces: maybe(some(NAMESPACES, 2)),
});
const defaults = record<Defaults>({
  deny: maybe(fc.constantFrom('Both', 'Both', 'Ingress', 'Egress', 'None')),
  exempt: maybe(exempt),
  dns: maybe(dns),
  metadataAPI: maybe(metadataAPI),
  apiServerToPods: maybe(fc.constantFrom('Auto', 'None')),
  podsToAPIServer: maybe(fc.constantFrom('Allow', 'None')),
});

const defaultFirewall: fc.Arbitrary<ClusterFirewall> = record<ClusterFirewall>({
  metadata: fc.constant({ name: 'default' }),
  spec: record<ClusterFirewall['spec']>({
    mode,
    peers: maybe(peers, 20),
    defaults: maybe(defaults),
    guardrails: maybe(named(guardrail, 2)),
    namespaces: maybe(named(groupOf(true), 3), 9),
  }),
});

/** A firewall of another name. It has its own peers and rules, and nothing that only `default` may have. */
const teamFirewall: fc.Arbitrary<ClusterFirewall> = record<ClusterFirewall>({
  metadata: fc.constant({ name: 'team' }),
  spec: record<ClusterFirewall['spec']>({
    mode,
    peers: maybe(peers, 20),
    namespaces: maybe(named(groupOf(false), 2), 9),
  }),
});

/** Mostly `default` alone, at times with another firewall, at times only the other. */
export const firewalls: fc.Arbitrary<readonly ClusterFirewall[]> = fc.oneof(
  { weight: 6, arbitrary: fc.tuple(defaultFirewall) },
  { weight: 4, arbitrary: fc.tuple(defaultFirewall, teamFirewall) },
  { weight: 1, arbitrary: fc.tuple(teamFirewall) },
);
