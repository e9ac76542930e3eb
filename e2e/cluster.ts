/**
 * What a test may ask of a cluster, whoever provides it. `providers/local.ts` makes one of network namespaces and processes.
 */

export type Transport = 'TCP' | 'UDP';
export type Dataplane = 'iptables' | 'nftables';

/** How Calico's API is served, if at all. Felix runs in `aggregated` mode only. */
export type CalicoMode =
  | { readonly mode: 'aggregated' }
  /** Native `projectcalico.org/v3` CRDs from the folder `crds`. */
  | { readonly mode: 'native'; readonly crds: string }
  | { readonly mode: 'crd-only' }
  | { readonly mode: 'none' };

export interface ListeningPort {
  readonly port: number;
  readonly protocol?: Transport;
  /** The container port's name, for policies that name ports. */
  readonly name?: string;
}

export interface PodSpec {
  readonly namespace: string;
  readonly name: string;
  /** A node's name; without one, nodes take turns. */
  readonly node?: string;
  readonly labels?: Readonly<Record<string, string>>;
  /** Container ports, with an echo server on each. */
  readonly ports?: readonly ListeningPort[];
}

export interface OutsideHostSpec {
  readonly name: string;
  /** One address a family; routed to from every node and pod. */
  readonly addresses: readonly string[];
  readonly ports?: readonly ListeningPort[];
}

export interface ProbeTarget {
  readonly host: string;
  readonly port: number;
  readonly protocol?: Transport;
  /** True (default): the far end is one of our echo servers and its answer is awaited. False: for TCP, an established connection is enough. */
  readonly echo?: boolean;
}

export interface ProbeOptions {
  /** Milliseconds. Below 1000 a TCP probe is one SYN: Linux repeats it after a second. */
  readonly timeout?: number;
}

/**
 * `allowed`: the packet arrived and the answer came back. `refused`: silence, as after a policy's Deny. `inconclusive`: somebody
 * answered, but not what was asked (nothing listens there, no route), so this says nothing about policy and no test should take it
 * for either.
 */
export type ProbeResult =
  | { readonly verdict: 'allowed'; readonly seenFrom?: SocketAddress; readonly milliseconds: number }
  | { readonly verdict: 'refused' }
  | { readonly verdict: 'inconclusive'; readonly error: string };

export interface SocketAddress {
  readonly address: string;
  readonly port: number;
}

/** Anything with addresses of its own that can send and receive. */
export interface Endpoint {
  readonly name: string;
  /** The first address of its first family. */
  readonly address: string;
  readonly addresses: readonly string[];
  /** Starts echo servers; resolves when they are bound. */
  listen(ports: readonly ListeningPort[]): Promise<void>;
  /** One attempt from a source port not used before, so that no established flow answers for the policy. */
  probe(target: ProbeTarget, options?: ProbeOptions): Promise<ProbeResult>;
}

export interface StartedNode extends Endpoint {
  readonly dataplane: Dataplane;
  /** Gives the node one more address, unknown to Kubernetes, with echo servers on that address only. */
  addAddress(address: string, ports?: readonly ListeningPort[]): Promise<void>;
  /** What is programmed in its packet filter, rules with counters and sets, as the tools print it. */
  packetFilter(): Promise<string>;
}

export interface StartedPod extends Endpoint {
  readonly namespace: string;
  readonly node: string;
  /** Removes the pod and its network. */
  delete(): Promise<void>;
}

export type OutsideHost = Endpoint;

export interface KubectlOptions {
  /** Written to standard input, for `-f -`. */
  readonly input?: string;
  /** Another identity than the administrator's. */
  readonly kubeconfig?: string;
}

export interface Cluster {
  /** @throws an error that names what is missing or the last lines of the log of what did not come up; nothing is left behind then. */
  start(): Promise<StartedCluster>;
}

export interface StartedCluster extends AsyncDisposable {
  readonly name: string;
  /** The API server's URL as this machine reaches it. */
  readonly server: string;
  /** Path of the administrator's kubeconfig. */
  readonly kubeconfig: string;
  /** Folder for files that live as long as the cluster; also holds the logs. */
  readonly workDir: string;
  readonly nodes: readonly StartedNode[];
  node(name: string): StartedNode;
  /** Path of a kubeconfig with a fresh token of an existing ServiceAccount. */
  serviceAccountKubeconfig(namespace: string, name: string): Promise<string>;
  /** Runs kubectl; resolves to standard output. @throws KubectlError with exit code and standard error. */
  kubectl(args: readonly string[], options?: KubectlOptions): Promise<string>;
  /** With its ServiceAccount `default`. Existing ones are brought to these labels. */
  createNamespace(name: string, labels?: Readonly<Record<string, string>>): Promise<void>;
  /** Resolves when the pod's network is programmed on its node. */
  createPod(spec: PodSpec): Promise<StartedPod>;
  createOutsideHost(spec: OutsideHostSpec): Promise<OutsideHost>;
  /** Resolves when every node has programmed every policy, network set and pod label that was written before the call; namespace labels are not waited for. */
  policiesProgrammed(): Promise<void>;
  stop(): Promise<void>;
}
