import { program } from '../../harness/firewall.ts';
import { allowed, refused, type Row } from '../../harness/rows.ts';
import type { Stage } from '../../harness/pods-stage.ts';
import { betweenOpen, readManifest, type Story } from '../story.ts';
import { expectTable } from '../../harness/sweep.ts';

const NODES = ['node/node1', 'node/node2'] as const;
const SHOP = ['shop/front', 'shop/cart'] as const;
/** The ports of node-exporter and the kubelet. */
const LISTENING = [{ port: 9100 }, { port: 10250 }];

/** Traffic of a node to its own pods is never refused, so nodes are tried at pods of the other one. */
const always: readonly Row[] = [
  ...allowed(['monitoring/prometheus'], NODES, [9100]),
  ...refused(['monitoring/prometheus'], NODES, [80, 443]),
  ...refused(['monitoring/prometheus'], ['outside/web'], [443]),
  ...refused(['monitoring/prometheus'], ['kube-apiserver'], [6443]),
  // A guardrail closes it, even for a rule for all ports. It does not apply to exempt pods.
  ...refused(['monitoring/prometheus', 'monitoring/grafana', ...SHOP], NODES, [10250]),
  ...allowed(['kube-system/metrics'], NODES, [10250]),

  ...allowed(['node/node1'], ['shop/cart'], [80]),
  ...allowed(['node/node2'], ['shop/front'], [80]),
  ...refused(['node/node1'], ['shop/cart'], [53]),
  ...refused(['outside/web', 'mallory/nodes', 'kube-system/metrics', 'edge/proxy1'], SHOP, [80]),

  ...allowed(['monitoring/grafana'], ['kube-apiserver'], [6443]),
  ...refused(['monitoring/grafana'], ['node/node2'], [80, 9100]),
  ...refused(['node/node2'], ['wordpress/wp1'], [80]),
  ...refused(['mallory/nodes', 'outside/web'], ['wordpress/wp1', 'wordpress/wp2'], [80, 81]),
];
/** The API server's endpoints alone: no node is labelled. */
const unlabelled: readonly Row[] = [
  ...always,
  ...refused(['node/node1'], ['wordpress/wp2'], [80, 81]),
  ...refused(['monitoring/grafana'], ['node/node1'], [80, 9100]),
];
const labelled: readonly Row[] = [
  ...always,
  // This pod's port called http.
  ...allowed(['node/node1'], ['wordpress/wp2'], [81]),
  ...refused(['node/node1'], ['wordpress/wp2'], [80]),
  ...allowed(['monitoring/grafana'], ['node/node1'], [80, 9100]),
];

export const nodesAndControlPlane: Story = {
  id: 'D18',
  title:
    'Nodes and ControlPlane are addresses, as sources and as destinations, and follow the labels of nodes',
  play: async (stage) => {
    for (const node of stage.cluster.nodes) await node.listen(LISTENING);
    await betweenOpen(stage, [...unlabelled, ...labelled], async () => {
      await program(stage.cluster, await readManifest('config/samples/nodes-and-control-plane.yaml'));
      await expectTable(stage, unlabelled);
      await withControlPlane(stage, 'node1', () => expectTable(stage, labelled));
      await expectTable(stage, unlabelled);
    });
  },
};

async function withControlPlane({ cluster }: Stage, node: string, look: () => Promise<void>): Promise<void> {
  const label = 'node-role.kubernetes.io/control-plane';
  await cluster.kubectl(['label', 'node', node, `${label}=`]);
  try {
    await look();
  } finally {
    await cluster.kubectl(['label', 'node', node, `${label}-`]);
  }
}
