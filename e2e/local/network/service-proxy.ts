import { both, POD_NETWORK } from '../addresses.ts';
import { startChild } from '../process/child.ts';
import { inPrivate } from './in-private.ts';
import type { LocalNode } from './node.ts';
import type { Run } from '../process/run.ts';
import { waitFor } from '../../wait.ts';

const READY_WITHIN = 60_000;
/** Not kube-proxy's own, which a test may want to listen on. */
const HEALTH = '127.0.0.1:11256';
/** What it writes first of all. */
const SIGN = { iptables: 'KUBE-NODEPORTS', nftables: 'table ip kube-proxy' } as const;

/** kube-proxy on one node, in the node's own dataplane; resolves when it has programmed something. */
export async function startServiceProxy(
  run: Run,
  node: LocalNode,
  file: string,
  kubeconfig: string,
): Promise<void> {
  const { name, namespace, dataplane } = node;
  const proxy = startChild(run, {
    name: `kube-proxy-${name}`,
    namespace,
    file: process.execPath,
    args: inPrivate(
      file,
      `--kubeconfig=${kubeconfig}`,
      `--hostname-override=${name}`,
      `--proxy-mode=${dataplane}`,
      `--cluster-cidr=${both(POD_NETWORK).join(',')}`,
      // In nftables mode its default is the node's first address of each family.
      '--nodeport-addresses=0.0.0.0/0,::/0',
      `--healthz-bind-address=${HEALTH}`,
      '--metrics-bind-address=127.0.0.1:11249',
      // These sysctls are the whole machine's.
      '--conntrack-max-per-core=0',
      '--conntrack-tcp-timeout-established=0',
      '--conntrack-tcp-timeout-close-wait=0',
    ),
  });
  await waitFor(async () => (await node.packetFilter()).includes(SIGN[dataplane]) || undefined, {
    what: `kube-proxy on ${name} to have programmed its rules`,
    within: READY_WITHIN,
    abort: proxy.failed,
    explain: () => proxy.tail(),
  });
}
