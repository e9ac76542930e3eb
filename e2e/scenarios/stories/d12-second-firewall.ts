import { apply, conditions, deleteFirewall, program, served } from '../../harness/firewall.ts';
import { allowed, open, refused, type Row } from '../../harness/rows.ts';
import type { Stage } from '../../harness/pods-stage.ts';
import { betweenOpen, ownManifest, readManifest, type Story } from '../story.ts';
import { expectTable } from '../../harness/sweep.ts';

const WORDPRESS = ['wordpress/wp1', 'wordpress/wp2'] as const;
const PROXIES = ['edge/proxy1', 'edge/proxy2'] as const;
const SCRAPERS = ['monitoring/prometheus', 'monitoring/grafana'] as const;

const common: readonly Row[] = [
  ...allowed(PROXIES, WORDPRESS, [80]),
  ...refused([...PROXIES, ...SCRAPERS, 'outside/web'], WORDPRESS, [81]),
  ...refused([...WORDPRESS, ...SCRAPERS], ['outside/web', 'outside/vm'], [443]),
];
const both: readonly Row[] = [...common, ...allowed(SCRAPERS, WORDPRESS, [11011])];
const onlyDefault: readonly Row[] = [...common, ...refused(SCRAPERS, WORDPRESS, [11011])];

export const secondFirewall: Story = {
  id: 'D12',
  title: 'a second firewall adds to the default one, and isolates nobody without it',
  play: async (stage) => {
    await betweenOpen(stage, both, async () => {
      const { cluster } = stage;
      await apply(cluster, await readManifest(ownManifest('team.yaml')));
      await expectWaiting(stage);

      const main = await readManifest(ownManifest('good.yaml'));
      await program(cluster, main);
      await conditions(cluster, 'team', { Ready: 'True' });
      await expectTable(stage, both);

      await deleteFirewall(cluster, 'default');
      await expectWaiting(stage);

      await program(cluster, main);
      await deleteFirewall(cluster, 'team');
      await expectTable(stage, onlyDefault);
    });
  },
};

/** Its allows would isolate the pods that they select. */
async function expectWaiting(stage: Stage): Promise<void> {
  await conditions(stage.cluster, 'team', { Ready: 'False' });
  await expectTable(stage, open(both));
  const objects = await served(stage.cluster);
  if (objects.length > 0) throw new Error(`the second firewall should wait: ${objects.join(', ')}`);
}
