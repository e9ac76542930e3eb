import { changesSince, revision, type Change } from '../changes.ts';
import { program, removeAll } from '../firewall.ts';
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

function expectOrder(changes: readonly Change[], type: Change['type'], order: readonly Part[]): void {
  const seen = changes.filter((change) => change.type === type);
  const parts = seen.map(({ object }) => partOf(object));
  const missing = order.filter((part) => !parts.includes(part));
  const sorted = parts.every(
    (part, i) => i === 0 || order.indexOf(parts[i - 1] ?? part) <= order.indexOf(part),
  );
  if (sorted && missing.length === 0) return;
  const lines = seen.map(({ object }, i) => `  ${parts[i] ?? ''} ${object.kind}/${object.metadata.name}`);
  throw new Error(`${type} should be in the order ${order.join(', ')}:\n${lines.join('\n')}`);
}

function partOf({ kind, metadata }: Change['object']): Part {
  if (kind === 'Tier') return 'tier';
  if (kind === 'GlobalNetworkSet') return 'set';
  return /-defaults-(deny|metadataapi)-|-guardrails-/.test(metadata.name) ? 'deny' : 'allow';
}
