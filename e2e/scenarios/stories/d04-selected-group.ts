import type { PodSpec, StartedPod } from '../../cluster.ts';
import { program } from '../../harness/firewall.ts';
import { allowed, refused, type ActorName, type Row } from '../../harness/rows.ts';
import type { Stage } from '../../harness/pods-stage.ts';
import { betweenOpen, ownManifest, readManifest, type Story } from '../story.ts';
import { expectTable } from '../../harness/sweep.ts';
import { whileTenantHas } from '../tenant.ts';

const PORTS = [3306, 33060] as const;

const rows: readonly Row[] = [
  ...allowed(['blog-a/wp'], ['blog-a/db'], PORTS),
  ...allowed(['blog-b/wp'], ['blog-b/db'], PORTS),
  ...refused(['blog-a/wp'], ['blog-b/db'], PORTS),
  ...refused(['blog-b/wp'], ['blog-a/db'], PORTS),
  ...refused(['wordpress/wp1', 'wordpress/wp2', 'mallory/nodes'], ['blog-a/db', 'blog-b/db'], PORTS),
  ...refused(['blog-a/wp', 'blog-b/wp'], ['wordpress/db'], [3306]),
  ...refused(['blog-a/db'], ['blog-a/wp'], [80]),
];

const betweenBlogs: readonly Row[] = [
  ...allowed(['blog-a/wp', 'kube-system/metrics'], ['blog-a/db'], PORTS),
  ...refused(['blog-a/wp'], ['blog-b/db'], PORTS),
  ...refused(['blog-b/wp'], ['blog-a/db'], PORTS),
];

const later: readonly Row[] = [
  ...allowed(['blog-c/wp'], ['blog-c/db'], PORTS),
  ...refused(['blog-c/wp'], ['blog-a/db', 'blog-b/db'], PORTS),
  ...refused(['blog-a/wp', 'blog-b/wp', 'wordpress/wp1'], ['blog-c/db'], PORTS),
  ...refused(['blog-c/db'], ['blog-c/wp', 'outside/web'], [80]),
  ...allowed(['blog-d/wp'], ['blog-d/db'], PORTS),
  ...refused(['blog-d/wp'], ['blog-a/db', 'blog-c/db'], PORTS),
  ...refused(['blog-a/wp', 'blog-c/wp'], ['blog-d/db'], PORTS),
];

export const selectedGroup: Story = {
  id: 'D4',
  title: 'a group connects no two of its namespaces, also not those that appear later',
  play: async (stage) => {
    await betweenOpen(stage, rows, async () => {
      await program(stage.cluster, await readManifest(ownManifest('selected-group.yaml')));
      await expectTable(stage, rows);
      // Now blog-b alone refuses traffic between the two, in both directions.
      await whileTenantHas(stage, 'open-tenant.yaml', 'blog-a', () => expectTable(stage, betweenBlogs));
      await withMoreBlogs(stage, () => expectTable(stage, [...rows, ...later]));
    });
  },
};

const newcomers = (namespace: string): readonly PodSpec[] => [
  { namespace, name: 'wp', node: 'node1', labels: { app: 'wordpress' }, ports: [{ port: 80 }] },
  {
    namespace,
    name: 'db',
    node: 'node2',
    labels: { app: 'mariadb' },
    ports: PORTS.map((port) => ({ port })),
  },
];

/** One by the group's label, one by its name. */
async function withMoreBlogs(stage: Stage, look: () => Promise<void>): Promise<void> {
  const { cluster } = stage;
  await cluster.createNamespace('blog-c', { tenant: 'blog' });
  await cluster.createNamespace('blog-d');
  const pods = new Map<ActorName, StartedPod>();
  try {
    for (const spec of ['blog-c', 'blog-d'].flatMap(newcomers)) {
      const name = `${spec.namespace}/${spec.name}`;
      const pod = await cluster.createPod(spec);
      pods.set(name, pod);
      stage.enter(name, pod);
    }
    await look();
  } finally {
    for (const [name, pod] of pods) {
      stage.leave(name);
      await pod.delete();
    }
    await cluster.kubectl(['delete', 'namespace', 'blog-c', 'blog-d', '--timeout=60s']);
  }
}
