import type { StartedCluster } from '../../cluster.ts';
import { KubectlError } from '../../errors.ts';
import { program } from '../../harness/firewall.ts';
import { allowed, refused, type Row } from '../../harness/rows.ts';
import { type Guard, withoutGuard } from '../guards.ts';
import { betweenOpen, ownManifest, readManifest, type Story } from '../story.ts';
import { expectTable } from '../../harness/sweep.ts';
import { whileTenantHas } from '../tenant.ts';

const WORDPRESS = ['wordpress/wp1', 'wordpress/wp2'] as const;

const rows: readonly Row[] = [
  ...allowed(['edge/proxy1', 'edge/proxy2'], WORDPRESS, [11011]),
  ...allowed(['outside/web'], WORDPRESS, [81]),
  ...refused(['outside/web', 'kube-system/metrics'], WORDPRESS, [11011]),
];

/** While the NetworkSet exists, every address counts as a proxy of namespace edge. */
const posed: readonly Row[] = allowed(['outside/web', 'kube-system/metrics'], WORDPRESS, [11011]);

export const networkSetGuard: Story = {
  id: 'D10',
  title: 'a NetworkSet that poses as pods of another namespace is refused; without the guard it would work',
  play: async (stage) => {
    await betweenOpen(stage, rows, async () => {
      await program(stage.cluster, await readManifest(ownManifest('forgery.yaml')));
      await expectTable(stage, rows);
      await expectGuarded(stage.cluster);
      await withoutGuard(stage.cluster, GUARD, () =>
        whileTenantHas(stage, 'posing-networkset.yaml', 'mallory', () => expectTable(stage, posed)),
      );
      await expectTable(stage, rows);
    });
  },
};

const GROUPS = ['projectcalico.org/v3', 'crd.projectcalico.org/v1'] as const;
const POSING = [
  'projectcalico.org/orchestrator',
  'pcns.role',
  'pcns.kubernetes.io/metadata.name',
  'pcsa.team',
] as const;

const GUARD: Guard = {
  folder: 'networkset-guard',
  refuses: (cluster) => isRefused(cluster, GROUPS[0], { labels: { [POSING[0]]: 'ingress' } }),
};

/**
 * The annotation in which Calico's API server keeps labels. It takes the annotation unchanged from every
 * client, so a client might hide a label there.
 */
const STORED_METADATA = 'projectcalico.org/metadata';
const HIDDEN = [
  '{"labels":{"pcns.role":"ingress"}}',
  '{"labels":{"pcns.role" :"ingress"}}',
  String.raw`{"labels":{"\u0070cns.role":"ingress"}}`,
  String.raw`{"labels":{"pcns.kubernetes.io\/metadata.name":"edge"}}`,
  '{"labels":{"projectcalico.org/orchestrator":"k8s"}}',
  String.raw`{"labels":{"projectcalico.org\/orchestrator":"k8s"}}`,
  String.raw`{"labels":{"p\u0072ojectcalico.org/orchestrator":"k8s"}}`,
] as const;

/** Tries sets through Calico's API and in its storage. Harmless ones are accepted. */
async function expectGuarded(cluster: StartedCluster): Promise<void> {
  for (const group of GROUPS) {
    for (const label of POSING) {
      if (!(await isRefused(cluster, group, { labels: { [label]: 'ingress' } })))
        throw new Error(`the guard let ${label} pass in ${group}`);
    }
    if (await isRefused(cluster, group, { labels: { team: 'ingress' } }))
      throw new Error(`the guard refused a harmless label in ${group}`);
    for (const text of HIDDEN) {
      if (!(await isRefused(cluster, group, { annotations: { [STORED_METADATA]: text } })))
        throw new Error(`the guard let ${text} pass in ${group}`);
    }
  }
}

type Pose = Readonly<
  Record<'labels', Record<string, string>> | Record<'annotations', Record<string, string>>
>;

async function isRefused(cluster: StartedCluster, apiVersion: string, pose: Pose): Promise<boolean> {
  const metadata = { name: 'attempt', namespace: 'mallory', ...pose };
  const input = JSON.stringify({
    apiVersion,
    kind: 'NetworkSet',
    metadata,
    spec: { nets: ['192.0.2.0/24'] },
  });
  try {
    await cluster.kubectl(['create', '--filename', '-'], { input });
  } catch (error) {
    if (error instanceof KubectlError && error.stderr.includes('clusterfirewall-networkset-guard'))
      return true;
    throw error;
  }
  await cluster.kubectl(['delete', '--filename', '-'], { input });
  return false;
}
