/**
 * The interface between tests and a cluster, whoever provides it. `providers/local.ts` makes a cluster of
 * network namespaces and processes.
 */

export type Transport = 'TCP' | 'UDP';
export type Dataplane = 'iptables' | 'nftables';

/** The way in which Calico's API is served, if at all. Felix runs in `aggregated` mode only. */
export type CalicoMode =
  | { readonly mode: 'aggregated' }
  /** Native `projectcalico.org/v3` CRDs from the folder `crds`. */
  | { readonly mode: 'native'; readonly crds: string }
  | { readonly mode: 'crd-only' }
  | { readonly mode: 'none' };

/** The way from pods to addresses outside their node. */
export interface PodNetwork {
  /**
   * Default: routes, as with BGP. With VXLAN, Felix makes the tunnels, and each node has an address in them.
   */
  readonly overlay?: 'VXLAN';
  /** True when packets of pods to addresses outside the pools bear their node's address. Default false. */
  readonly natOutgoing?: boolean;
}

export interface ListeningPort {
  readonly port: number;
  readonly protocol?: Transport;
  /** The container port's name, for policies that name ports. */
  readonly name?: string;
  /** False: only a container port, and the caller starts a server on it. Default true. */
  readonly echo?: boolean;
}

export interface PodSpec {
  readonly namespace: string;
  readonly name: string;
  /** A node's name. Without one, nodes take turns. */
  readonly node?: string;
  readonly labels?: Readonly<Record<string, string>>;
  /** Default: `default`. It need not exist. */
  readonly serviceAccount?: string;
  /** Container ports, with an echo server on each. */
  readonly ports?: readonly ListeningPort[];
}

export interface OutsideHostSpec {
  readonly name: string;
  /** One address a family. Every node and pod has a route to it. */
  readonly addresses: readonly string[];
  readonly ports?: readonly ListeningPort[];
}

export interface ProbeTarget {
  readonly host: string;
  readonly port: number;
  readonly protocol?: Transport;
  /**
   * True (default): the far end is one of our echo servers, and its answer is awaited. False: for TCP, an
   * established connection is enough.
   */
  readonly echo?: boolean;
}

export interface ProbeOptions {
  /** Milliseconds. Below 1000 a TCP probe is one SYN, because Linux repeats it after a second. */
  readonly timeout?: number;
}

/**
 * `allowed`: the packet arrived and the answer came back. `refused`: silence, as after a policy's Deny.
 * `inconclusive`: an unexpected answer, for example because nothing listens there or there is no route. It
 * says nothing about policy, so no test should take it for one of the others.
 */
export type ProbeResult =
  | { readonly verdict: 'allowed'; readonly seenFrom?: SocketAddress; readonly milliseconds: number }
  | { readonly verdict: 'refused' }
  | { readonly verdict: 'inconclusive'; readonly error: string };

export interface SocketAddress {
  readonly address: string;
  readonly port: number;
}

/** Repeated probes that distinguish a policy's drop from a machine that is too busy. */
export interface FlowTarget extends ProbeTarget {
  /**
   * The target of a datagram that is sent at the same instant over a path without policies: see
   * `StartedCluster.wire`.
   */
  readonly control: SocketAddress;
}

export interface FlowOptions {
  /**
   * `new` (default): each packet is a flow of its own from a recently unused source port. It is a datagram,
   * or the SYN of a connection that is reset at once. `established`: one source port and, for TCP, one
   * connection that keeps exchanging lines.
   */
  readonly kind?: 'new' | 'established';
  /** Milliseconds from one packet to the next. The default is 20. */
  readonly every?: number;
}

/** Sends packets at an even pace until it is stopped. */
export interface StartedFlow {
  /**
   * The packets that were sent so far and had time to be answered.
   * @throws for an unexpected answer, for example because nothing listens there
   */
  tally(): Promise<FlowTally>;
  /** Stops, waits for ongoing packets, and returns the tally. */
  stop(): Promise<FlowTally>;
}

