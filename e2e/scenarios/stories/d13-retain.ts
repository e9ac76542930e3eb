import { deleteFirewall, program } from '../../harness/firewall.ts';
import { allowed, refused, type Row } from '../../harness/rows.ts';
import { betweenOpen, ownManifest, readManifest, type Story } from '../story.ts';
import { expectTable } from '../../harness/sweep.ts';

const WORDPRESS = ['wordpress/wp1', 'wordpress/wp2'] as const;

const rows: readonly Row[] = [
  ...allowed(['edge/proxy1', 'edge/proxy2'], WORDPRESS, [80]),
  ...refused(['edge/proxy1', 'shop/front', 'outside/web'], WORDPRESS, [81]),
  ...refused(WORDPRESS, ['outside/web', 'outside/metadata'], [80]),
];

export const retain: Story = {
  id: 'D13',
  title: 'deletionPolicy Retain leaves the firewall in force, and a new one of that name takes it over',
  play: async (stage) => {
    await betweenOpen(stage, rows, async () => {
      const good = await readManifest(ownManifest('good.yaml'));
      await program(stage.cluster, good.replace('mode: Enforce', 'mode: Enforce\n  deletionPolicy: Retain'));
      await expectTable(stage, rows);
      await deleteFirewall(stage.cluster, 'default');
      await stage.restartOperator();
      await expectTable(stage, rows);
      await program(stage.cluster, good);
      await expectTable(stage, rows);
    });
  },
};
