/**
 * The meaning of a ClusterFirewall, flow by flow, directly from the API's texts: without policies and without
 * Calico's selectors. The compiler is right when a reading of its objects (reading.ts) gives the same
 * verdicts.
 */
import type { ClusterFirewall, Guardrail } from '../../api/schema.ts';
import type { Inventory } from '../../inventory/types.ts';
import type { Cluster, Endpoint, Flow, Pod, TenantPolicy, TenantRule } from './cluster.ts';
import { addressOf, inCidr } from './cluster.ts';
import {
  type Entry,
  type Opening,
  type Setting,
  apiServerOpening,
  ceilingMatches,
  dnsOpening,
  entryMatch,
  entryMatches,
  isolationOpening,
  namespaceLabels,
  openingsOf,
  podsToAPIServerOpening,
  reaches,
} from './intent-openings.ts';
import { intendedEnforcement } from './intent-enforcement.ts';
import { podMatches, portsMatch, selectorMatches } from './intent-values.ts';
import type { Verdict } from './reading.ts';

type Direction = 'Ingress' | 'Egress';
type PodVerdict = (pod: Pod, direction: Direction, flow: Flow) => Verdict;

/** Reads the firewalls once. The returned function decides one flow. */
export function intentOf(
  firewalls: readonly ClusterFirewall[],
  inventory: Inventory,
  cluster: Cluster,
): (flow: Flow) => Verdict {
  const verdictAt = podVerdictOf(firewalls, inventory, cluster);
  return (flow) => {
    const egress = flow.from.kind === 'pod' ? verdictAt(flow.from, 'Egress', flow) : FREE;
    if (!egress.allowed || flow.to.kind !== 'pod') return egress;
    // Calico does not police the traffic of a node to its own pods.
    if (flow.from.kind === 'node' && flow.to.node === flow.from.id) return FREE;
    return verdictAt(flow.to, 'Ingress', flow);
  };
}

const FREE: Verdict = { allowed: true, by: 'nothing of ours' };

function podVerdictOf(
  firewalls: readonly ClusterFirewall[],
  inventory: Inventory,
  cluster: Cluster,
): PodVerdict {
  const main = firewalls.find(({ metadata }) => metadata.name === 'default');
  // Without the firewall called default the others wait.
  if (main === undefined)
    return (pod, direction, flow) => tenantVerdict(cluster, pod, direction, flow) ?? FREE;
  const active = firewalls.filter((each) => each === main || each.spec.mode === 'Enforce');
  const enforcement = intendedEnforcement(main, active, inventory, cluster);
  const setting: Setting = { enforcement, inventory, cluster };
  const openings: readonly Opening[] = [
    ...active.flatMap((firewall) => openingsOf(firewall, setting)),
    isolationOpening(setting),
    dnsOpening(main.spec.defaults?.dns, setting),
    podsToAPIServerOpening(main.spec.defaults?.podsToAPIServer, setting),
    apiServerOpening(main.spec.defaults?.apiServerToPods, setting),
  ];
  const denials = [
    metadataDenial(main, setting),
    ...guardrailDenials(main, setting),
    ...ceilingDenials(main, setting),
  ];
  return (pod, direction, flow) => {
    const denial = denials.find(({ egress, ingress }) => (direction === 'Egress' ? egress : ingress)(flow));
    if (denial !== undefined) return { allowed: false, by: `${direction}: ${denial.id}` };
    const tenants = tenantVerdict(cluster, pod, direction, flow);
    if (tenants?.allowed === true) return tenants;
    if (!enforcement.isClosed(pod.namespace, direction)) return tenants ?? FREE;
    const field = direction === 'Egress' ? 'egress' : 'ingress';
    const opening = openings.find((each) => each[field](flow));
    return { allowed: opening !== undefined, by: `${direction}: ${opening?.id ?? 'default deny'}` };
  };
}

interface Denial {
  readonly id: string;
  readonly egress: (flow: Flow) => boolean;
  readonly ingress: (flow: Flow) => boolean;
}

/** Guardrails apply to pods of enforced, non-exempt namespaces, whatever `deny` says. */
const isBound = (end: Endpoint, { enforcement }: Setting): end is Pod =>
  end.kind === 'pod' && enforcement.isEnforced(end.namespace);

const never = (): boolean => false;

function metadataDenial(main: ClusterFirewall, setting: Setting): Denial {
  const {
    action = 'Deny',
    addresses = ['169.254.169.254/32', 'fd00:ec2::254/128'],
    exceptNamespaces = [],
  } = main.spec.defaults?.metadataAPI ?? {};
  return {
    id: 'metadataAPI',
    egress: (flow) =>
      action === 'Deny' &&
      isBound(flow.from, setting) &&
      !exceptNamespaces.includes(flow.from.namespace) &&
      addresses.some((cidr) => inCidr(addressOf(flow, 'to'), cidr)),
    ingress: never,
  };
}

