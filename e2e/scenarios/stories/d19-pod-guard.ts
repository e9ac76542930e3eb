import type { StartedCluster } from '../../cluster.ts';
import { KubectlError } from '../../errors.ts';
import { program } from '../../harness/firewall.ts';
import type { Stage } from '../../harness/pods-stage.ts';
import { allowed, refused, type Row } from '../../harness/rows.ts';
import { expectTable } from '../../harness/sweep.ts';
import { type Guard, withoutGuard } from '../guards.ts';
import { betweenOpen, ownManifest, readManifest, type Story } from '../story.ts';

const WORDPRESS = ['wordpress/wp1', 'wordpress/wp2'] as const;
const TENANT = ['mallory/nodes', 'mallory/big'] as const;

const rows: readonly Row[] = [
  ...allowed(WORDPRESS, ['outside/vm'], [443, 5432]),
  ...allowed(['outside/vm'], WORDPRESS, [80]),
  ...refused(['outside/vm'], WORDPRESS, [11011]),
  ...refused(TENANT, ['outside/vm'], [22, 443]),
  ...refused(['mallory/nodes'], ['node/node2'], [80]),
  ...refused(TENANT, ['outside/metadata'], [80]),
];

/** While a pod of the tenant has the addresses of outside/vm: each row is the contrary of the firewall. */
const posed: readonly Row[] = [
  ...refused(WORDPRESS, ['outside/vm'], [443, 5432]),
  ...refused(['outside/vm'], WORDPRESS, [80]),
  ...allowed(['outside/vm'], WORDPRESS, [11011]),
  ...allowed(TENANT, ['outside/vm'], [22, 443]),
];

/** A deny is narrowed by no label: his rule for his own pods does not reach the metadata API. */
const posedAsMetadata: readonly Row[] = refused(TENANT, ['outside/metadata'], [80]);

const posedAsNode: readonly Row[] = allowed(['mallory/nodes'], ['node/node2'], [80]);

/** Each alone is enough for Calico. The plural ones are lists. */
const LISTS = ['cni.projectcalico.org/podIPs', 'vpc.amazonaws.com/pod-ips'] as const;
const SINGLE = 'cni.projectcalico.org/podIP';

export const podGuard: Story = {
  id: 'D19',
  title: 'a pod that claims addresses of others is refused; without the guard it would open and shut flows',
  play: async (stage) => {
    const outside = stage.addresses('outside/vm');
    const [first = ''] = outside;
    const node = stage.addresses('node/node2').join();
    await betweenOpen(stage, rows, async () => {
      await program(stage.cluster, await readManifest(ownManifest('forged-pod.yaml')));
      await expectTable(stage, rows);
      await expectGuarded(stage.cluster, outside.join());
      await withoutGuard(stage.cluster, GUARD, async () => {
        for (const name of LISTS) {
          await whilePodClaims(stage, { [name]: outside.join() }, () => expectTable(stage, posed));
          await expectTable(stage, rows);
        }
        const ofFamily = posed.filter(({ to }) => to === 'outside/vm');
        await whilePodClaims(stage, { [SINGLE]: first }, () => expectTable(only(stage, first), ofFamily));
        await whilePodClaims(stage, { [LISTS[0]]: node }, () => expectTable(stage, posedAsNode));
        const metadata = stage.addresses('outside/metadata').join();
        await whilePodClaims(stage, { [LISTS[0]]: metadata }, () => expectTable(stage, posedAsMetadata));
      });
      await expectTable(stage, rows);
    });
  },
};

/** The stage, on which outside/vm has one address. */
const only = (stage: Stage, address: string): Pick<Stage, 'endpoint' | 'addresses'> => ({
  endpoint: (name) => stage.endpoint(name),
  addresses: (name) => (name === 'outside/vm' ? [address] : stage.addresses(name)),
});

type Annotations = Readonly<Record<string, string>>;

/** A pod that never starts, so its status never has an address: kubelet waits for the Secret. */
const forgedPod = (annotations: Annotations): string =>
  JSON.stringify({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'forged', namespace: 'mallory', annotations },
    spec: {
      nodeName: 'node2',
      containers: [{ name: 'c', image: 'none', volumeMounts: [{ name: 's', mountPath: '/s' }] }],
      volumes: [{ name: 's', secret: { secretName: 'not-there' } }],
    },
  });

const GUARD: Guard = {
  folder: 'pod-guard',
  refuses: (cluster) => isRefused(cluster, { [SINGLE]: '192.0.2.1' }),
};

async function expectGuarded(cluster: StartedCluster, addresses: string): Promise<void> {
  for (const name of [...LISTS, SINGLE]) {
    if (!(await isRefused(cluster, { [name]: addresses }))) throw new Error(`the guard let ${name} pass`);
  }
  if (await isRefused(cluster, { team: 'blue' })) throw new Error('the guard refused a harmless pod');
}

async function isRefused(cluster: StartedCluster, annotations: Annotations): Promise<boolean> {
  try {
    const create = ['create', '--dry-run=server', '--filename', '-'];
    await cluster.kubectl(create, { input: forgedPod(annotations) });
    return false;
  } catch (error) {
    if (error instanceof KubectlError && error.stderr.includes('clusterfirewall-pod-guard')) return true;
    throw error;
  }
}

async function whilePodClaims(
  { cluster }: Stage,
  annotations: Annotations,
  look: () => Promise<void>,
): Promise<void> {
  const input = forgedPod(annotations);
  await cluster.kubectl(['create', '--filename', '-'], { input });
  try {
    await look();
  } finally {
    await cluster.kubectl(['delete', '--force', '--grace-period=0', '--filename', '-'], { input });
  }
}
