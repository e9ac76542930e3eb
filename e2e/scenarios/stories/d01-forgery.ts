import { dump, load } from 'js-yaml';
import { program } from '../../harness/firewall.ts';
import { allowed, refused } from '../../harness/rows.ts';
import { betweenOpen, ownManifest, readManifest, type Story } from '../story.ts';
import { expectTable } from '../../harness/sweep.ts';
import { whileTenantHas } from '../tenant.ts';

const WORDPRESS = ['wordpress/wp1', 'wordpress/wp2'] as const;
const MALLORY = ['mallory/nodes', 'mallory/big'] as const;

const BLOGS = ['blog-a/wp', 'blog-b/wp'] as const;

/** The pods of mallory carry every label of ours, and mallory has opened its namespace. */
const rows = [
  ...allowed(MALLORY, ['outside/web', 'outside/vm'], [443]),
  ...allowed(['kube-system/metrics'], MALLORY, [443]),

  ...allowed(['outside/vm'], WORDPRESS, [80, 81]),
  ...allowed(['outside/web'], WORDPRESS, [81]),
  ...allowed(['edge/proxy1', 'edge/proxy2'], WORDPRESS, [11011]),
  ...allowed(WORDPRESS, ['wordpress/db'], [3306]),
  ...allowed(WORDPRESS, ['outside/web'], [22, 443]),
  ...allowed(WORDPRESS, ['outside/vm'], [443, 5432]),
  ...allowed(['outside/vm'], BLOGS, [80]),
  ...allowed(['wordpress/job', ...BLOGS], ['outside/vm'], [5432]),

  ...refused([...WORDPRESS, ...MALLORY], ['outside/vm'], [22]),
  ...refused(['outside/web'], [...WORDPRESS, ...BLOGS], [80]),
  ...refused(['outside/web', 'outside/vm'], WORDPRESS, [11011]),
  ...refused(['outside/web', 'outside/vm', 'kube-system/metrics', ...MALLORY], ['wordpress/db'], [3306]),
  ...refused(['kube-system/metrics', ...MALLORY], WORDPRESS, [80, 81, 11011]),
  ...refused(['kube-system/metrics', ...MALLORY], BLOGS, [80]),
  ...refused([...WORDPRESS, ...BLOGS], MALLORY, [22, 443, 5432]),
  ...refused(['wordpress/job', ...WORDPRESS, ...BLOGS], ['outside/web'], [3306, 5432]),
  ...refused(WORDPRESS, ['node/node1', 'node/node2'], [443]),
  ...refused(['node/node1'], ['wordpress/wp2'], [80, 81]),
  ...refused(['node/node2'], ['wordpress/wp1'], [80, 81]),
  ...refused(['shop/front', 'wordpress/db'], ['outside/web'], [443]),
];

export const forgery: Story = {
  id: 'D1',
  title: 'labels of ours on a tenant’s pods and NetworkSets gain nothing and shut nothing',
  play: async (stage) => {
    await betweenOpen(stage, rows, async () => {
      await program(stage.cluster, withBigPeer(await readManifest(ownManifest('forgery.yaml'))));
      await whileTenantHas(stage, 'open-tenant.yaml', 'mallory', async () => {
        await expectTable(stage, rows);
        await whileTenantHas(stage, 'forged-networksets.yaml', 'mallory', () => expectTable(stage, rows));
      });
    });
  },
};

interface WithPeers {
  readonly spec: { readonly peers: readonly { readonly name: string; readonly cidrs?: readonly string[] }[] };
}

/** More CIDRs than a rule may name (256), none of which can be merged with another. */
function withBigPeer(manifest: string): string {
  const firewall = load(manifest) as WithPeers;
  const fillers = Array.from(
    { length: 300 },
    (_, i) => `192.0.${String(i >> 7)}.${String((i & 127) * 2)}/32`,
  );
  const peers = firewall.spec.peers.map((peer) =>
    peer.name === 'big' ? { ...peer, cidrs: [...(peer.cidrs ?? []), ...fillers] } : peer,
  );
  return dump({ ...firewall, spec: { ...firewall.spec, peers } });
}
