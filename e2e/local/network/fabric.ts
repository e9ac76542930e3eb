import { isIPv6 } from 'node:net';
import { nodeAddress, nodePodNetwork, POD_GATEWAY, ROUTER_ADDRESS, type DualAddress } from '../addresses.ts';
import { ip, writeSysctls } from '../process/netns.ts';
import { shortHash } from './names.ts';
import type { Run } from '../process/run.ts';

/** For namespaces that route. */
export const FORWARDING = { 'ipv4/ip_forward': '1', 'ipv6/conf/all/forwarding': '1' };

const BRIDGE = 'br0';
const ROUTER = 'router';

/**
 * The line that adds an address with its mask. Duplicate address detection would keep a new IPv6 address
 * unusable for a second.
 */
export function addAddress(address: string, device: string, options = ''): string {
  return `address add ${address} dev ${device} ${options} ${address.includes(':') ? 'nodad' : ''}`;
}

/**
 * The bridge that connects nodes, control plane and outside hosts. Its namespace also routes between them.
 */
export async function createFabric(run: Run, nodes: number): Promise<void> {
  const router = run.namespace(ROUTER);
  await ip([`netns add ${router}`]);
  await writeSysctls(router, {
    ...FORWARDING,
    'ipv4/conf/default/send_redirects': '0',
    'ipv4/conf/all/send_redirects': '0',
  });
  await ip(
    [
      'link set lo up',
      `link add ${BRIDGE} type bridge stp_state 0 mcast_snooping 0`,
      `link set ${BRIDGE} up`,
      `address add ${ROUTER_ADDRESS.v4}/24 dev ${BRIDGE}`,
      addAddress(`${ROUTER_ADDRESS.v6}/64`, BRIDGE),
      ...Array.from({ length: nodes }, (_, i) => podRoutes(i + 1)).flat(),
    ],
    router,
  );
}

/** A namespace with `eth0` on the fabric. */
export async function attachToFabric(run: Run, name: string, address: DualAddress): Promise<string> {
  const namespace = await createHost(run, name);
  await ip(
    [
      `address add ${address.v4}/24 dev eth0`,
      addAddress(`${address.v6}/64`, 'eth0'),
      `route add default via ${ROUTER_ADDRESS.v4}`,
      `route add default via ${ROUTER_ADDRESS.v6}`,
    ],
    namespace,
  );
  return namespace;
}

/**
 * A host with addresses of any network. The router has a route to each, and the host reaches everything
 * through the router.
 */
export async function attachOutsideHost(
  run: Run,
  name: string,
  addresses: readonly string[],
): Promise<string> {
  const namespace = await createHost(run, name);
  const host: string[] = [];
  const router: string[] = [];
  for (const address of addresses) {
    const v6 = isIPv6(address);
    const [length, gateway] = v6 ? ['128', ROUTER_ADDRESS.v6] : ['32', ROUTER_ADDRESS.v4];
    host.push(addAddress(`${address}/${length}`, 'eth0'));
    host.push(
      `route add ${gateway}/${length} dev eth0 src ${address}`,
      `route add default via ${gateway} src ${address}`,
    );
    router.push(`route add ${address}/${length} dev ${BRIDGE}`);
  }
  await ip(host, namespace);
  await ip(router, run.namespace(ROUTER));
  return namespace;
}

/** A link of its own to the router, which alone has routes to these addresses. They include their masks. */
export async function attachSecondInterface(
  run: Run,
  node: { readonly name: string; readonly namespace: string },
  device: string,
  addresses: readonly string[],
): Promise<void> {
  const router = run.namespace(ROUTER);
  const port = `nic${shortHash(`${node.name}.${device}`)}`;
  await ip([`link add ${device} netns ${node.namespace} type veth peer name ${port} netns ${router}`]);
  await ip([`link set ${device} up`, ...addresses.map((each) => addAddress(each, device))], node.namespace);
  await ip([`link set ${port} up`, ...addresses.map((each) => `route add ${each} dev ${port}`)], router);
}

/** Adds a route to the pods of every other node, on a node. */
export function routesToOtherNodes(node: number, nodes: number): readonly string[] {
  const others = Array.from({ length: nodes }, (_, i) => i + 1).filter((other) => other !== node);
  return others.flatMap(podRoutes);
}

/**
 * These routes rank behind Felix's own, and have a protocol that is not Felix's. For Felix an IPv6 route has
 * metric 0, for the kernel 1024. Felix therefore removes all of IPv6 and restores it each time it looks at
 * its routes, which is when it starts, and every 90 s. For up to 150 ms there is no route to a pod
 * (felix/routetable, routeKeyForCIDR; seen with `ip -6 monitor route`). Where the routes of an overlay are
 * missing, the router has them.
 */
const FALLBACK = 'metric 2048 proto static';

/** A pod's namespace, linked to its node in the way of Calico's CNI plugin. */
export async function attachPod(
  run: Run,
  name: string,
  link: { readonly node: string; readonly interface: string; readonly address: DualAddress },
): Promise<string> {
  const namespace = run.namespace(name);
  const near = `link add ${link.interface} address ${POD_GATEWAY.mac} netns ${link.node}`;
  await ip([`netns add ${namespace}`, `${near} type veth peer name eth0 netns ${namespace}`]);
  const { v4, v6 } = link.address;
  await ip(
    [
      `link set ${link.interface} up`,
      `route replace ${v4} dev ${link.interface}`,
      `route replace ${v6} dev ${link.interface} ${FALLBACK}`,
    ],
    link.node,
  );
  await ip(
    [
      'link set lo up',
      'link set eth0 up',
      `address add ${link.address.v4}/32 dev eth0`,
      addAddress(`${link.address.v6}/128`, 'eth0'),
      `route add ${POD_GATEWAY.v4} dev eth0 scope link`,
      `route add default via ${POD_GATEWAY.v4} dev eth0`,
      `route add default via ${POD_GATEWAY.v6} dev eth0`,
    ],
    namespace,
  );
  return namespace;
}

async function createHost(run: Run, name: string): Promise<string> {
  const namespace = run.namespace(name);
  const port = `port${shortHash(name)}`;
  await ip([`netns add ${namespace}`]);
  await writeSysctls(namespace, { 'ipv6/conf/default/accept_dad': '0' });
  await ip([`link add eth0 netns ${namespace} type veth peer name ${port} netns ${run.namespace(ROUTER)}`]);
  await ip([`link set ${port} master ${BRIDGE} up`], run.namespace(ROUTER));
  await ip(['link set lo up', 'link set eth0 up'], namespace);
  return namespace;
}

function podRoutes(node: number): readonly string[] {
  const [address, network] = [nodeAddress(node), nodePodNetwork(node)];
  return [`route add ${network.v4} via ${address.v4}`, `route add ${network.v6} via ${address.v6}`];
}
