/** A cluster as the simulator sees it: plain data of any origin. Addresses are canonical texts. */
import type { StoredPolicy } from '../calico/read/policy.ts';
import type {
  NamedPort,
  StoredFelixConfiguration,
  StoredHostEndpoint,
  StoredPool,
  StoredSet,
  StoredTier,
} from '../calico/read/objects.ts';

export type Labels = Readonly<Record<string, string>>;

export interface Namespace {
  readonly name: string;
  readonly labels: Labels;
}

export interface ServiceAccount {
  readonly namespace: string;
  readonly name: string;
  readonly labels: Labels;
}

/** A port of a node that leads to a pod, as the portmap plugin makes it. */
export interface HostPort {
  readonly protocol: number;
  readonly hostPort: number;
  readonly port: number;
  /** Absent: every address of the node. */
  readonly hostIP?: string;
}

/** A pod with a network of its own. One in its node's network is part of the node. */
export interface Pod {
  readonly namespace: string;
  readonly name: string;
  readonly labels: Labels;
  readonly serviceAccount: string;
  readonly node: string;
  /** At most one a family. */
  readonly addresses: readonly string[];
  readonly ports: readonly NamedPort[];
  readonly hostPorts: readonly HostPort[];
}

export interface NodeInterface {
  readonly name: string;
  readonly addresses: readonly string[];
}

export interface Node {
  readonly name: string;
  readonly labels: Labels;
  /** Every known address, those of tunnels included. The first of each family is the node's own. */
  readonly addresses: readonly string[];
  /** Addresses of its VXLAN device. */
  readonly tunnels: readonly string[];
  /** Networks of its own addresses, for tunnels that only cross networks. */
  readonly subnets: readonly string[];
  /** Where they are known. */
  readonly interfaces?: readonly NodeInterface[];
}

export interface ServicePort {
  readonly name: string;
  readonly protocol: number;
  readonly port: number;
  readonly nodePort?: number;
}

export interface Service {
  readonly namespace: string;
  readonly name: string;
  readonly clusterIPs: readonly string[];
  /** External IPs and those of load balancers. */
  readonly externalIPs: readonly string[];
  readonly ports: readonly ServicePort[];
  readonly externalLocal: boolean;
  readonly internalLocal: boolean;
}

/** One address and port behind a Service. */
export interface Backend {
  readonly address: string;
  readonly protocol: number;
  /** Absent: no restriction, and so no member of a rule's `services`. */
  readonly port?: number;
  /** Name of the Service's port. */
  readonly portName: string;
  readonly node?: string;
  readonly ready: boolean;
}

export interface EndpointSlice {
  /** `namespace/name` of the Service. */
  readonly service: string;
  readonly backends: readonly Backend[];
  /** True where the endpoints only show the way to the Service, and are not all that it has. */
  readonly isExample?: true;
}

/** An object, or one field of it, that could not be read. */
export interface Problem {
  readonly kind: string;
  readonly namespace?: string;
  readonly name: string;
  readonly field: string;
  readonly why: string;
}

export interface World {
  readonly namespaces: readonly Namespace[];
  readonly serviceAccounts: readonly ServiceAccount[];
  readonly pods: readonly Pod[];
  readonly nodes: readonly Node[];
  readonly services: readonly Service[];
  readonly slices: readonly EndpointSlice[];
  readonly tiers: readonly StoredTier[];
  readonly policies: readonly StoredPolicy[];
  readonly sets: readonly StoredSet[];
  readonly hostEndpoints: readonly StoredHostEndpoint[];
  readonly pools: readonly StoredPool[];
  readonly felix: readonly StoredFelixConfiguration[];
  readonly problems: readonly Problem[];
  /** Kinds that nobody could list. Every answer that depends on one is Unknown. */
  readonly lacks: readonly string[];
  /** True where staged policies count as enforced, so that a staged one that cannot be read counts, too. */
  readonly enforcesStaged?: true;
}

export const EMPTY_WORLD: World = {
  namespaces: [],
  serviceAccounts: [],
  pods: [],
  nodes: [],
  services: [],
  slices: [],
  tiers: [],
  policies: [],
  sets: [],
  hostEndpoints: [],
  pools: [],
  felix: [],
  problems: [],
  lacks: [],
};

export const podName = ({ namespace, name }: { readonly namespace: string; readonly name: string }): string =>
  `${namespace}/${name}`;
