/** Pods that do not exist: their labels are given, and the rest is assumed. */
import { containsCidr, formatAddress, parseAddress, type Cidr } from '../net/cidr.ts';
import { podName, type Pod, type World } from '../simulator/world.ts';
import type { EndText } from './end-text.ts';
import { listed, QuestionError } from './errors.ts';

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
  const taken = new Set(world.pods.flatMap(({ addresses }) => addresses));
  const pods = wanted.map((end, index) => assume(world, end, taken, index));
  const distinct = pods.filter(
    (pod, index) =>
      pods.findIndex((each) => each.name === pod.name && each.namespace === pod.namespace) === index,
  );
  return { ...world, pods: [...world.pods, ...distinct] };
}

function assume(world: World, end: Labelled, taken: Set<string>, index: number): Pod {
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
    addresses: ([4, 6] as const).flatMap((family) => freeAddress(world, family, taken)),
    ports: [],
    hostPorts: [],
  };
}

function freeAddress(world: World, family: 4 | 6, taken: Set<string>): readonly string[] {
  const nodes = world.nodes.flatMap(({ addresses }) => addresses);
  const pools = world.pools.map(({ cidr }) => cidr).filter((cidr) => cidr.family === family);
  for (const pool of [...pools, ...(family === 4 && world.pools.length === 0 ? [WITHOUT_POOLS] : [])]) {
    for (let offset = 1n; offset < 1n << 20n; offset++) {
      const address: Cidr = { family, value: pool.value + offset, prefix: family === 4 ? 32 : 128 };
      if (!containsCidr(pool, address)) break;
      const text = formatAddress(address);
      if (taken.has(text) || nodes.includes(text)) continue;
      taken.add(text);
      return [text];
    }
  }
  return [];
}

/** 100.64.0.0/10 is nobody's (RFC 6598), so no rule is likely to name it. */
const WITHOUT_POOLS: Cidr = { ...parseAddress('100.64.0.0'), prefix: 10 };
