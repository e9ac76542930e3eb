import { expectQuiet } from '../changes.ts';
import { nothingLeft, program, removeAll } from '../../harness/firewall.ts';
import { KEPT, REFUSED, whileFlowing } from '../flows.ts';
import { ownManifest, readManifest, type Story } from '../story.ts';

const MODES = ['background', 'foreground', 'orphan'] as const;

export const cascade: Story = {
  id: 'D15',
  title:
    'removal in each cascade mode loses no packet, leaves nothing and is not undone; nor is what comes after it',
  play: async (stage) => {
    const { cluster } = stage;
    const manifest = await readManifest(ownManifest('flows.yaml'));
    await program(cluster, manifest);
    await whileFlowing(stage, KEPT, async ({ now }) => {
      for (const mode of MODES) {
        await whileFlowing(stage, REFUSED, async ({ mayPass }) => {
          now(`delete --cascade=${mode}`);
          mayPass();
          await cluster.kubectl([
            'delete',
            'clusterfirewall',
            'default',
            `--cascade=${mode}`,
            '--timeout=60s',
          ]);
          await nothingLeft(cluster);
          await expectQuiet(cluster);
        });
        now(`apply after ${mode}`);
        await program(cluster, manifest);
      }
      now('the last removal');
      await removeAll(cluster);
    });
  },
};
