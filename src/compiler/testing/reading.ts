/**
 * Calico's treatment of policies, in slow and plain code: a second opinion on the objects that the compiler
 * emits. It knows nothing of ClusterFirewalls. The rules come from felix/calc (policy_sorter, rule_scanner),
 * felix/rules/endpoints.go and libcalico-go's updateprocessors.
 */
import type { GeneratedObject, NetworkPolicy, PolicyType } from '../../calico/types.ts';
import type { Cluster, Endpoint, Flow, TenantPolicy, TenantRule } from './cluster.ts';
import { readOnce } from '../read-once.ts';
import { type Matchable, subjectPredicate, surroundingsOf, type Surroundings } from './reading-labels.ts';
import { type PlainRule, plainRule } from './reading-rules.ts';

export interface Verdict {
  readonly allowed: boolean;
  /** The rule, the end of a tier, or whatever else decided, and the end of the flow. */
  readonly by: string;
}

interface PlainPolicy {
  readonly name: string;
  readonly tier: string;
  readonly order: number;
  readonly types: readonly PolicyType[];
  readonly selects: (matchable: Matchable) => boolean;
  readonly rules: Readonly<Record<PolicyType, readonly PlainRule[]>>;
}

interface PlainTier {
  readonly name: string;
  readonly order: number;
  readonly defaultAction: 'Pass' | 'Deny';
}

/** Static since Calico 3.29. */
const DEFAULT_TIER: PlainTier = { name: 'default', order: 1_000_000, defaultAction: 'Deny' };

type Policy = Exclude<GeneratedObject, { kind: 'Tier' | 'GlobalNetworkSet' | 'HostEndpoint' }>;

/**
 * Reads the objects once for a cluster. The result judges one flow: egress where it begins, then ingress
 * where it ends.
 *
 * @throws Error for an object that Felix would not take: a selector that does not parse, a policy in a tier
 * that is not there, numeric ports without a protocol.
 */
export function readingOf(objects: readonly GeneratedObject[], cluster: Cluster): (flow: Flow) => Verdict {
  const { egress, ingress } = endsOf(objects, cluster);
  return (flow) => {
    const leaving = egress(flow);
    return leaving.allowed ? ingress(flow) : leaving;
  };
}

/** The ends of a flow that refuse it. Throws as readingOf does. */
export function refusalsOf(
  objects: readonly GeneratedObject[],
  cluster: Cluster,
): (flow: Flow) => readonly PolicyType[] {
  const { egress, ingress } = endsOf(objects, cluster);
  return (flow) => [
    ...(egress(flow).allowed ? [] : ['Egress' as const]),
    ...(ingress(flow).allowed ? [] : ['Ingress' as const]),
  ];
}

interface Ends {
  readonly egress: (flow: Flow) => Verdict;
  readonly ingress: (flow: Flow) => Verdict;
}

function endsOf(objects: readonly GeneratedObject[], cluster: Cluster): Ends {
  const around = surroundingsOf(objects, cluster);
  const tiers = tiersOf(objects);
  const policies = [...objects.filter(isEnforced), ...cluster.tenantPolicies.map(asCalico)]
    .map(policyReader(around))
    .sort((a, b) => a.order - b.order || (a.name < b.name ? -1 : 1));
  const orphan = policies.find(({ tier }) => !tiers.some(({ name }) => name === tier));
  if (orphan !== undefined)
    throw new Error(`policy ${orphan.name} is in tier ${orphan.tier}, which is missing`);

  const known = { ...around, tiers, policies };
  const leaving = readOnce((endpoint: Endpoint) => chainsFor(endpoint, 'Egress', known));
  const arriving = readOnce((endpoint: Endpoint) => chainsFor(endpoint, 'Ingress', known));
  return {
    egress: (flow) => verdictOf(leaving(flow.from), 'Egress', flow),
    // felix/rules/static.go: traffic of a node to its own pods is not policed.
    ingress: (flow) =>
      flow.from.kind === 'node' && flow.to.kind === 'pod' && flow.to.node === flow.from.id
        ? { allowed: true, by: 'from its own node' }
        : verdictOf(arriving(flow.to), 'Ingress', flow),
  };
}

interface Chain {
  readonly tier: PlainTier;
  readonly policies: readonly PlainPolicy[];
}

/** A tier counts for an endpoint only if it has a policy that selects the endpoint in this direction. */
function chainsFor(
  endpoint: Endpoint,
  direction: PolicyType,
  known: {
    readonly matchables: readonly Matchable[];
    readonly tiers: readonly PlainTier[];
    readonly policies: readonly PlainPolicy[];
  },
): readonly Chain[] {
  const self = known.matchables.find(({ endpoint: of }) => of?.id === endpoint.id);
  if (self === undefined) return [];
  const selecting = known.policies.filter(({ types, selects }) => types.includes(direction) && selects(self));
  return known.tiers
    .map((tier) => ({ tier, policies: selecting.filter((policy) => policy.tier === tier.name) }))
    .filter(({ policies }) => policies.length > 0);
}