function guardrailDenials(main: ClusterFirewall, setting: Setting): readonly Denial[] {
  return (main.spec.guardrails ?? []).map((guardrail: Guardrail) => {
    const { name, pods, to = [], from = [], ports } = guardrail;
    // An entry with a problem denies nothing. The others still do.
    const matchesOf = (entries: readonly Entry[], end: 'from' | 'to') =>
      entries.flatMap(
        (one) =>
          entryMatches([one], ports, (entry) => entryMatch(entry, main, setting, 'every namespace'), end) ??
          [],
      );
    const [destinations, sources] = [matchesOf(to, 'to'), matchesOf(from, 'from')];
    const isMeant = (end: Endpoint, flow: Flow): boolean =>
      isBound(end, setting) &&
      selectorMatches(pods.namespaceSelector, namespaceLabels(setting.cluster, end)) &&
      podMatches(pods.podSelector, pods.serviceAccounts, end) &&
      portsMatch(ports, flow);
    return {
      id: `guardrails/${name}`,
      egress: (flow) => isMeant(flow.from, flow) && reaches(destinations, flow, 'to', 'subject'),
      ingress: (flow) => isMeant(flow.to, flow) && reaches(sources, flow, 'from', 'subject'),
    };
  });
}

/** On its ports, everything but the named ends; and, unless it says otherwise, but DNS and the calls that defaults open. */
function ceilingDenials(main: ClusterFirewall, setting: Setting): readonly Denial[] {
  const { dns, podsToAPIServer, apiServerToPods } = main.spec.defaults ?? {};
  const untouched = [
    dnsOpening(dns, setting),
    podsToAPIServerOpening(podsToAPIServer, setting),
    apiServerOpening(apiServerToPods, setting),
  ];
  return (main.spec.guardrails ?? []).flatMap(({ name, pods, onlyTo, onlyFrom, ports, defaults }) => {
    const [entries, end, own] =
      onlyTo === undefined
        ? ([onlyFrom ?? [], 'from', 'ingress'] as const)
        : ([onlyTo, 'to', 'egress'] as const);
    if (entries.length === 0) return [];
    const matches = ceilingMatches(entries, ports, end, main, setting);
    // One end with a problem, and nothing is refused.
    if (matches === undefined) return [];
    const refuses = (flow: Flow): boolean => {
      const subject = end === 'to' ? flow.from : flow.to;
      return (
        isBound(subject, setting) &&
        selectorMatches(pods.namespaceSelector, namespaceLabels(setting.cluster, subject)) &&
        podMatches(pods.podSelector, pods.serviceAccounts, subject) &&
        portsMatch(ports, flow) &&
        !reaches(matches, flow, end, 'subject') &&
        (defaults === 'Judged' || !untouched.some((each) => each[own](flow)))
      );
    };
    return [{ id: `guardrails/${name}`, egress: never, ingress: never, [own]: refuses }];
  });
}

/** Undefined when no tenant's NetworkPolicy isolates the pod in this direction. */
function tenantVerdict(cluster: Cluster, pod: Pod, direction: Direction, flow: Flow): Verdict | undefined {
  const selecting = cluster.tenantPolicies.filter(
    ({ namespace, podLabels, types }) =>
      namespace === pod.namespace && types.includes(direction) && has(pod, podLabels),
  );
  if (selecting.length === 0) return undefined;
  const rules = (policy: TenantPolicy) => (direction === 'Egress' ? policy.egress : policy.ingress);
  const allowing = selecting.find((policy) =>
    rules(policy).some((rule) => tenantRuleMatches(rule, policy.namespace, direction, flow, cluster)),
  );
  return {
    allowed: allowing !== undefined,
    by: `${direction}: tenant's ${allowing?.name ?? 'isolation'}`,
  };
}

const has = ({ labels }: Pod, wanted: Readonly<Record<string, string>>): boolean =>
  selectorMatches({ matchLabels: wanted }, labels);

function tenantRuleMatches(
  { namespaceLabels: ofNamespace, podLabels, port }: TenantRule,
  namespace: string,
  direction: Direction,
  flow: Flow,
  cluster: Cluster,
): boolean {
  const peer = direction === 'Egress' ? flow.to : flow.from;
  if (peer.kind !== 'pod' || !has(peer, podLabels)) return false;
  const inScope =
    ofNamespace === undefined
      ? peer.namespace === namespace
      : selectorMatches({ matchLabels: ofNamespace }, namespaceLabels(cluster, peer));
  return inScope && (port === undefined || (flow.protocol === 'TCP' && flow.port === port));
}