/** Times are ISO 8601 with milliseconds: when the packet was sent. */
export interface FlowTally {
  readonly sent: number;
  readonly answered: number;
  /**
   * Packets that were not answered in time, for any reason. `established` TCP repeats dropped packets, so an
   * answer later than 100 ms counts as a loss there.
   */
  readonly lost: number;
  /**
   * Packets whose control packet was answered. There are 50 a second, unless the machine is too busy. Packets
   * that were lost while the sender itself was stopped for more than 40 ms do not count.
   */
  readonly controlled: number;
  /**
   * Packets that were lost on the way: the control packet of the same instant was answered, and the sender
   * ran. Where an answer is only late (`established` TCP), the next control packets must have been answered
   * too. The other losses are undecided.
   */
  readonly countedLosses: number;
  /** Times of the counted losses, at most a thousand. */
  readonly lossTimes: readonly string[];
  /** Time of the first packet that was answered. */
  readonly firstAnswered?: string;
  /**
   * The longest time from the last answered packet before counted losses to the first one after them, or to
   * the end; 0 without losses.
   */
  readonly longestGapMs: number;
  /**
   * Times at which the sender was stopped for more than 40 ms, at most a thousand. The processor may then
   * have been busy for everybody.
   */
  readonly stalls: readonly Stall[];
  /** The time for which it has been sending. */
  readonly milliseconds: number;
}

/** ISO 8601 with milliseconds. */
export interface Stall {
  readonly from: string;
  readonly to: string;
}

/** An endpoint with addresses of its own that can send and receive. */
export interface Endpoint {
  readonly name: string;
  /** The first address of its first family. */
  readonly address: string;
  readonly addresses: readonly string[];
  /** Starts echo servers. Resolves when they are bound. */
  listen(ports: readonly ListeningPort[]): Promise<void>;
  /** One attempt from an unused source port, so no established flow answers instead of the policy. */
  probe(target: ProbeTarget, options?: ProbeOptions): Promise<ProbeResult>;
  /** Probes at 50 Hz until it is stopped. Resolves when the first packet is under way. */
  flow(target: FlowTarget, options?: FlowOptions): Promise<StartedFlow>;
}

export interface StartedNode extends Endpoint {
  readonly dataplane: Dataplane;
  /**
   * Gives the node one more address, which is unknown to Kubernetes, with echo servers on that address only.
   */
  addAddress(address: string, ports?: readonly ListeningPort[]): Promise<void>;
  /** Adds an address of the nodes' own network to eth0, like keepalived. It is unknown to Kubernetes. */
  addVirtualAddress(address: string): Promise<void>;
  /**
   * Adds a second network interface, with addresses of any network. Outside hosts and other nodes reach them
   * only through it.
   */
  addInterface(device: string, addresses: readonly string[]): Promise<void>;
  /**
   * Does the same as the portmap plugin for a pod's hostPort: DNAT on every address of the node, and for the
   * node itself. Resolves to a function that ends it.
   */
  mapHostPort(mapping: HostPort): Promise<() => Promise<void>>;
  /** Every address of every interface but lo. Link-local ones have their zone: `fe80::1%eth0`. */
  interfaceAddresses(): Promise<readonly InterfaceAddress[]>;
  /**
   * Starts echo servers that answer from the address that was asked. Addresses that come later need another
   * call.
   */
  listenOnEach(ports: readonly ListeningPort[]): Promise<void>;
  /** The rules with counters and the sets in its packet filter, as the tools print them. */
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
  /** An identity other than the administrator's. */
  readonly kubeconfig?: string;
}

export interface Cluster {
  /**
   * @throws an error that names missing parts, or the last lines of the log of a program that did not start;
   * everything is removed then
   */
  start(): Promise<StartedCluster>;
}

/**
 * Faults of a control plane. Each method resolves when the fault has happened. A killed program stays dead
 * until it is started.
 */
