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

/** How pods reach what is not on their node. */
export interface PodNetwork {
  /** Default: routes, as with BGP. With VXLAN, Felix makes the tunnels, and nodes have an address in them. */
  readonly overlay?: 'VXLAN';
  /** Whether what pods send to addresses of no pool bears their node's address. Default false. */
  readonly natOutgoing?: boolean;
}

export interface ListeningPort {
  readonly port: number;
  readonly protocol?: Transport;
  /** The container port's name, for policies that name ports. */
  readonly name?: string;
  /** False: a container port only, and whoever calls starts something on it. Default true. */
  readonly echo?: boolean;
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

/** A probe again and again, with what tells a policy's drop from a machine that is too busy. */
export interface FlowTarget extends ProbeTarget {
  /** Where a datagram goes at the same instant, over a path that no policy touches: see `StartedCluster.wire`. */
  readonly control: SocketAddress;
}

export interface FlowOptions {
  /**
   * `new` (default): each packet is a flow of its own from a source port not used lately, a datagram or the SYN of a connection that
   * is reset at once. `established`: one source port and, for TCP, one connection that keeps exchanging lines.
   */
  readonly kind?: 'new' | 'established';
}

/** Sends a packet every 20 ms until it is stopped. */
export interface StartedFlow {
  /** What was sent so far and had time to be answered. @throws when somebody answered, but not what was asked: nothing listens there. */
  tally(): Promise<FlowTally>;
  /** Stops, waits for what is under way, and tells. */
  stop(): Promise<FlowTally>;
}

/** Times are ISO 8601 with milliseconds: when the packet was sent. */
export interface FlowTally {
  readonly sent: number;
  readonly answered: number;
  /** Not answered in time, whatever the reason. `established` TCP repeats what was dropped: there, an answer later than 100 ms is a loss. */
  readonly lost: number;
  /**
   * Packets whose control packet was answered: what the flow was watched by. 50 a second, unless the machine is too busy to tell. Without those
   * that were lost while the sender itself was stopped for more than 40 ms.
   */
  readonly controlled: number;
  /**
   * Lost, while the control packet of the same instant was answered and the sender ran: a drop on the way. Where an answer is only late
   * (`established` TCP), the next ones must have been answered too. The rest of what was lost is undecided.
   */
  readonly countedLosses: number;
  /** Of the counted losses; of the first thousand. */
  readonly lossTimes: readonly string[];
  /** Of the first packet that was answered. */
  readonly firstAnswered?: string;
  /** From the last answered packet before counted losses to the first one after them, or to the end; 0 without any. */
  readonly longestGapMs: number;
  /** When the sender was stopped for more than 40 ms; the first thousand times. Its processor, too, may have been everybody's. */
  readonly stalls: readonly Stall[];
  /** How long it has been sending. */
  readonly milliseconds: number;
}

/** ISO 8601 with milliseconds. */
export interface Stall {
  readonly from: string;
  readonly to: string;
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
  /** Probes at 50 Hz until it is stopped; resolves when the first packet is under way. */
  flow(target: FlowTarget, options?: FlowOptions): Promise<StartedFlow>;
}

export interface StartedNode extends Endpoint {
  readonly dataplane: Dataplane;
  /** Gives the node one more address, unknown to Kubernetes, with echo servers on that address only. */
  addAddress(address: string, ports?: readonly ListeningPort[]): Promise<void>;
  /** Takes an address of the nodes' own network as keepalived would: on eth0, unknown to Kubernetes. */
  addVirtualAddress(address: string): Promise<void>;
  /** A second network interface, with addresses of any network; outside hosts and other nodes reach them through it alone. */
  addInterface(device: string, addresses: readonly string[]): Promise<void>;
  /** What the portmap plugin does for a pod's hostPort: DNAT on every address of the node, and for the node itself. Resolves to what ends it. */
  mapHostPort(mapping: HostPort): Promise<() => Promise<void>>;
  /** Every address of every interface but lo, link-local ones with their zone: `fe80::1%eth0`. */
  interfaceAddresses(): Promise<readonly InterfaceAddress[]>;
  /** Starts echo servers that answer from whichever address was asked; addresses that come later need another call. */
  listenOnEach(ports: readonly ListeningPort[]): Promise<void>;
  /** What is programmed in its packet filter, rules with counters and sets, as the tools print it. */
  packetFilter(): Promise<string>;
}

export interface HostPort {
  readonly hostPort: number;
  readonly protocol?: Transport;
  readonly pod: Endpoint;
  readonly port: number;
}

export interface InterfaceAddress {
  readonly device: string;
  readonly address: string;
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

/** What a control plane suffers. Each resolves when it has happened; what was killed stays dead until it is started. */
export interface Faults {
  /** SIGKILL. */
  killApiServer(): Promise<void>;
  /** The same again: etcd's content, address and certificate are what they were. Resolves when it is ready. */
  startApiServer(): Promise<void>;
  /** Refuses what a node sends to the API server until disposed of. Connections that are open get no further either. */
  keepFromApiServer(node: string): Promise<AsyncDisposable>;
  /** SIGKILL to the aggregated API server of Calico. */
  killCalicoApiServer(): Promise<void>;
  /** Resolves when Calico's kinds are served. */
  startCalicoApiServer(): Promise<void>;
  /**
   * Compacts etcd up to now: older resourceVersions are gone (410), for lists that are continued and for watches alike. The API server
   * still serves what it has in its cache; it forgets that when it is started anew, and never has it with `--watch-cache=false`.
   */
  compactEtcd(): Promise<void>;
  /** Another way to the API server, for a client that is to have trouble on it. */
  relay(): Promise<ApiServerRelay>;
}

/** Passes connections on to the API server until it is told otherwise. */
export interface ApiServerRelay extends AsyncDisposable {
  /** `https://127.0.0.1:PORT`, with the API server's own certificate. */
  readonly server: string;
  /** Connections that are open now pass no byte any more in either direction, and no end: neither FIN nor RST. New ones work. */
  blackHole(): void;
  /** Also new ones: they are accepted, and nothing more. */
  blackHoleAll(): void;
  /** Everything takes this many milliseconds longer, in each direction; 0 ends it. */
  delay(milliseconds: number): void;
  /** RST on every open connection, at both ends. */
  cut(): void;
  /** Everything passes again, undelayed; what black holes kept comes out, as after a partition. */
  restore(): void;
}

export interface StartedCluster extends AsyncDisposable {
  readonly name: string;
  /** The API server's URL as this machine reaches it. */
  readonly server: string;
  /** Path of the administrator's kubeconfig. */
  readonly kubeconfig: string;
  /** Folder for files that live as long as the cluster; also holds the logs. */
  readonly workDir: string;
  /** Also machines that have not joined yet. */
  readonly nodes: readonly StartedNode[];
  node(name: string): StartedNode;
  /** The machine that the API server runs on; no Node, as where the control plane is managed. */
  controlPlane(): Endpoint;
  /** Makes a node of a machine that had not joined; resolves when Calico has programmed its first state there. */
  joinNode(name: string): Promise<void>;
  /** Deletes the Node object, as a cloud does when the machine is gone. What runs on the machine goes on. */
  leaveNode(name: string): Promise<void>;
  readonly faults: Faults;
  /** Path of a kubeconfig with a fresh token of an existing ServiceAccount; `server` is another way to the API server, a relay's. */
  serviceAccountKubeconfig(namespace: string, name: string, server?: string): Promise<string>;
  /** Runs kubectl; resolves to standard output. @throws KubectlError with exit code and standard error. */
  kubectl(args: readonly string[], options?: KubectlOptions): Promise<string>;
  /** With its ServiceAccount `default`. Existing ones are brought to these labels. */
  createNamespace(name: string, labels?: Readonly<Record<string, string>>): Promise<void>;
  /** Resolves when the pod's network is programmed on its node. */
  createPod(spec: PodSpec): Promise<StartedPod>;
  createOutsideHost(spec: OutsideHostSpec): Promise<OutsideHost>;
  /** Runs a program where the endpoint's network is, as root; resolves to its standard output. @throws when its exit code is not 0 */
  run(where: Endpoint, command: readonly string[]): Promise<string>;
  /**
   * Lays a link between two endpoints that Calico does not know of, with a server at the far end that echoes datagrams. Resolves to where
   * `from` reaches it: the control of flows between the two. Not for nodes with host endpoints, which police every interface.
   */
  wire(from: Endpoint, to: Endpoint): Promise<SocketAddress>;
  /**
   * Resolves when every node has programmed every policy, network set, host endpoint and pod label that was written before the call; namespace
   * labels are not waited for.
   */
  policiesProgrammed(): Promise<void>;
  stop(): Promise<void>;
}
