/** Reads a cluster once, and says who is enforced, observed and exempt. */
import type { Transport } from '../cluster/http/transport.ts';
import { list, type ListOptions } from '../cluster/objects/apply.ts';
import type { Resource, StoredObject } from '../cluster/resource.ts';
import { DEFAULT_OPERATOR_NAMESPACE } from '../compiler/names.ts';
import { FIREWALLS } from '../controller/observe/firewalls.ts';
import { kindResource } from '../controller/objects/kinds.ts';
import { readNamespace } from '../inventory/namespaces.ts';
import { isUnknown, knownList, orUnknown, reasonsOf, type Answer } from './answer.ts';
import { operatorDeployments } from './deployments.ts';
import { firewallStanding, type FirewallStanding } from './firewalls.ts';
import { ageOf, isStale, operatorLease, type OperatorLease } from './lease.ts';
import { namespaceStandings, type NamespaceStanding } from './namespaces.ts';
import { nodeStandings, type NodeStanding } from './nodes.ts';
import { closingPolicies } from './stored-policies.ts';

export interface ClusterStatus {
  readonly operator: Answer<OperatorLook>;
  readonly firewalls: Answer<readonly FirewallStanding[]>;
  /** Every firewall's; unknown where namespaces or policies are. */
  readonly namespaces: Answer<readonly NamespaceStanding[]>;
  /** Empty where no ClusterFirewall has nodes and none is under our policies. */
  readonly nodes: Answer<readonly NodeStanding[]>;
}

/** Whether an operator looks. */
export interface OperatorLook {
  readonly lease?: OperatorLease;
  /** Seconds since it was renewed. */
  readonly age?: number;
  readonly stale: boolean;
}

const CORE = { group: '', version: 'v1' };

export async function clusterStatus(
  transport: Transport,
  now: Date,
  namespace?: string,
): Promise<ClusterStatus> {
  const read = (resource: Resource, options?: ListOptions): Promise<Answer<readonly StoredObject[]>> =>
    orUnknown(list(transport, resource, options));
  const [look, firewalls, namespaces, nodes, endpoints, policies, staged] = await Promise.all([
    orUnknown(lookOf(transport, now, namespace)),
    read(FIREWALLS),
    read({ ...CORE, plural: 'namespaces' }, { metadataOnly: true }),
    read({ ...CORE, plural: 'nodes' }, { metadataOnly: true }),
    read(kindResource('HostEndpoint')),
    read(kindResource('GlobalNetworkPolicy')),
    read(kindResource('StagedGlobalNetworkPolicy')),
  ]);
  const standings = isUnknown(firewalls) ? firewalls : firewalls.map(firewallStanding);
  const valid = knownList(standings).flatMap(({ firewall }) => firewall ?? []);
  const closing = [
    ...closingPolicies('GlobalNetworkPolicy', knownList(policies)),
    ...closingPolicies('StagedGlobalNetworkPolicy', knownList(staged)),
  ];
  const operatorNamespace =
    (isUnknown(look) ? undefined : look.lease?.namespace) ?? DEFAULT_OPERATOR_NAMESPACE;
  return {
    operator: look,
    firewalls: standings,
    namespaces: known([firewalls, namespaces, policies, staged], () =>
      namespaceStandings({
        namespaces: knownList(namespaces).map(readNamespace),
        firewalls: valid,
        policies: closing,
        operatorNamespace,
      }),
    ),
    nodes: known([firewalls, nodes, endpoints, policies], () => {
      const found = nodeStandings(knownList(nodes), knownList(endpoints), closing);
      const matter =
        valid.some(({ spec }) => spec.nodes !== undefined) || found.some(({ state }) => state !== 'open');
      return matter ? found : [];
    }),
  };
}

async function lookOf(transport: Transport, now: Date, namespace?: string): Promise<OperatorLook> {
  const places =
    namespace === undefined
      ? knownList(await orUnknown(operatorDeployments(transport))).map((each) => each.namespace)
      : [namespace];
  const lease = await operatorLease(transport, places);
  const age = ageOf(lease, now);
  return { ...(lease && { lease }), ...(age !== undefined && { age }), stale: isStale(age) };
}

/** Nothing is said of a part whose ground is not known: silence must not look like open or closed. */
function known<T>(ground: readonly Answer<readonly unknown[]>[], make: () => T): Answer<T> {
  const reasons = reasonsOf(ground);
  return reasons.length === 0 ? make() : { unknown: reasons.join('; ') };
}

/** Reasons why parts are not known. */
export const unknownsOf = ({ operator, firewalls, namespaces, nodes }: ClusterStatus): readonly string[] =>
  reasonsOf([operator, firewalls, namespaces, nodes]);