export interface Faults {
  /** SIGKILL. */
  killApiServer(): Promise<void>;
  /** Starts it again with the same content of etcd, address and certificate. Resolves when it is ready. */
  startApiServer(): Promise<void>;
  /** Blocks the node's packets to the API server until disposed of. Open connections are blocked too. */
  keepFromApiServer(node: string): Promise<AsyncDisposable>;
  /** SIGKILL to the aggregated API server of Calico. */
  killCalicoApiServer(): Promise<void>;
  /** Resolves when Calico's kinds are served. */
  startCalicoApiServer(): Promise<void>;
  /**
   * Compacts etcd up to now. Older resourceVersions are gone (410), for continued lists and for watches
   * alike. The API server still serves the content of its cache. It loses the cache when it is restarted, and
   * has none with `--watch-cache=false`.
   */
  compactEtcd(): Promise<void>;
  /** Another way to the API server, for a client that should have network faults. */
  relay(): Promise<ApiServerRelay>;
}

/** Passes connections on to the API server until another method changes that. */
export interface ApiServerRelay extends AsyncDisposable {
  /** `https://127.0.0.1:PORT`, with the API server's own certificate. */
  readonly server: string;
  /** Open connections pass no more bytes in either direction, and neither FIN nor RST. New ones work. */
  blackHole(): void;
  /** New connections too: they are accepted, and nothing passes. */
  blackHoleAll(): void;
  /** Delays everything by this many milliseconds in each direction; 0 ends the delay. */
  delay(milliseconds: number): void;
  /** RST on every open connection, at both ends. */
  cut(): void;
  /** Everything passes again, without delay. Bytes in black holes are delivered, as after a partition. */
  restore(): void;
}

export interface StartedCluster extends AsyncDisposable {
  readonly name: string;
  /** The API server's URL for this machine. */
  readonly server: string;
  /** Path of the administrator's kubeconfig. */
  readonly kubeconfig: string;
  /** Folder for files that live as long as the cluster. It also holds the logs. */
  readonly workDir: string;
  /** Machines that have not joined yet are included. */
  readonly nodes: readonly StartedNode[];
  node(name: string): StartedNode;
  /**
   * The machine that the API server runs on. On the local cluster it is no Node, as where the control plane is
   * managed.
   */
  controlPlane(): Endpoint;
  /** True where a Service with a selector leads to its pods, on every machine with an API server as well. */
  readonly servesServices: boolean;
  /**
   * Turns a machine that had not joined into a node. Resolves when Calico has programmed its first state
   * there.
   */
  joinNode(name: string): Promise<void>;
  /** Deletes the Node object, as a cloud does for a deleted machine. The programs on the machine go on. */
  leaveNode(name: string): Promise<void>;
  readonly faults: Faults;
  /**
   * Path of a kubeconfig with a fresh token of an existing ServiceAccount. `server` is another way to the API
   * server, for example a relay.
   */
  serviceAccountKubeconfig(namespace: string, name: string, server?: string): Promise<string>;
  /**
   * The API server's answer to GET, as the administrator. It costs no process, so it suits a wait.
   * @throws for any other status than 200
   */
  get(path: string): Promise<unknown>;
  /**
   * Runs kubectl. Resolves to standard output.
   * @throws KubectlError with exit code and standard error
   */
  kubectl(args: readonly string[], options?: KubectlOptions): Promise<string>;
  /** Creates the namespace with its ServiceAccount `default`. An existing namespace gets these labels. */
  createNamespace(name: string, labels?: Readonly<Record<string, string>>): Promise<void>;
  /** Resolves when the pod's network is programmed on its node. */
  createPod(spec: PodSpec): Promise<StartedPod>;
  createOutsideHost(spec: OutsideHostSpec): Promise<OutsideHost>;
  /**
   * Runs a program in the endpoint's network, as root. Resolves to its standard output.
   * @throws when its exit code is not 0
   */
  run(where: Endpoint, command: readonly string[]): Promise<string>;
  /**
   * Makes a link between two endpoints that Calico does not know, with a server at the far end that echoes
   * datagrams. Resolves to its address for `from`, which serves as the control of flows between the two.
   * Nodes with host endpoints cannot have one, because they police every interface.
   */
  wire(from: Endpoint, to: Endpoint): Promise<SocketAddress>;
  /**
   * Resolves when every node has programmed every policy, network set, host endpoint and pod label that was
   * written before the call. It does not wait for namespace labels.
   */
  policiesProgrammed(): Promise<void>;
  stop(): Promise<void>;
}
