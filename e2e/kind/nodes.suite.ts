import { test } from '@jest/globals';
import { program, removeAll } from '../harness/firewall.ts';
import { allowed, open, refused } from '../harness/rows.ts';
import { expectTable } from '../harness/sweep.ts';
import { readManifest } from '../scenarios/story.ts';
import type { KindStage } from './stage.ts';

const WITHIN = 300_000;
const NODES = ['node/node1', 'node/node2'] as const;

const firewall = (mode: 'Observe' | 'Enforce'): string => `
apiVersion: clusterfirewall.io/v1alpha1
kind: ClusterFirewall
metadata: { name: default }
spec:
  mode: Enforce
  nodes: { mode: ${mode} }
`;

/** Nothing else than the baseline is open at nodes. Pods of kube-system are exempt from the rules for pods. */
const ROWS = [
  ...allowed(NODES, NODES, [80, 443]),
  ...refused(['outside/web', 'outside/vm'], NODES, [80, 443]),
  ...refused(['kube-system/metrics'], NODES, [80, 443]),
];

const NODE_PORTS = { open: 30080, closed: 30081 };

export function nodesSuite(stage: () => KindStage): void {
  test(
    'nodes in Observe drop nothing, and in Enforce what no rule allows; kubelet works on',
    async () => {
      const { cluster } = stage();
      await expectTable(stage(), open(ROWS));
      await program(cluster, firewall('Observe'));
      await expectTable(stage(), open(ROWS));

      await program(cluster, firewall('Enforce'));
      await expectTable(stage(), ROWS);
      await kubeletWorks(stage());

      await removeAll(cluster);
      await expectTable(stage(), open(ROWS));
    },
    WITHIN,
  );

  test(
    'S14 one source reaches a NodePort through any node, and nobody another one',
    async () => {
      const { cluster } = stage();
      const pod = await cluster.createPod({
        namespace: 'shop',
        name: 'door',
        node: 'node2',
        labels: { app: 'front' },
        ports: [{ port: 8080 }],
      });
      const rows = [
        ...allowed(['outside/vm'], NODES, [NODE_PORTS.open]),
        ...refused(['outside/vm'], NODES, [NODE_PORTS.closed]),
        ...refused(['outside/web'], NODES, [NODE_PORTS.open, NODE_PORTS.closed]),
      ];
      const input = services();
      try {
        await cluster.kubectl(['apply', '--filename', '-'], { input });
        await expectTable(stage(), open(rows));
        await program(cluster, await readManifest('config/samples/s14-node-ports.yaml'));
        await expectTable(stage(), rows);
        await removeAll(cluster);
        await expectTable(stage(), open(rows));
      } finally {
        await cluster.kubectl(['delete', '--ignore-not-found', '--filename', '-'], { input });
        await pod.delete();
      }
    },
    WITHIN,
  );
}

/** The API server reaches kubelet, kubelet reaches the API server, and a new pod gets a network. */
async function kubeletWorks({ cluster }: KindStage): Promise<void> {
  const logs = ['logs', '--namespace', 'kube-system', '--tail=1', '--selector', 'k8s-app=kube-proxy'];
  await cluster.kubectl(logs);
  const pod = await cluster.createPod({ namespace: 'kube-public', name: 'late', ports: [{ port: 80 }] });
  try {
    await cluster.kubectl([
      ...['wait', '--for=condition=Ready', '--timeout=60s'],
      ...['--namespace', 'kube-public', 'pod/late'],
    ]);
  } finally {
    await pod.delete();
  }
}

function services(): string {
  const items = Object.entries(NODE_PORTS).map(([name, nodePort]) => ({
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name, namespace: 'shop' },
    spec: {
      type: 'NodePort',
      selector: { app: 'front' },
      ports: [{ port: 80, targetPort: 8080, nodePort }],
    },
  }));
  return JSON.stringify({ apiVersion: 'v1', kind: 'List', items });
}
