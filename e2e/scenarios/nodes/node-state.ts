/** The progress of nodes, in objects and packets. */
import type { StartedCluster } from '../../cluster.ts';
import { waitFor } from '../../wait.ts';
import { conditions, getFirewall, type Firewall } from '../../harness/firewall.ts';
import { CALICO } from '../../harness/paths.ts';
import type { NodeStage } from './stage.ts';

const WITHIN = 120_000;
const LABEL = 'clusterfirewall.io/gate';

/** Waits until status reports so many enforced nodes, `3/3`, and packet filters are complete. */
export async function enforced(cluster: StartedCluster, summary: string): Promise<void> {
  await statusThat(cluster, `${summary} nodes enforced`, ({ status }) => {
    const condition = status?.conditions?.find(({ type }) => type === 'NodesEnforced');
    return condition?.status === 'True' && status?.nodes?.summary === summary;
  });
  await conditions(cluster, 'default', { Ready: 'True' });
  await cluster.policiesProgrammed();
}

/** Waits until status reports, or does not report, open failsafes. */
export const failsafesOpen = (cluster: StartedCluster, open: boolean): Promise<void> =>
  statusThat(
    cluster,
    `failsafes that are ${open ? 'open' : 'narrowed'}`,
    ({ status, metadata: { generation } }) =>
      status?.observedGeneration === generation &&
      status.conditions?.some(({ type }) => type === 'FailsafesOpen') === open,
  );

async function statusThat(
  cluster: StartedCluster,
  what: string,
  test: (firewall: Firewall) => boolean,
): Promise<void> {
  let last: Firewall | undefined;
  await waitFor(
    async () => {
      last = await getFirewall(cluster, 'default');
      return test(last) || undefined;
    },
    {
      what,
      within: WITHIN,
      every: 200,
      explain: () => Promise.resolve(JSON.stringify(last?.status, null, 1)),
    },
  );
}

interface Listed {
  readonly items: readonly {
    readonly metadata: { readonly name: string; readonly labels?: Readonly<Record<string, string>> };
    readonly spec: { readonly interfaceName?: string };
  }[];
}

const list = async (cluster: StartedCluster, path: string): Promise<Listed['items']> =>
  ((await cluster.get(path)) as Listed).items;

/** Names of the endpoints of all interfaces. */
async function wholeEndpoints(cluster: StartedCluster): Promise<readonly string[]> {
  const all = await list(cluster, `${CALICO}/hostendpoints`);
  return all.filter(({ spec }) => spec.interfaceName === '*').map(({ metadata }) => metadata.name);
}

const AUTOMATIC = /-auto-hep$/;

/**
 * Makes Calico's kube-controllers create host endpoints, or remove them, and waits until nodes have only
 * these. Our own appear and disappear with them.
 */
export async function switchAutomatic(cluster: StartedCluster, on: boolean): Promise<void> {
  const spec = { controllers: { node: { hostEndpoint: { autoCreate: on ? 'Enabled' : 'Disabled' } } } };
  const patch = ['--type=merge', '--patch', JSON.stringify({ spec })];
  await cluster.kubectl(['patch', 'kubecontrollersconfiguration.projectcalico.org', 'default', ...patch]);
}

export async function endpointsAre(
  cluster: StartedCluster,
  kind: 'automatic' | 'ours',
  nodes: number,
): Promise<void> {
  let names: readonly string[] = [];
  await waitFor(
    async () => {
      names = await wholeEndpoints(cluster);
      const isDone = names.every((name) => AUTOMATIC.test(name) === (kind === 'automatic'));
      return (isDone && names.length === nodes) || undefined;
    },
    {
      what: `${String(nodes)} endpoints: ${kind}`,
      within: WITHIN,
      explain: () => Promise.resolve(names.join()),
    },
  );
}

/** Names of Nodes with our label. */
export const labelledNodes = async (cluster: StartedCluster): Promise<readonly string[]> =>
  (await list(cluster, `/api/v1/nodes?labelSelector=${LABEL}`)).map(({ metadata }) => metadata.name);

/**
 * Waits until a source reaches, or does not reach, a port of all these nodes, on every address that
 * Kubernetes knows.
 */
export async function reachesAll(
  stage: NodeStage,
  verdict: 'allowed' | 'refused',
  { from, nodes, port }: { readonly from: string; readonly nodes: readonly string[]; readonly port: number },
): Promise<void> {
  const source = stage.endpoint(from);
  const isIPv6 = (address: string): boolean => address.includes(':');
  const families = new Set(source.addresses.map(isIPv6));
  const hosts = nodes
    .flatMap((node) => stage.node(node).addresses)
    .filter((address) => families.has(isIPv6(address)));
  await waitFor(
    async () => {
      const results = await Promise.all(hosts.map((host) => source.probe({ host, port }, { timeout: 900 })));
      return results.every((result) => result.verdict === verdict) || undefined;
    },
    { what: `${from} to be ${verdict} at port ${String(port)} of ${nodes.join(', ')}`, within: WITHIN },
  );
}

export const setFailsafes = (cluster: StartedCluster, value: readonly object[]): Promise<string> =>
  cluster.kubectl([
    ...['patch', 'felixconfiguration.projectcalico.org', 'default', '--type=merge', '--patch'],
    JSON.stringify({ spec: { failsafeInboundHostPorts: value } }),
  ]);

export async function failsafes(cluster: StartedCluster): Promise<unknown> {
  const felix = await cluster.get(`${CALICO}/felixconfigurations/default`);
  return (felix as { readonly spec: Readonly<Record<string, unknown>> }).spec['failsafeInboundHostPorts'];
}
