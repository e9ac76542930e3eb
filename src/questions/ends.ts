/** Finds the ends of a question in a world. */
import type { Prepared, PreparedNode } from '../simulator/prepared.ts';
import { outsideClassesOf, type OutsideClass } from '../simulator/outside.ts';
import { podName, type Pod, type Service, type World } from '../simulator/world.ts';
import type { EndText } from './end-text.ts';
import { listed, QuestionError } from './errors.ts';
import { assumedPodOf } from './assumed-pods.ts';

/** One end of a flow. */
export type End = { readonly name: string } & (
  | { readonly kind: 'pod'; readonly pod: Pod; readonly isAssumed: boolean }
  | { readonly kind: 'node'; readonly node: PreparedNode }
  | { readonly kind: 'outside'; readonly address: string; readonly class?: OutsideClass }
  | { readonly kind: 'service'; readonly service: Service; readonly address: string }
);

/** A text, and the names of pods that are not in the world: those in the networks of their nodes. */
export interface Names {
  /** `NAMESPACE/NAME` → the name of the node. */
  readonly hostNetwork: ReadonlyMap<string, string>;
  /** `NAMESPACE/NAME` of every pod, those that run on no node included. */
  readonly pods: ReadonlySet<string>;
}

/** Several where the text stands for several. @throws QuestionError for none */
export function endsOf(prepared: Prepared, end: EndText, names: Names): readonly End[] {
  switch (end.kind) {
    case 'pod':
      return podsNamed(prepared, end, names);
    case 'labels':
      return [podEnd(prepared, assumedPodOf(prepared.world, end), true)];
    case 'node':
      return [nodeEnd(nodeNamed(prepared, end.name))];
    case 'address':
      return [addressEnd(prepared, end.address)];
    case 'world':
      return worldEnds(prepared);
    case 'service':
      return serviceEnds(prepared, end);
  }
}

export const nodeEnd = (node: PreparedNode): End => ({ kind: 'node', name: `node ${node.node.name}`, node });

function podEnd(prepared: Prepared, pod: Pod, isAssumed = false): End {
  if (prepared.node(pod.node) === undefined)
    throw new QuestionError(
      `the Node ${pod.node} of the pod ${podName(pod)} is missing: give an inventory with nodes`,
    );
  return { kind: 'pod', name: podName(pod), pod, isAssumed };
}

/** By the whole name, or by the beginning of one, as the name of a Deployment is. */
function podsNamed(
  prepared: Prepared,
  { namespace, name }: Extract<EndText, { readonly kind: 'pod' }>,
  { hostNetwork, pods: known }: Names,
): readonly End[] {
  const whole = `${namespace}/${name}`;
  const exact = prepared.pod(whole);
  if (exact !== undefined) return [podEnd(prepared, exact)];
  const node = hostNetwork.get(whole);
  if (node !== undefined) return [{ ...nodeEnd(nodeNamed(prepared, node)), name: `${whole} (node ${node})` }];
  const { pods } = prepared.world;
  const found = pods.filter((pod) => pod.namespace === namespace && pod.name.startsWith(`${name}-`));
  if (found.length > 0) return found.map((pod) => podEnd(prepared, pod));
  if (known.has(whole))
    throw new QuestionError(
      `the pod ${whole} runs on no node: it needs spec.nodeName and an address in its status, and must not have finished. A pod that is to come is pod:${namespace}[label=value,…]`,
    );
  throw noSuchPod(prepared.world, namespace, whole);
}

function noSuchPod({ pods, namespaces, lacks }: World, namespace: string, whole: string): QuestionError {
  const none = `there is no pod ${whole}`;
  if (lacks.includes('Pod'))
    return new QuestionError(`${none}, because pods are missing: write pod:${namespace}[label=value,…]`);
  const own = pods.filter((pod) => pod.namespace === namespace).map((pod) => pod.name);
  if (own.length > 0)
    return new QuestionError(
      `${none}: the namespace has ${listed(own)}. A pod that does not exist yet is pod:${namespace}[label=value,…]`,
    );
  const known = namespaces.map(({ name }) => name);
  return new QuestionError(
    known.includes(namespace)
      ? `${none}, nor another in its namespace: write pod:${namespace}[label=value,…]`
      : `there is no namespace ${namespace}: there are ${listed(known)}`,
  );
}

function nodeNamed(prepared: Prepared, name: string): PreparedNode {
  const found = prepared.node(name);
  if (found !== undefined) return found;
  const names = prepared.world.nodes.map((node) => node.name);
  throw new QuestionError(
    names.length === 0
      ? `there is no node ${name}, because no Nodes were given`
      : `there is no node ${name}: there are ${listed(names)}`,
  );
}

/** The pod, node or Service that has the address, or a place outside. */
export function addressEnd(prepared: Prepared, address: string): End {
  const place = prepared.placeOf(address);
  if (place?.kind === 'pod') return podEnd(prepared, place.pod);
  if (place?.kind === 'node') return nodeEnd(place.node);
  const service = prepared.world.services.find((each) =>
    [...each.clusterIPs, ...each.externalIPs].includes(address),
  );
  if (service !== undefined)
    return { kind: 'service', name: `service ${podName(service)}`, service, address };
  return { kind: 'outside', name: address, address };
}

/** Sources and destinations outside, one for each class that something tells apart. */
const worldEnds = (prepared: Prepared): readonly End[] =>
  ([4, 6] as const)
    .flatMap((family) => outsideClassesOf(prepared, family))
    .filter((each) => each.isRoutable)
    .map((each) => ({ kind: 'outside', name: 'world', address: each.example, class: each }));

function serviceEnds(
  prepared: Prepared,
  { namespace, name }: Extract<EndText, { readonly kind: 'service' }>,
): readonly End[] {
  const service = prepared.world.services.find((each) => each.namespace === namespace && each.name === name);
  if (service === undefined) {
    const own = prepared.world.services.filter((each) => each.namespace === namespace);
    const there = own.length === 0 ? 'it has none' : `it has ${listed(own.map((each) => each.name))}`;
    throw new QuestionError(`there is no Service ${name} in the namespace ${namespace}: ${there}`);
  }
  if (service.clusterIPs.length > 0)
    return service.clusterIPs.map((address) => ({
      kind: 'service',
      name: `service ${podName(service)}`,
      service,
      address,
    }));
  const backends = prepared.services.addressesBehind(podName(service));
  if (backends.length === 0)
    throw new QuestionError(`the Service ${podName(service)} has no cluster IP and no endpoint`);
  return backends.map((address) => addressEnd(prepared, address));
}
