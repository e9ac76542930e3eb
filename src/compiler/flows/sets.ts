/** GlobalNetworkSets. Each is made only where a rule needs it. */
import { DEFAULT_FIREWALL } from '../../api/schema.ts';
import type { GeneratedObject, Rule } from '../../calico/types.ts';
import { CALICO_API_VERSION } from '../../calico/types.ts';
import type { Cidr } from '../../net/cidr.ts';
import { distinctCidrs, formatCidr } from '../../net/cidr.ts';
import type { NodeAddresses } from './addresses.ts';
import {
  API_SERVER_SET_VALUE,
  CONTROL_PLANE_SET_VALUE,
  DEFAULT_TIER,
  ETCD_SET_VALUE,
  LABEL_SET,
  NODE_SET_VALUE,
  objectMeta,
  objectName,
  ruleId,
  setsIn,
  type RuleId,
} from '../names.ts';
import type { ProblemCollector } from '../problems.ts';
import type { DesiredObject } from '../types.ts';
import { knownOr, UNKNOWN } from '../../inventory/known.ts';
import type { Inventory } from '../../inventory/types.ts';
import { isLost } from '../../inventory/unreadable.ts';
import { readOnce } from '../read-once.ts';

interface ClusterAddresses {
  readonly nodeAddresses: NodeAddresses;
  readonly inventory: Inventory;
}

/** @param objects the policies compiled so far; a set is needed when one of them names it */
export function networkSets(
  objects: readonly DesiredObject[],
  cluster: ClusterAddresses,
  collector: ProblemCollector,
): readonly DesiredObject[] {
  const named = new Set(objects.flatMap(({ object }) => [...setsNamedBy(object)]));
  return SHARED_SETS.filter(({ value }) => named.has(value)).map((shared) =>
    sharedSet(shared, cluster, collector),
  );
}

/** The values of LABEL_SET that a policy asks for. */
export function setsNamedBy({ spec }: GeneratedObject): ReadonlySet<string> {
  if (!('types' in spec)) return NONE;
  const lists = [spec.ingress, spec.egress].flatMap((rules) =>
    rules === undefined ? [] : [setsOfRules(rules)],
  );
  return new Set([...setsIn(spec.selector), ...lists.flatMap((values) => [...values])]);
}

const NONE: ReadonlySet<string> = new Set();

/** Remembered, because many policies share one list of rules. */
const setsOfRules = readOnce((rules: readonly Rule[]): ReadonlySet<string> => {
  const selectors = rules.flatMap(({ source, destination }) =>
    [source, destination].flatMap((end) => [end?.selector ?? '', end?.notSelector ?? '']),
  );
  return new Set([...new Set(selectors)].flatMap(setsIn));
});

interface SharedSet {
  readonly id: RuleId;
  readonly value: string;
  readonly which: keyof NodeAddresses;
  readonly unknown: string;
  /** Kinds of the objects that have the addresses. */
  readonly sources: readonly string[];
}

/** The sets that every firewall shares. */
export const SHARED_SETS: readonly SharedSet[] = [
  {
    id: ruleId(DEFAULT_FIREWALL, 'nodes'),
    value: NODE_SET_VALUE,
    which: 'nodes',
    unknown:
      'a rule names Nodes, World or addresses, which need those of nodes: the cluster’s nodes are not known, so their set is shown empty',
    sources: ['Node'],
  },
  {
    id: ruleId(DEFAULT_FIREWALL, 'control-plane'),
    value: CONTROL_PLANE_SET_VALUE,
    which: 'controlPlane',
    unknown:
      'the control plane may reach pods, but the cluster’s nodes and API server endpoints are not known, so its set is shown empty',
    sources: ['Node', 'EndpointSlice'],
  },
  {
    id: ruleId(DEFAULT_FIREWALL, 'etcd'),
    value: ETCD_SET_VALUE,
    which: 'etcd',
    unknown:
      'members of etcd reach each other, but the cluster’s nodes are not known, so their set is shown empty',
    sources: ['Node'],
  },
  {
    id: ruleId(DEFAULT_FIREWALL, 'api-server'),
    value: API_SERVER_SET_VALUE,
    which: 'apiServer',
    unknown: 'a guardrail names KubeAPIServer, but its endpoints are not known, so their set is shown empty',
    sources: ['EndpointSlice'],
  },
];

function sharedSet(
  { id, value, which, unknown, sources }: SharedSet,
  { nodeAddresses, inventory }: ClusterAddresses,
  collector: ProblemCollector,
): DesiredObject {
  const addresses = nodeAddresses[which];
  if (addresses === UNKNOWN)
    collector.warn({ firewall: DEFAULT_FIREWALL, id, path: 'spec' }, 'NodesUnknown', unknown);
  return keepingLost(networkSet(DEFAULT_FIREWALL, id, value, knownOr(addresses, [])), inventory, ...sources);
}

/** The set, which keeps what is stored in it while objects of these kinds may have more addresses. */
export const keepingLost = (
  set: DesiredObject,
  inventory: Inventory,
  ...kinds: readonly string[]
): DesiredObject => (isLost(inventory, ...kinds) ? { ...set, keepsAddresses: true } : set);

/**
 * Adjacent addresses are never merged into one entry. To replace two entries by one, Felix first removes the
 * two. In iptables mode their addresses are then in no set until the next line of `ipset restore`
 * (felix/ipsets/ipsets.go, writeUpdates).
 */
export function networkSet(
  firewall: string,
  id: RuleId,
  value: string,
  nets: readonly Cidr[],
): DesiredObject {
  const { labels, ...metadata } = objectMeta(objectName(DEFAULT_TIER, id), firewall, [id]);
  return {
    object: {
      apiVersion: CALICO_API_VERSION,
      kind: 'GlobalNetworkSet',
      metadata: { ...metadata, labels: { ...labels, [LABEL_SET]: value } },
      spec: { nets: distinctCidrs(nets).map(formatCidr) },
    },
    firewall,
    rules: [id],
  };
}
