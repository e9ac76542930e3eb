/** Writes Calico's objects and removes them again. */
import type { StartedCluster } from '../../cluster.ts';
import type { CalicoObject } from './by-hand.ts';

export async function apply(cluster: StartedCluster, objects: readonly CalicoObject[]): Promise<void> {
  await cluster.kubectl(['apply', '--filename', '-'], { input: list(objects) });
}

export async function remove(cluster: StartedCluster, objects: readonly CalicoObject[]): Promise<void> {
  await cluster.kubectl(['delete', '--ignore-not-found', '--filename', '-'], { input: list(objects) });
}

const list = (items: readonly CalicoObject[]): string =>
  JSON.stringify({ apiVersion: 'v1', kind: 'List', items });
