import type { Endpoint, ProbeResult, StartedPod } from '../../cluster.ts';
import { waitFor } from '../../wait.ts';
import { program, removeAll } from '../../harness/firewall.ts';
import type { ActorName } from '../../harness/rows.ts';
import type { Stage } from '../../harness/pods-stage.ts';
import type { Story } from '../story.ts';
import { POD_PORTS, startWebhook, type Webhook } from '../webhook.ts';

const WITHIN = 120_000;
const CONTROL_PLANE = '10.99.0.1';
const LABELS = { app: 'webhook' };

/**
 * None of them is the control plane. The pod's own node is not tried, because Calico lets a node reach its
 * pods.
 */
const OTHERS: readonly ActorName[] = [
  'shop/front',
  'edge/proxy1',
  'kube-system/metrics',
  'mallory/nodes',
  'node/node1',
  'outside/web',
];

const firewall = (apiServerToPods: string): string => `
apiVersion: clusterfirewall.io/v1alpha1
kind: ClusterFirewall
metadata: { name: default }
spec:
  mode: Enforce
  defaults: ${apiServerToPods}
`;
/** The field is absent: Auto. */
const AUTO = firewall('{}');
const NONE = firewall('{ apiServerToPods: None }');

export const webhooks: Story = {
  id: 'D17',
  title:
    'webhooks and aggregated APIs in a closed namespace stay reachable from the control plane, and from nowhere else',
  play: async (stage) => {
    const pod = await stage.cluster.createPod({
      namespace: 'shop',
      name: 'webhook',
      node: 'node2',
      labels: LABELS,
      ports: [
        { port: POD_PORTS.named, name: 'https', echo: false },
        { port: POD_PORTS.numbered, echo: false },
      ],
    });
    try {
      await using webhook = await startWebhook(stage.cluster, pod, LABELS);
      await play(stage, pod, webhook);
    } finally {
      await pod.delete();
    }
  },
};

async function play(stage: Stage, pod: StartedPod, webhook: Webhook): Promise<void> {
  await admitted(webhook);
  await othersAre('allowed', stage, pod);

  await program(stage.cluster, NONE);
  await refused(webhook);

  await program(stage.cluster, AUTO);
  await admitted(webhook);
  await othersAre('refused', stage, pod);

  // A Service that is created while the firewall exists.
  await webhook.aggregate();
  await waitFor(async () => (await webhook.isAvailable()) || undefined, {
    what: 'the aggregated API to be available',
    within: WITHIN,
  });
  await othersAre('refused', stage, pod);
  const strangers = webhook.calls.filter(({ from }) => from !== CONTROL_PLANE);
  if (strangers.length > 0) throw new Error(`called by somebody else: ${JSON.stringify(strangers)}`);

  await program(stage.cluster, NONE);
  await refused(webhook);
  await removeAll(stage.cluster);
  await admitted(webhook);
}

async function admitted(webhook: Webhook): Promise<void> {
  const before = webhook.calls.length;
  let last: unknown;
  await waitFor(
    async () => {
      last = await webhook.attempt();
      return last === 'admitted' && webhook.calls.length > before ? true : undefined;
    },
    {
      what: 'the API server to reach its webhook',
      within: WITHIN,
      explain: () => Promise.resolve(JSON.stringify(last)),
    },
  );
}

/** By silence, which is the sign of a drop. A refused connection would mean a missing server. */
async function refused(webhook: Webhook): Promise<void> {
  let last: unknown;
  await waitFor(
    async () => {
      const seen = await webhook.attempt();
      last = seen;
      return seen !== 'admitted' && SILENCE.test(seen.refused) ? true : undefined;
    },
    {
      what: 'the API server to wait for its webhook in vain',
      within: WITHIN,
      explain: () => Promise.resolve(JSON.stringify(last)),
    },
  );
}

const SILENCE = /failed calling webhook.*(deadline exceeded|Client\.Timeout|timeout)/s;

/** Their server speaks TLS, so an established connection is enough. */
async function othersAre(wanted: ProbeResult['verdict'], stage: Stage, pod: StartedPod): Promise<void> {
  for (const name of OTHERS) {
    const source = stage.endpoint(name);
    for (const port of Object.values(POD_PORTS)) await isSeen(wanted, source, { host: pod.address, port });
  }
}

async function isSeen(
  wanted: ProbeResult['verdict'],
  source: Endpoint,
  target: { readonly host: string; readonly port: number },
): Promise<void> {
  const timeout = wanted === 'allowed' ? 3000 : 800;
  let last: ProbeResult | undefined;
  await waitFor(
    async () => {
      last = await source.probe({ ...target, echo: false }, { timeout });
      return last.verdict === wanted ? true : undefined;
    },
    {
      what: `${source.name} → ${target.host}:${String(target.port)} to be ${wanted}`,
      within: WITHIN,
      explain: () => Promise.resolve(JSON.stringify(last)),
    },
  );
}
