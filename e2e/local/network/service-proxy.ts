import { both, POD_NETWORK } from '../addresses.ts';
import { startChild } from '../process/child.ts';
import { inPrivate } from './in-private.ts';
import type { LocalNode } from './node.ts';
import type { Run } from '../process/run.ts';
import { waitFor } from '../../wait.ts';

const READY_WITHIN = 180_000;
/** Not kube-proxy's own port, on which a test may want to listen. */
const HEALTH = '127.0.0.1:11256';
/** The first thing that it writes. */
const SIGN = { iptables: 'KUBE-NODEPORTS', nftables: 'table ip kube-proxy' } as const;

/** kube-proxy on one node, in the node's own dataplane. Resolves when it has programmed its first rules. */
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
    args: inPrivate(file, [
      `--kubeconfig=${kubeconfig}`,
      `--hostname-override=${name}`,
      `--proxy-mode=${dataplane}`,
      `--cluster-cidr=${both(POD_NETWORK).join(',')}`,
      // In nftables mode its default is the node's first address of each family.
      '--nodeport-addresses=0.0.0.0/0,::/0',
      `--healthz-bind-address=${HEALTH}`,
      '--metrics-bind-address=127.0.0.1:11249',
      // These sysctls apply to the whole machine.
      '--conntrack-max-per-core=0',
      '--conntrack-tcp-timeout-established=0',
      '--conntrack-tcp-timeout-close-wait=0',
    ]),
  });
  await waitFor(async () => (await node.packetFilter()).includes(SIGN[dataplane]) || undefined, {
    what: `kube-proxy on ${name} to have programmed its rules`,
    within: READY_WITHIN,
    abort: proxy.failed,
    explain: () => proxy.tail(),
  });
}
