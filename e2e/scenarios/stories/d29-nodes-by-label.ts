import { program } from '../../harness/firewall.ts';
import { allowed, refused, type Row } from '../../harness/rows.ts';
import type { Stage } from '../../harness/pods-stage.ts';
import { betweenOpen, readManifest, type Story } from '../story.ts';
import { expectTable } from '../../harness/sweep.ts';

const NODES = ['node/node1', 'node/node2'] as const;
/** The ports of node-exporter and the kubelet. */
const LISTENING = [{ port: 9100 }, { port: 10250 }];

/** A node always reaches its own pods, so it is tried at pods of the other one. */
const always: readonly Row[] = [
  ...refused(['monitoring/prometheus', 'shop/front'], NODES, [10250]),
  ...refused(['monitoring/grafana', 'shop/front'], NODES, [9100]),
  ...refused(['monitoring/prometheus'], ['node/node2'], [9100]),
  ...refused(['node/node2'], ['shop/front'], [80]),
  ...refused(['node/node1'], ['shop/cart'], [53]),
  ...refused(['outside/web', 'mallory/nodes', 'kube-system/metrics'], ['shop/cart'], [80]),
];
const unlabelled: readonly Row[] = [
  ...always,
  ...refused(['node/node1'], ['shop/cart'], [80]),
  ...refused(['monitoring/prometheus'], ['node/node1'], [9100]),
];
const labelled: readonly Row[] = [
  ...always,
  ...allowed(['node/node1'], ['shop/cart'], [80]),
  ...allowed(['monitoring/prometheus'], ['node/node1'], [9100]),
];

export const nodesByLabel: Story = {
  id: 'D29',
  title: 'nodes by label are those with the label, as sources, destinations and in guardrails',
  play: async (stage) => {
    for (const node of stage.cluster.nodes) await node.listen(LISTENING);
    await betweenOpen(stage, labelled, async () => {
      await program(stage.cluster, await readManifest('config/samples/nodes-by-label.yaml'));
      await expectTable(stage, unlabelled);
      await asEdge(stage, 'node1', () => expectTable(stage, labelled));
      await expectTable(stage, unlabelled);
    });
  },
};

async function asEdge({ cluster }: Stage, node: string, look: () => Promise<void>): Promise<void> {
  const label = 'node-role.kubernetes.io/edge';
  await cluster.kubectl(['label', 'node', node, `${label}=`]);
  try {
    await look();
  } finally {
    await cluster.kubectl(['label', 'node', node, `${label}-`]);
  }
}
