/**
 * The ends of flows of one world or of several, as classes of those that none of the worlds tells apart. With the
 * cells of packets they make a question about every flow one with finitely many cases.
 */
import { cellsOf, type Cell } from './cells.ts';
import { Classes } from './classes.ts';
import { outsideClassesIn, type OutsideClass } from './outside.ts';
import type { Prepared } from './prepared.ts';
import { podName } from './world.ts';

export type Party =
  /** `NAMESPACE/NAME` of each. */
  | { readonly kind: 'pods'; readonly names: readonly [string, ...string[]] }
  | { readonly kind: 'nodes'; readonly names: readonly [string, ...string[]] }
  | { readonly kind: 'outside'; readonly class: OutsideClass };

export interface Parties {
  readonly all: readonly Party[];
  readonly cells: Readonly<Record<4 | 6, readonly Cell[]>>;
}

/** Pods and nodes that are not in every world are left out. */
export function partiesOf(worlds: readonly Prepared[]): Parties {
  const classes = worlds.map((world) => new Classes(world));
  const podKeys = classes.map(
    (each) =>
      new Map(each.pods.flatMap(({ number, pods }) => pods.map((pod) => [podName(pod), number] as const))),
  );
  const nodeKeys = classes.map(
    (each) =>
      new Map(
        each.prepared.world.nodes.map(
          ({ name }) =>
            [name, `${each.nodeKeyOf(name)} ${each.prepared.services.waysThrough(name)}`] as const,
        ),
      ),
  );
  return {
    all: [
      ...together(podKeys).map((names): Party => ({ kind: 'pods', names })),
      ...together(nodeKeys).map((names): Party => ({ kind: 'nodes', names })),
      ...([4, 6] as const)
        .flatMap((family) => outsideClassesIn(worlds, family))
        .filter(({ isRoutable }) => isRoutable)
        .map((each): Party => ({ kind: 'outside', class: each })),
    ],
    cells: { 4: cellsOf(worlds, 4), 6: cellsOf(worlds, 6) },
  };
}

/** Names with the same keys in all maps. */
function together(
  keys: readonly ReadonlyMap<string, string | number>[],
): readonly (readonly [string, ...string[]])[] {
  const [first = new Map<string, string | number>()] = keys;
  const shared = [...first.keys()].filter((name) => keys.every((map) => map.has(name)));
  const groups = Map.groupBy(shared, (name) => keys.map((map) => String(map.get(name))).join(' / '));
  return [...groups.values()].flatMap(([one, ...others]) => (one === undefined ? [] : [[one, ...others]]));
}
