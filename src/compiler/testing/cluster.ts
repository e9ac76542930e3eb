/**
 * A small cluster to evaluate policies on: its endpoints, their addresses, and the objects that tenants add
 * to ours.
 */
import ipaddr from 'ipaddr.js';

export type Labels = Readonly<Record<string, string>>;
export type IpVersion = 4 | 6;
/** GRE stands for every protocol that policies do not name. */
export type FlowProtocol = 'TCP' | 'UDP' | 'SCTP' | 'ICMP' | 'GRE';
export type Addresses = Readonly<Partial<Record<IpVersion, string>>>;

export interface ContainerPort {
  readonly name: string;
  readonly protocol: 'TCP' | 'UDP' | 'SCTP';
  readonly port: number;
}

export interface Pod {
  readonly kind: 'pod';
  readonly id: string;
  readonly namespace: string;
  readonly labels: Labels;
  /** Absent: `default`. */
  readonly serviceAccount?: string;
  readonly addresses: Addresses;
  readonly node: string;
  readonly ports: readonly ContainerPort[];
}

/** A node, as the other end of a pod's connection. Pods in its host network count as the node. */
export interface ClusterNode {
  readonly kind: 'node';
  readonly id: string;
  readonly labels: Labels;
  readonly addresses: Addresses;
}

export interface OutsideHost {
  readonly kind: 'outside';
  readonly id: string;
  readonly addresses: Addresses;
}

export type Endpoint = Pod | ClusterNode | OutsideHost;

/** A Calico NetworkSet that a tenant made. The tenant chooses its labels. */
export interface TenantSet {
  readonly namespace: string;
  readonly labels: Labels;
  readonly nets: readonly string[];
}

/** A tenant's Kubernetes NetworkPolicy, with one peer and one port a rule. */
export interface TenantPolicy {
  readonly name: string;
  readonly namespace: string;
  readonly podLabels: Labels;
  readonly types: readonly ('Ingress' | 'Egress')[];
  readonly ingress: readonly TenantRule[];
  readonly egress: readonly TenantRule[];
}

export interface TenantRule {
  /** `{}` of namespaceLabels is every namespace; absent is the policy's own. */
  readonly namespaceLabels?: Labels;
  readonly podLabels: Labels;
  /** TCP; absent is every port of every protocol. */
  readonly port?: number;
}

export interface Cluster {
  readonly namespaces: readonly { readonly name: string; readonly labels: Labels }[];
  readonly pods: readonly Pod[];
  readonly nodes: readonly ClusterNode[];
  readonly outside: readonly OutsideHost[];
  /** True where nodes have Calico's automatic host endpoints, with the labels of the node. */
  readonly hostEndpoints: boolean;
  /** Endpoints of the Service kubernetes in the namespace default; TCP. */
  readonly apiServer: readonly { readonly address: string; readonly port: number }[];
  readonly tenantSets: readonly TenantSet[];
  readonly tenantPolicies: readonly TenantPolicy[];
}

export interface Flow {
  readonly from: Endpoint;
  readonly to: Endpoint;
  readonly protocol: FlowProtocol;
  /** Absent for protocols without ports. */
  readonly port?: number;
  readonly ipVersion: IpVersion;
}

export const endpointsOf = (cluster: Cluster): readonly Endpoint[] => [
  ...cluster.pods,
  ...cluster.nodes,
  ...cluster.outside,
];

/**
 * Address of one end of a flow.
 * @throws Error when that end has no address of the flow's family, because no such flow exists
 */
export function addressOf(flow: Flow, end: 'from' | 'to'): string {
  const address = flow[end].addresses[flow.ipVersion];
  if (address === undefined) throw new Error(`${flow[end].id} has no IPv${flow.ipVersion} address`);
  return address;
}

const known = new Map<string, Map<string, boolean>>();

/**
 * True when the CIDR contains the address. Answers are cached, because thousands of flows ask the same few
 * questions.
 */
export function inCidr(address: string, cidr: string): boolean {
  const ofCidr = known.get(cidr) ?? new Map<string, boolean>();
  known.set(cidr, ofCidr);
  const before = ofCidr.get(address);
  if (before !== undefined) return before;
  const answer = isInCidr(address, cidr);
  ofCidr.set(address, answer);
  return answer;
}

function isInCidr(address: string, cidr: string): boolean {
  const parsed = ipaddr.parse(address);
  const [base, prefix] = ipaddr.parseCIDR(cidr);
  return parsed.kind() === base.kind() && parsed.match(base, prefix);
}

export const describeFlow = (flow: Flow): string =>
  `${flow.from.id} → ${flow.to.id} ${flow.protocol}${flow.port === undefined ? '' : `/${flow.port}`} IPv${flow.ipVersion}`;
