import { dump, load } from 'js-yaml';
import type { PodSpec, StartedPod } from '../../cluster.ts';
import { program } from '../../harness/firewall.ts';
import type { Stage } from '../../harness/pods-stage.ts';
import { allowed, open, refused } from '../../harness/rows.ts';
import { expectTable } from '../../harness/sweep.ts';
import { betweenOpen, readManifest, type Story } from '../story.ts';

const named = (name: string) => ({ 'app.kubernetes.io/name': name });
const pod = (
  name: string,
  node: string,
  labels: Readonly<Record<string, string>>,
  ...ports: readonly number[]
): PodSpec => {
  const [namespace = '', own = ''] = name.split('/');
  return { namespace, name: own, node, labels, ports: ports.map((port) => ({ port })) };
};

/** One for each part of a platform. Prometheus is in a namespace of the cast. */
const PODS: readonly PodSpec[] = [
  pod('ingress-nginx/controller', 'node1', {}, 8080),
  pod('monitoring/scraper', 'node2', named('prometheus'), 9090),
  pod('cert-manager/controller', 'node1', {}, 9402),
  pod('argocd/server', 'node1', named('argocd-server'), 8080),
  pod('argocd/repo', 'node2', named('argocd-repo-server'), 8081),
  pod('cnpg-system/operator', 'node1', {}, 9443),
  pod('data/pg', 'node2', { 'cnpg.io/cluster': 'pg' }, 5432, 8000, 9187),
  pod('data/web', 'node1', { expose: 'web' }, 8080),
];
const NAMESPACES = ['ingress-nginx', 'cert-manager', 'argocd', 'cnpg-system', 'data'];

const ROWS = [
  ...allowed(['outside/web', 'shop/front', 'node/node2'], ['ingress-nginx/controller'], [8080]),
  ...allowed(['ingress-nginx/controller'], ['data/web', 'argocd/server'], [8080]),
  ...allowed(['monitoring/scraper'], ['data/pg'], [9187]),
  ...allowed(['monitoring/scraper'], ['data/web', 'argocd/server'], [8080]),
  ...allowed(['cert-manager/controller'], ['ingress-nginx/controller'], [8080]),
  ...allowed(['cert-manager/controller'], ['node/node2'], [80]),
  ...allowed(['argocd/repo'], ['outside/internet'], [22]),
  ...allowed(['argocd/repo'], ['argocd/server'], [8080]),
  ...allowed(['argocd/repo', 'cnpg-system/operator'], ['kube-apiserver'], [6443]),
  ...allowed(['cnpg-system/operator'], ['data/pg'], [5432, 8000]),
  ...allowed(['data/web'], ['data/pg'], [5432]),
  ...allowed(['data/web'], ['kube-system/dns1'], ['53/UDP']),

  ...refused(['outside/web', 'shop/front'], ['data/web', 'argocd/server'], [8080]),
  ...refused(['shop/front', 'ingress-nginx/controller', 'outside/web'], ['data/pg'], [5432]),
  ...refused(['monitoring/grafana', 'shop/front'], ['data/pg'], [9187]),
  ...refused(['data/web', 'argocd/repo'], ['outside/web'], [443]),
  ...refused(['argocd/server', 'data/web'], ['outside/internet'], [22]),
  ...refused(['data/web'], ['argocd/server'], [8080]),
];

export const platform: Story = {
  id: 'D39',
  title: "a platform's parts reach each other under the sample for platforms, and nobody else does",
  play: async (stage) => {
    const pods: StartedPod[] = [];
    try {
      for (const name of NAMESPACES) await stage.cluster.createNamespace(name);
      for (const spec of PODS) {
        const started = await stage.cluster.createPod(spec);
        pods.push(started);
        stage.enter(`${spec.namespace}/${spec.name}`, started);
      }
      await play(stage);
    } finally {
      for (const each of pods) {
        stage.leave(`${each.namespace}/${each.name.replace(/^.*\//, '')}`);
        await each.delete();
      }
      await stage.cluster.kubectl(['delete', '--ignore-not-found', 'namespace', ...NAMESPACES]);
    }
  },
};

async function play(stage: Stage): Promise<void> {
  await betweenOpen(stage, ROWS, async () => {
    await program(stage.cluster, await manifest('Observe'));
    await expectTable(stage, open(ROWS));
    await program(stage.cluster, await manifest('Enforce'));
    await expectTable(stage, ROWS);
  });
}

/** Without nodes, which have stories of their own. */
async function manifest(mode: 'Observe' | 'Enforce'): Promise<string> {
  const sample = load(await readManifest('config/samples/platform.yaml')) as {
    readonly spec: { readonly nodes: object };
  };
  return dump({ ...sample, spec: { ...sample.spec, mode, nodes: undefined } }, { skipInvalid: true });
}
