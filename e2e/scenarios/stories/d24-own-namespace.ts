import type { Stage } from '../../harness/pods-stage.ts';
import { allowed, open, refused, type Row } from '../../harness/rows.ts';
import { expectTable } from '../../harness/sweep.ts';
import { fromRoot, type Story } from '../story.ts';

const NAMESPACE = 'clusterfirewall-system';
const OPERATOR = `${NAMESPACE}/operator`;
const POLICY = fromRoot('config/manager/network_policy.yaml');
const METRICS_LABEL = 'clusterfirewall.io/metrics';
const [HEALTH, METRICS] = [8081, 8443];

const OTHERS = ['shop/front', 'edge/proxy2', 'kube-system/metrics', 'node/node2', 'outside/web'] as const;

/** The operator's pod is on node1, so the kubelet that probes it is node1. */
const rows: readonly Row[] = [
  ...allowed(['node/node1'], [OPERATOR], [HEALTH]),
  ...allowed(['monitoring/prometheus', 'monitoring/grafana'], [OPERATOR], [METRICS]),
  ...refused(['monitoring/prometheus', 'monitoring/grafana'], [OPERATOR], [HEALTH]),
  ...refused(OTHERS, [OPERATOR], [HEALTH, METRICS]),
];

const unlabelled: readonly Row[] = refused(['monitoring/prometheus'], [OPERATOR], [HEALTH, METRICS]);

export const ownNamespace: Story = {
  id: 'D24',
  title: 'the operator accepts the probes of its node, and metrics for namespaces with the label',
  play: async (stage) => {
    await withOperatorPod(stage, async () => {
      const kubectl = (...args: readonly string[]) => stage.cluster.kubectl(args);
      await kubectl('delete', '--filename', POLICY);
      try {
        await expectTable(stage, open(rows));
      } finally {
        await kubectl('apply', '--server-side', '--filename', POLICY);
      }
      await expectTable(stage, unlabelled);
      await kubectl('label', 'namespace', 'monitoring', `${METRICS_LABEL}=enabled`);
      try {
        await expectTable(stage, rows);
      } finally {
        await kubectl('label', 'namespace', 'monitoring', `${METRICS_LABEL}-`);
      }
    });
  },
};

/** The operator of the stage is a process of this machine. This pod stands for it in the network. */
async function withOperatorPod(stage: Stage, look: () => Promise<void>): Promise<void> {
  const { cluster } = stage;
  const labels = { 'app.kubernetes.io/name': 'clusterfirewall' };
  const ports = [HEALTH, METRICS].map((port) => ({ port }));
  // The pods of the stage are not made as the Deployment's are.
  await enforce(stage, 'privileged');
  await cluster.createNamespace(NAMESPACE);
  const pod = await cluster.createPod({
    namespace: NAMESPACE,
    name: 'operator',
    node: 'node1',
    labels,
    ports,
  });
  stage.enter(OPERATOR, pod);
  try {
    await look();
  } finally {
    stage.leave(OPERATOR);
    await pod.delete();
    await enforce(stage, 'restricted');
  }
}

/** Sets the Pod Security Standard of the operator's namespace. */
async function enforce({ cluster }: Stage, standard: string): Promise<void> {
  const label = `pod-security.kubernetes.io/enforce=${standard}`;
  await cluster.kubectl(['label', '--overwrite', 'namespace', NAMESPACE, label]);
}
