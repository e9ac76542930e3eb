/** The history of generated objects. */
import type { StartedCluster } from '../cluster.ts';
import { CALICO_KINDS } from '../harness/firewall.ts';
import { STORED } from '../harness/paths.ts';

/** An event of the API server's watch, for objects that Calico stores. */
export interface Change {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED';
  readonly object: {
    readonly kind: string;
    readonly metadata: { readonly name: string; readonly resourceVersion: string };
  };
}

/** The present position in the history. */
export async function revision(cluster: StartedCluster): Promise<string> {
  const list = await cluster.get(`${STORED}/tiers`);
  return (list as { readonly metadata: { readonly resourceVersion: string } }).metadata.resourceVersion;
}

/**
 * Events of all our kinds, in the order in which they were stored. A resourceVersion is etcd's revision, and
 * a deletion has its own.
 */
export async function changesSince(
  cluster: StartedCluster,
  start: string,
  seconds = 2,
): Promise<readonly Change[]> {
  const history = `watch=true&resourceVersion=${start}&timeoutSeconds=${seconds}`;
  const streams = await Promise.all(
    CALICO_KINDS.map((kind) => cluster.kubectl(['get', '--raw', `${STORED}/${kind}?${history}`])),
  );
  return streams
    .flatMap((stream) => stream.split('\n').filter((line) => line !== ''))
    .map((line) => JSON.parse(line) as Change)
    .filter(({ object }) => isOurs(object))
    .sort((a, b) => Number(a.object.metadata.resourceVersion) - Number(b.object.metadata.resourceVersion));
}

/** Excludes the cluster's own objects, which the provider writes to see how far the nodes are. */
const isOurs = ({ kind, metadata: { name } }: Change['object']): boolean =>
  name.includes('cfw-') || (kind === 'Tier' && name === 'clusterfirewall');

/**
 * A client that creates removed objects again does so within seconds, because the garbage collector and our
 * own watches are as fast.
 * @throws when it does
 */
export async function expectQuiet(cluster: StartedCluster): Promise<void> {
  const changes = await changesSince(cluster, await revision(cluster), 3);
  if (changes.length === 0) return;
  const lines = changes.map(({ type, object }) => `  ${type} ${object.kind}/${object.metadata.name}`);
  throw new Error(`after the removal came:\n${lines.join('\n')}`);
}
