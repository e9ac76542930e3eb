import { program } from '../../harness/firewall.ts';
import { allowed, refused, type Row } from '../../harness/rows.ts';
import { betweenOpen, ownManifest, readManifest, type Story } from '../story.ts';
import { expectTable } from '../../harness/sweep.ts';
import { whileTenantHas } from '../tenant.ts';

const SHOP = ['shop/front', 'shop/cart'] as const;

/** Connections that stay refused to a tenant who opens everything. */
const guarded: readonly Row[] = [
  ...refused(SHOP, ['outside/vm'], [22, 443, 5432]),
  ...refused(SHOP, ['outside/metadata'], [80]),
  // Nothing else is opened: these ends are under the default deny themselves.
  ...refused(SHOP, ['wordpress/wp1', 'wordpress/wp2'], [80]),
  ...refused(['edge/proxy1', 'edge/proxy2'], SHOP, [80]),
  ...refused(['wordpress/wp1'], ['outside/web', 'outside/vm'], [443]),
];

const closed: readonly Row[] = [
  ...guarded,
  ...refused(SHOP, ['outside/web'], [80, 443]),
  ...refused(['shop/front'], ['shop/cart'], [80]),
  ...refused(['outside/web'], SHOP, [80]),
];

const opened: readonly Row[] = [
  ...guarded,
  ...allowed(SHOP, ['outside/web'], [80, 443]),
  ...allowed(SHOP, ['kube-public/info'], [8080]),
  ...allowed(['shop/front'], ['shop/cart'], [80]),
  ...allowed(['outside/web', 'kube-system/metrics'], SHOP, [80]),
];

export const tenantPolicies: Story = {
  id: 'D6',
  title: 'a tenant’s own policies add to what is allowed, and undo no guardrail',
  play: async (stage) => {
    await betweenOpen(stage, closed, async () => {
      await program(stage.cluster, await readManifest(ownManifest('one-guardrail.yaml')));
      await expectTable(stage, closed);
      for (const manifest of ['open-tenant.yaml', 'open-tenant-first.yaml']) {
        await whileTenantHas(stage, manifest, 'shop', () => expectTable(stage, opened));
        await expectTable(stage, closed);
      }
    });
  },
};
