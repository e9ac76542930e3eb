/** The world that assertions are about. */
import type { Compilation } from '../compiler/types.ts';
import type { Inventory } from '../inventory/types.ts';
import { UNKNOWN } from '../inventory/known.ts';
import type { ClusterFirewall } from '../api/schema.ts';
import { PROTOCOL } from '../calico/read/protocols.ts';
import { formatCidr } from '../net/cidr.ts';
import { WITHOUT_POOLS } from '../questions/free-addresses.ts';
import { compiledWorld, storedWorld } from '../questions/world.ts';
import type { World } from '../simulator/world.ts';
import { EXAMPLE_NODES } from './examples.ts';
import type { Asserted } from './types.ts';

/** In the order of their firewalls. */
export const assertedBy = (firewalls: readonly ClusterFirewall[]): readonly Asserted[] =>
  firewalls.flatMap(({ metadata: { name }, spec: { assertions = [] } }) =>
    assertions.map((assertion, index) => ({
      firewall: name,
      path: `spec.assertions[${String(index)}]`,
      assertion,
    })),
  );

/**
 * @param others the world without objects of the operator
 * @param kept objects of the operator that stay as they are stored, and replace what is compiled
 */
export function inForce(others: World, kept: readonly unknown[], compilation: Compilation): World {
  if (kept.length === 0) return compiledWorld(others, compilation);
  const own = storedWorld(kept, []);
  const named = new Set(kept.map(idOf));
  const objects = compilation.objects.filter(({ object }) => !named.has(idOf(object)));
  const world: World = {
    ...others,
    tiers: [...others.tiers, ...own.tiers],
    policies: [...others.policies, ...own.policies],
    sets: [...others.sets, ...own.sets],
    hostEndpoints: [...others.hostEndpoints, ...own.hostEndpoints],
    problems: [...others.problems, ...own.problems],
  };
  return compiledWorld(world, { ...compilation, objects });
}

interface Identified {
  readonly kind: string;
  readonly metadata: { readonly namespace?: string | undefined; readonly name: string };
}

const idOf = (object: unknown): string => {
  const { kind, metadata } = object as Identified;
  return `${kind} ${metadata.namespace ?? ''}/${metadata.name}`;
};

/**
 * An inventory for compiling what assertions are about where there is none: examples take the place of what is
 * not known.
 */
export function withExamples(inventory: Inventory, asserted: readonly Asserted[]): Inventory {
  const pods = asserted.flatMap(({ assertion: { from, to } }) => [from.pod ?? [], to.pod ?? []].flat());
  const given = pods.flatMap(({ namespace, namespaceLabels }) =>
    namespaceLabels === undefined ? [] : [[namespace, namespaceLabels] as const],
  );
  return {
    ...inventory,
    ...(inventory.namespaces === UNKNOWN && {
      namespaces: [...new Map(given)].map(([name, labels]) => ({
        name,
        labels: { ...labels, 'kubernetes.io/metadata.name': name },
      })),
    }),
    ...(inventory.nodes === UNKNOWN && {
      nodes: EXAMPLE_NODES.map(({ name, labels, addresses }) => ({ name, labels, addresses })),
    }),
    ...(inventory.ipPools === UNKNOWN && { ipPools: [formatCidr(WITHOUT_POOLS)] }),
  };
}

/** The Service of the API server, which the operator knows by its EndpointSlices. */
const API_SERVER = 'default/kubernetes';

/** The world with the endpoints of the API server, where they are known. */
export function withApiServer(world: World, targets: NonNullable<Inventory['apiServerTargets']>): World {
  if (targets.length === 0) return world;
  const backends = targets.map(({ address, port }) => ({
    address,
    protocol: PROTOCOL.TCP,
    port,
    portName: 'https',
    ready: true,
  }));
  return { ...world, slices: [...world.slices, { service: API_SERVER, backends }] };
}