function verdictOf(chains: readonly Chain[], direction: PolicyType, flow: Flow): Verdict {
  for (const { tier, policies } of chains) {
    const decision = firstDecision(policies, direction, flow);
    if (decision === undefined && tier.defaultAction === 'Deny')
      return { allowed: false, by: `${direction}: end of tier ${tier.name}` };
    if (decision !== undefined && decision.action !== 'Pass')
      return { allowed: decision.action === 'Allow', by: `${direction}: ${decision.by}` };
  }
  return { allowed: true, by: `${direction}: profile, or no policy` };
}

function firstDecision(policies: readonly PlainPolicy[], direction: PolicyType, flow: Flow) {
  for (const policy of policies) {
    for (const rule of policy.rules[direction]) {
      if (rule.action === 'Log' || !rule.matches(flow)) continue;
      return { action: rule.action, by: `${rule.action} by ${policy.name}: ${rule.text}` };
    }
  }
  return undefined;
}

function tiersOf(objects: readonly GeneratedObject[]): readonly PlainTier[] {
  const declared = objects
    .filter((object) => object.kind === 'Tier')
    .map(({ metadata, spec }) => ({ name: metadata.name, ...spec }));
  return [...declared, DEFAULT_TIER].sort((a, b) => a.order - b.order || (a.name < b.name ? -1 : 1));
}

const isPolicy = (object: GeneratedObject): object is Policy =>
  object.kind !== 'Tier' && object.kind !== 'GlobalNetworkSet' && object.kind !== 'HostEndpoint';
/** Staged policies are never programmed, and their tier ends in no drop. */
const isEnforced = (object: GeneratedObject): object is Policy =>
  isPolicy(object) && !object.kind.startsWith('Staged');

const policyReader = readOnce((around: Surroundings) =>
  readOnce((policy: Policy) => plainPolicy(policy, around)),
);

function plainPolicy({ metadata, spec }: Policy, around: Surroundings): PlainPolicy {
  const { namespace } = metadata;
  const namespaceSelector = 'namespaceSelector' in spec ? spec.namespaceSelector : undefined;
  const subject = subjectPredicate(spec.selector, namespaceSelector, namespace);
  const rules = (list: typeof spec.ingress) =>
    (list ?? []).map((rule) => plainRule(rule, namespace ?? '', around));
  return {
    name: [namespace, metadata.name].filter((part) => part !== undefined).join('/'),
    tier: spec.tier,
    order: spec.order,
    types: spec.types,
    selects: (matchable) => matchable.endpoint !== undefined && subject(matchable.label),
    rules: { Ingress: rules(spec.ingress), Egress: rules(spec.egress) },
  };
}

/** libcalico-go/lib/backend/k8s/conversion: a Kubernetes NetworkPolicy is a Calico one of order 1000. */
const asCalico = readOnce((policy: TenantPolicy): NetworkPolicy => {
  const { name, namespace, podLabels, types, ingress, egress } = policy;
  const pods = (labels: Readonly<Record<string, string>>) =>
    ["projectcalico.org/orchestrator == 'k8s'", ...equalities(labels)].join(' && ');
  const peer = ({ namespaceLabels, podLabels: of }: TenantRule) => ({
    selector: pods(of),
    ...(namespaceLabels !== undefined && {
      namespaceSelector: equalities(namespaceLabels).join(' && ') || 'all()',
    }),
  });
  const port = (rule: TenantRule) => (rule.port === undefined ? {} : { ports: [rule.port] });
  const protocol = (rule: TenantRule) => (rule.port === undefined ? {} : ({ protocol: 'TCP' } as const));
  return {
    apiVersion: 'projectcalico.org/v3',
    kind: 'NetworkPolicy',
    metadata: { name: `knp.default.${name}`, namespace },
    spec: {
      tier: 'default',
      order: 1000,
      selector: pods(podLabels),
      types,
      ingress: ingress.map((rule) => ({
        action: 'Allow',
        ...protocol(rule),
        source: peer(rule),
        destination: port(rule),
      })),
      egress: egress.map((rule) => ({
        action: 'Allow',
        ...protocol(rule),
        destination: { ...peer(rule), ...port(rule) },
      })),
    },
  };
});

const equalities = (labels: Readonly<Record<string, string>>): readonly string[] =>
  Object.entries(labels).map(([key, value]) => `${key} == '${value}'`);
