/** Services and hostPorts by their addresses and ports, as kube-proxy and the portmap plugin know them. */
import type { ServiceMembers } from './rules.ts';
import { memberKey } from './rules.ts';
import { podName, type Backend, type Pod, type Service, type ServicePort, type World } from './world.ts';

export interface Target {
  readonly address: string;
  readonly port: number;
}

/** A Service's port, reached in one of its ways. */
export interface Entry {
  readonly service: Service;
  readonly port: ServicePort;
  readonly isExternal: boolean;
}

const key = (address: string, protocol: number, port: number): string => memberKey(address, protocol, port);

/** Looks up Services and hostPorts by address and port. */
export class ServiceIndex {
  readonly members: ServiceMembers;
  readonly #byAddress = new Map<string, Entry>();
  readonly #byNodePort = new Map<string, Entry>();
  readonly #addresses = new Set<string>();
  readonly #backends = new Map<string, readonly Backend[]>();
  readonly #lacksSlices: boolean;
  readonly #hostPorts = new Map<
    string,
    readonly { readonly pod: Pod; readonly hostIP?: string; readonly port: number }[]
  >();

  constructor(world: World) {
    const slices = Map.groupBy(world.slices, ({ service }) => service);
    for (const [name, of] of slices)
      this.#backends.set(
        name,
        of.flatMap(({ backends }) => backends),
      );
    this.members = membersOf(this.#backends);
    this.#lacksSlices = world.lacks.includes('EndpointSlice');
    for (const service of world.services) this.#add(service);
    for (const pod of world.pods) {
      for (const { hostPort, port, protocol, hostIP } of pod.hostPorts) {
        const at = `${pod.node} ${String(protocol)} ${String(hostPort)}`;
        const entry = { pod, port, ...(hostIP !== undefined && { hostIP }) };
        this.#hostPorts.set(at, [...(this.#hostPorts.get(at) ?? []), entry]);
      }
    }
  }

  /** True for an address of a Service, whatever the port. */
  hasAddress(address: string): boolean {
    return this.#addresses.has(address);
  }

  /** Addresses of a Service's endpoints. @param name `namespace/name` */
  addressesBehind(name: string): readonly string[] {
    return [...new Set((this.#backends.get(name) ?? []).map(({ address }) => address))];
  }

  /** True where nobody knows the Service's endpoints. */
  isUnseen(service: Service): boolean {
    return this.#lacksSlices && !this.#backends.has(podName(service));
  }

  /** Nodes with an endpoint of the Service. */
  nodesBehind({ namespace, name }: Service): readonly string[] {
    const backends = this.#backends.get(`${namespace}/${name}`) ?? [];
    return backends.flatMap(({ node }) => node ?? []);
  }

  /** Equal texts: packets to ports of the two nodes lead to the same pods, and as far away. */
  waysThrough(node: string): string {
    const services = [...new Set(this.#byNodePort.values())]
      .filter(({ service }) => this.nodesBehind(service).includes(node))
      .map(({ service, port }) => `${service.namespace}/${service.name}:${String(port.port)}`);
    const hostPorts = [...this.#hostPorts].filter(([at]) => at.startsWith(`${node} `));
    const ports = hostPorts.flatMap(([at, of]) =>
      of.map(({ pod, port }) => `${at} ${podName(pod)} ${String(port)}`),
    );
    return [...services, ...ports].sort().join();
  }

  /** Every address of a Service, and every address behind one. */
  *addresses(): Iterable<string> {
    yield* this.#addresses;
    for (const backends of this.#backends.values()) for (const { address } of backends) yield address;
  }

  at(address: string, protocol: number, port: number): Entry | undefined {
    return this.#byAddress.get(key(address, protocol, port));
  }

  nodePort(protocol: number, port: number): Entry | undefined {
    return this.#byNodePort.get(`${String(protocol)} ${String(port)}`);
  }

  /** Ready backends of the family. @param node only those on this node */
  backends({ service, port }: Entry, family: 4 | 6, node?: string): readonly Target[] {
    const all = this.#backends.get(podName(service)) ?? [];
    return all.flatMap((each): readonly Target[] =>
      each.ready &&
      each.portName === port.name &&
      each.protocol === port.protocol &&
      each.port !== undefined &&
      each.address.includes(':') === (family === 6) &&
      (node === undefined || each.node === node)
        ? [{ address: each.address, port: each.port }]
        : [],
    );
  }

  /** A pod of the node behind a hostPort. */
  hostPort(node: string, address: string, protocol: number, port: number): Target | undefined {
    const entries = this.#hostPorts.get(`${node} ${String(protocol)} ${String(port)}`) ?? [];
    for (const entry of entries) {
      const own = entry.pod.addresses.find((each) => each.includes(':') === address.includes(':'));
      if (own !== undefined && (entry.hostIP ?? address) === address)
        return { address: own, port: entry.port };
    }
    return undefined;
  }

  /** Every port that a Service or a hostPort gives a meaning. */
  *ports(): Iterable<number> {
    for (const { port } of this.#byAddress.values()) yield port.port;
    for (const { port } of this.#byNodePort.values()) yield port.nodePort ?? 0;
    for (const at of this.#hostPorts.keys()) yield Number(at.split(' ')[2]);
    for (const backends of this.#backends.values()) for (const { port } of backends) yield port ?? 0;
  }

  #add(service: Service): void {
    for (const port of service.ports) {
      for (const [addresses, isExternal] of [
        [service.clusterIPs, false],
        [service.externalIPs, true],
      ] as const) {
        for (const address of addresses) {
          this.#addresses.add(address);
          this.#byAddress.set(key(address, port.protocol, port.port), { service, port, isExternal });
        }
      }
      if (port.nodePort !== undefined) {
        const entry = { service, port, isExternal: true };
        this.#byNodePort.set(`${String(port.protocol)} ${String(port.nodePort)}`, entry);
      }
    }
  }
}

/** felix/serviceindex: every endpoint counts, ready or not. */
function membersOf(backends: ReadonlyMap<string, readonly Backend[]>): ServiceMembers {
  const addresses = new Map<string, ReadonlySet<string>>();
  const ports = new Map<string, ReadonlySet<string>>();
  for (const [name, of] of backends) {
    addresses.set(name, new Set(of.map(({ address }) => address)));
    const members = of.flatMap(({ address, protocol, port }) =>
      port === undefined ? [] : [memberKey(address, protocol, port)],
    );
    ports.set(name, new Set(members));
  }
  return { addresses, ports };
}
