/** The examples that assertions are about: pods that need not exist, and the Services in front of them. */
import { LABEL_METADATA_NAME } from '../calico/labels.ts';
import { PROTOCOL } from '../calico/read/protocols.ts';
import type { Assertion } from '../api/schema.ts';
import type { ServiceInfo } from '../inventory/types.ts';
import { FreeAddresses } from '../questions/free-addresses.ts';
import type { EndpointSlice, Namespace, Node, Pod, Service, World } from '../simulator/world.ts';
import type { KnownServices } from './types.ts';

export type PodExample = NonNullable<Assertion['from']['pod']>;
type ServiceEnd = NonNullable<Assertion['to']['service']>;
/** The same pod at either end is two pods. */
export type Role = 'from' | 'to';

/** A Service with an example behind it. */
export interface ServiceExample {
  readonly info: ServiceInfo;
  readonly service: Service;
  readonly pods: readonly Pod[];
}

/** Why there is no example. */
export interface Missing {
  readonly because: string;
  readonly isUnsaid?: true;
}

/** A world with examples. Ends are found by what the assertion says. */
export class Examples {
  readonly world: World;
  readonly #pods = new Map<string, readonly Pod[]>();
  readonly #services = new Map<string, ServiceExample | Missing>();
  readonly #namespaces: Map<string, Namespace>;
  readonly #nodes: readonly Node[];
  readonly #free: FreeAddresses;
  readonly #given: World;

  constructor(given: World, assertions: readonly Assertion[], services: KnownServices) {
    this.#given = given;
    this.#nodes = given.nodes.length === 0 ? EXAMPLE_NODES : given.nodes;
    this.#free = new FreeAddresses(given);
    this.#namespaces = new Map(given.namespaces.map((each) => [each.name, each]));
    for (const { from, to } of assertions) {
      for (const { pod } of [from, to]) if (pod !== undefined) this.#addNamespace(pod);
    }
    for (const { from, to } of assertions) {
      if (from.pod !== undefined) this.#addPod(from.pod, 'from');
      if (to.pod !== undefined) this.#addPod(to.pod, 'to');
      if (to.service !== undefined) this.#addService(to.service, services);
    }
    this.world = this.#worldOf();
  }

  /** One for each of two nodes, where there are two. */
  pods(example: PodExample, role: Role): readonly Pod[] | Missing {
    return this.#pods.get(keyOf(example, role)) ?? this.#noNamespace(example);
  }

  service(end: ServiceEnd): ServiceExample | Missing {
    return this.#services.get(nameOf(end)) ?? { because: 'is not known' };
  }

  #noNamespace({ namespace }: PodExample): Missing {
    const isUnknown = this.#given.lacks.includes('Namespace');
    return {
      because: `the labels of the namespace ${namespace} are not known${isUnknown ? '' : ', because it does not exist'}: say them in namespaceLabels`,
      isUnsaid: true,
    };
  }

  #addNamespace({ namespace, namespaceLabels }: PodExample): void {
    if (namespaceLabels === undefined || this.#namespaces.has(namespace)) return;
    const labels = { ...namespaceLabels, [LABEL_METADATA_NAME]: namespace };
    this.#namespaces.set(namespace, { name: namespace, labels });
  }

  #addPod(example: PodExample, role: Role): readonly Pod[] {
    const key = keyOf(example, role);
    const known = this.#pods.get(key);
    if (known !== undefined || !this.#namespaces.has(example.namespace)) return known ?? [];
    const { namespace, labels, serviceAccount = 'default' } = example;
    const pods = this.#nodes.slice(0, 2).map((node, index): Pod => ({
      namespace,
      name: `${exampleName(example)} ${role} ${String(index)}`,
      labels,
      serviceAccount,
      node: node.name,
      addresses: this.#free.take(),
      ports: [],
      hostPorts: [],
    }));
    this.#pods.set(key, pods);
    return pods;
  }

  #addService(end: ServiceEnd, services: KnownServices): void {
    if (this.#services.has(nameOf(end))) return;
    const found = services.named?.find(
      ({ namespace, name }) => namespace === end.namespace && name === end.name,
    );
    this.#services.set(nameOf(end), this.#exampleOf(end, found, services));
  }

  #exampleOf(
    end: ServiceEnd,
    info: ServiceInfo | undefined,
    { named }: KnownServices,
  ): ServiceExample | Missing {
    const name = nameOf(end);
    if (named === undefined) return { because: `the Service ${name} is not known` };
    if (info === undefined) return { because: `there is no Service ${name}` };
    if (info.selector === undefined)
      return { because: `the Service ${name} has no selector, so its pods are not known` };
    const pods = this.#addPod({ namespace: end.namespace, labels: info.selector }, 'to');
    if (pods.length === 0) return { because: `the namespace of the Service ${name} is not known` };
    const { namespace, clusterIPs, externalIPs = [], throughNodes } = info;
    const ports = info.ports.map(({ protocol, port }, index) => ({
      name: String(index),
      protocol: PROTOCOL[protocol],
      port,
    }));
    const service = { namespace, name: info.name, clusterIPs, externalIPs, ports, internalLocal: false };
    return { info, pods, service: { ...service, externalLocal: throughNodes !== true } };
  }

  #worldOf(): World {
    const { pods, services, slices } = this.#given;
    const examples = [...this.#services.values()].filter((each) => 'service' in each);
    const names = new Set(examples.map(({ service }) => nameOf(service)));
    return {
      ...this.#given,
      namespaces: [...this.#namespaces.values()],
      nodes: this.#nodes,
      pods: [...pods, ...[...this.#pods.values()].flat()],
      services: [
        ...services.filter((each) => !names.has(nameOf(each))),
        ...examples.map(({ service }) => service),
      ],
      slices: [...slices.filter(({ service }) => !names.has(service)), ...examples.map(sliceOf)],
    };
  }
}

/** The first pod is behind the Service. Named ports lead nowhere, and are asked about before. */
function sliceOf({ info, service, pods: [first] }: ServiceExample): EndpointSlice {
  const backends = (first?.addresses ?? []).flatMap((address) =>
    info.ports.flatMap(({ protocol, targetPort }, index) =>
      typeof targetPort === 'string'
        ? []
        : [
            {
              address,
              protocol: PROTOCOL[protocol],
              port: targetPort,
              portName: String(index),
              node: first?.node ?? '',
              ready: true,
            },
          ],
    ),
  );
  return { service: nameOf(service), backends, isExample: true };
}

const nameOf = ({ namespace, name }: ServiceEnd): string => `${namespace}/${name}`;

const keyOf = ({ namespace, labels, serviceAccount = 'default' }: PodExample, role: Role): string =>
  JSON.stringify([role, namespace, Object.entries(labels).sort(), serviceAccount]);

/** The form is `[app=web] as builder`. */
export function exampleName({ labels, serviceAccount = 'default' }: PodExample): string {
  const pairs = Object.entries(labels).map(([key, value]) => `${key}=${value}`);
  return `[${pairs.sort().join(',')}]${serviceAccount === 'default' ? '' : ` as ${serviceAccount}`}`;
}

/** Nodes of a cluster that nobody has looked at. Their addresses are nobody's (RFC 6598). */
export const EXAMPLE_NODES: readonly Node[] = [1, 2].map((number) => ({
  name: `example-${String(number)}`,
  labels: {},
  addresses: [`100.127.255.${String(number)}`],
  tunnels: [],
  subnets: [],
}));

export const isExampleNode = (node: Node): boolean => EXAMPLE_NODES.includes(node);
