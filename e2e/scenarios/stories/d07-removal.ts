import { changesSince, revision, type Change } from '../changes.ts';
import { program, removeAll } from '../../harness/firewall.ts';
import { ownManifest, readManifest, type Story } from '../story.ts';

/** No moment isolates traffic that rules allow, and no policy exists without its Tier or its sets. */
export const removal: Story = {
  id: 'D7',
  title: 'denies are written last and removed first, the Tier first and last, bridges around both',
  play: async ({ cluster }) => {
    const start = await revision(cluster);
    await program(cluster, await readManifest(ownManifest('every-kind.yaml')));
    const enforced = await changesSince(cluster, start);
    expectOrder(enforced, 'ADDED', ['tier', 'pass', 'set', 'guardrail', 'bridge', 'allow', 'deny']);
    expectOrder(enforced, 'DELETED', ['bridge']);
    const standing = await revision(cluster);
    await removeAll(cluster);
    const removed = await changesSince(cluster, standing);
    expectOrder(removed, 'ADDED', ['guardrail', 'bridge']);
    expectOrder(removed, 'DELETED', ['deny', 'allow', 'bridge', 'guardrail', 'pass', 'set', 'tier']);
  },
};

type Part = 'tier' | 'pass' | 'set' | 'guardrail' | 'bridge' | 'allow' | 'deny';

function expectOrder(changes: readonly Change[], type: Change['type'], order: readonly Part[]): void {
  const seen = changes.filter((change) => change.type === type);
  const parts = seen.map(({ object }) => partOf(object));
  const missing = order.filter((part) => !parts.includes(part));
  const places = parts.map((part) => order.indexOf(part));
  const sorted = places.every((place, i) => place >= (places[i - 1] ?? 0));
  if (sorted && missing.length === 0) return;
  const lines = seen.map(({ object }, i) => `  ${parts[i] ?? ''} ${object.kind}/${object.metadata.name}`);
  throw new Error(`${type} should be in the order ${order.join(', ')}:\n${lines.join('\n')}`);
}

function partOf({ kind, metadata: { name } }: Change['object']): Part {
  if (kind === 'Tier') return 'tier';
  if (kind === 'GlobalNetworkSet') return 'set';
  // A copy of a guardrail stands in its place, and not in that of the bridges.
  if (name.startsWith('clusterfirewall.') && name.includes('-defaults-bridge-')) return 'guardrail';
  if (name.includes('-defaults-bridge-')) return 'bridge';
  if (name.includes('-defaults-pass-')) return 'pass';
  if (/-guardrails-|-defaults-metadataapi-/.test(name)) return 'guardrail';
  return name.includes('-defaults-deny-') ? 'deny' : 'allow';
}
