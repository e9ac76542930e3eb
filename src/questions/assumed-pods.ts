/** Pods that do not exist: their labels are given, and the rest is assumed. */
import { podName, type Pod, type World } from '../simulator/world.ts';
import type { EndText } from './end-text.ts';
import { listed, QuestionError } from './errors.ts';
import { FreeAddresses } from './free-addresses.ts';

type Labelled = Extract<EndText, { readonly kind: 'labels' }>;

const nameOf = ({ labels }: Labelled): string =>
  `[${Object.entries(labels)
    .map(([key, value]) => `${key}=${value}`)
    .sort()
    .join(',')}]`;

/** @throws QuestionError if addAssumed has not seen the text */
export function assumedPodOf({ pods }: World, end: Labelled): Pod {
  const name = `${end.namespace}/${nameOf(end)}`;
  const found = pods.find((pod) => podName(pod) === name);
  if (found === undefined) throw new QuestionError(`the pod ${name} has no place in the world`);
  return found;
}

/**
 * Adds a pod for each text by label. It has the first free addresses of the pools, the ServiceAccount
 * `default`, no named ports, and is on a node of its own choice.
 * @throws QuestionError for a namespace that does not exist
 */
export function addAssumed(world: World, ends: readonly EndText[]): World {
  const wanted = ends.filter((end) => end.kind === 'labels');
  if (wanted.length === 0) return world;
  const free = new FreeAddresses(world);
  const pods = wanted.map((end, index) => assume(world, end, free, index));
  const distinct = pods.filter(
    (pod, index) =>
      pods.findIndex((each) => each.name === pod.name && each.namespace === pod.namespace) === index,
  );
  return { ...world, pods: [...world.pods, ...distinct] };
}

function assume(world: World, end: Labelled, free: FreeAddresses, index: number): Pod {
  const { namespace, labels } = end;
  const known = world.namespaces.map(({ name }) => name);
  if (!known.includes(namespace) && !world.lacks.includes('Namespace'))
    throw new QuestionError(`there is no namespace ${namespace}: there are ${listed(known)}`);
  const node = world.nodes[index % Math.max(world.nodes.length, 1)];
  if (node === undefined)
    throw new QuestionError(
      `"pod:${namespace}${nameOf(end)}" needs a node to be on, and no Nodes were given`,
    );
  return {
    namespace,
    name: nameOf(end),
    labels,
    serviceAccount: 'default',
    node: node.name,
    addresses: free.take(),
    ports: [],
    hostPorts: [],
  };
}
