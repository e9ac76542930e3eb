import type { StartedCluster } from '../../cluster.ts';
import { CALICO_KINDS, program, removeAll } from '../firewall.ts';
import { ownManifest, readManifest, type Story } from '../story.ts';

/** So that no moment isolates what rules allow, and no policy stands without its Tier or its sets. */
export const removal: Story = {
  id: 'D7',
  title: 'denies are written last and removed first, the Tier first and last',
  play: async ({ cluster }) => {
    const start = await revision(cluster);
    await program(cluster, await readManifest(ownManifest('every-kind.yaml')));
    await removeAll(cluster);
    const changes = await changesSince(cluster, start);
    expectOrder(changes, 'ADDED', ['tier', 'set', 'allow', 'deny']);
    expectOrder(changes, 'DELETED', ['deny', 'allow', 'set', 'tier']);
  },
};

type Part = 'tier' | 'set' | 'allow' | 'deny';

/** As the API server's watch tells it, of the objects that Calico stores. */
interface Change {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED';
  readonly object: {
    readonly kind: string;
    readonly metadata: { readonly name: string; readonly resourceVersion: string };
  };
}

const STORED = '/apis/crd.projectcalico.org/v1';

async function revision(cluster: StartedCluster): Promise<string> {
  const list = await cluster.kubectl(['get', '--raw', `${STORED}/tiers`]);
  return (JSON.parse(list) as { readonly metadata: { readonly resourceVersion: string } }).metadata
    .resourceVersion;
}

/** Of all kinds, in the order in which they were stored: a resourceVersion is etcd's revision, and a deletion has its own. */
async function changesSince(cluster: StartedCluster, start: string): Promise<readonly Change[]> {
  const history = `watch=true&resourceVersion=${start}&timeoutSeconds=2`;
  const streams = await Promise.all(
    CALICO_KINDS.map((kind) => cluster.kubectl(['get', '--raw', `${STORED}/${kind}?${history}`])),
  );
  return streams
    .flatMap((stream) => stream.split('\n').filter((line) => line !== ''))
    .map((line) => JSON.parse(line) as Change)
    .sort((a, b) => Number(a.object.metadata.resourceVersion) - Number(b.object.metadata.resourceVersion));
}

function expectOrder(changes: readonly Change[], type: Change['type'], order: readonly Part[]): void {
  const seen = changes.filter((change) => change.type === type && isOurs(change.object));
  const parts = seen.map(({ object }) => partOf(object));
  const missing = order.filter((part) => !parts.includes(part));
  const sorted = parts.every(
    (part, i) => i === 0 || order.indexOf(parts[i - 1] ?? part) <= order.indexOf(part),
  );
  if (sorted && missing.length === 0) return;
  const lines = seen.map(({ object }, i) => `  ${parts[i] ?? ''} ${object.kind}/${object.metadata.name}`);
  throw new Error(`${type} should be in the order ${order.join(', ')}:\n${lines.join('\n')}`);
}

/** Not the cluster's own, which the provider writes to see how far the nodes are. */
const isOurs = ({ kind, metadata: { name } }: Change['object']): boolean =>
  name.includes('cfw-') || (kind === 'Tier' && name === 'clusterfirewall');

function partOf({ kind, metadata }: Change['object']): Part {
  if (kind === 'Tier') return 'tier';
  if (kind === 'GlobalNetworkSet') return 'set';
  return /-defaults-(deny|metadataapi)-|-guardrails-/.test(metadata.name) ? 'deny' : 'allow';
}
