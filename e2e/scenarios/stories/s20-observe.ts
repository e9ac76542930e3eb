import { getFirewall, program, served } from '../../harness/firewall.ts';
import { allowed, refused, type Row } from '../../harness/rows.ts';
import type { Stage } from '../../harness/pods-stage.ts';
import { readManifest, scenario } from '../story.ts';
import { expectTable } from '../../harness/sweep.ts';

const rows: readonly Row[] = [
  ...allowed(['edge/proxy1', 'edge/proxy2'], ['wordpress/wp1', 'wordpress/wp2'], [80, 81]),
  ...allowed(['wordpress/wp1', 'wordpress/wp2', 'wordpress/job'], ['wordpress/db'], [3306]),
  ...allowed(['shop/front', 'shop/cart', 'outside/web'], ['wordpress/wp1', 'wordpress/wp2'], [80]),
  ...allowed(['wordpress/db', 'shop/front', 'shop/cart'], ['outside/web', 'outside/metadata'], [80]),
  ...allowed(['shop/front'], ['shop/cart'], ['53/UDP']),
];

/** The same firewall with mode: Enforce. */
const enforced: readonly Row[] = [
  ...allowed(['edge/proxy1', 'edge/proxy2'], ['wordpress/wp1', 'wordpress/wp2'], [80]),
  ...allowed(['wordpress/wp1', 'wordpress/wp2'], ['wordpress/db'], [3306]),
  ...refused(['edge/proxy1', 'edge/proxy2'], ['wordpress/wp1', 'wordpress/wp2'], [81]),
  ...refused(['wordpress/job'], ['wordpress/db'], [3306]),
  ...refused(['shop/front', 'outside/web'], ['wordpress/wp1', 'wordpress/wp2'], [80]),
  ...refused(['wordpress/db', 'shop/cart'], ['outside/web', 'outside/metadata'], [80]),
];

const SAMPLE = 'config/samples/s20-observe.yaml';

export const observe = scenario({
  id: 'S20',
  title: 'Observe drops nothing, stages what Enforce would make, says so, and can be changed for it and back',
  manifest: SAMPLE,
  rows,
  during: async (stage) => {
    await expectStaged(stage);
    const sample = await readManifest(SAMPLE);
    await program(stage.cluster, sample.replace('mode: Observe', 'mode: Enforce'));
    await expectTable(stage, enforced);
    await program(stage.cluster, sample);
    await expectTable(stage, rows);
    await expectStaged(stage);
  },
});

async function expectStaged({ cluster }: Stage): Promise<void> {
  const objects = await served(cluster);
  const kinds = [...new Set(objects.map((name) => name.split('.')[0]))].sort();
  // A set does nothing by itself.
  const expected = ['globalnetworksets', 'stagedglobalnetworkpolicies', 'stagednetworkpolicies', 'tiers'];
  if (String(kinds) !== String(expected)) {
    throw new Error(`should all be staged, save the Tier and sets: ${objects.join(', ')}`);
  }
  const { status } = await getFirewall(cluster, 'default');
  const { enforced: inForce = -1, observed = 0, exempt = 0 } = status?.namespaces ?? {};
  if (inForce !== 0 || observed === 0 || exempt === 0 || status?.policies?.current !== objects.length) {
    throw new Error(`status should tell what is staged: ${JSON.stringify(status)}`);
  }
}
