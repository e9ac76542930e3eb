import type { SocketAddress } from '../../cluster.ts';
import { nft } from './packet-filter.ts';

/** A port of a Service, by its clusterIP, and the pod behind it. */
export interface ServiceRoute {
  readonly service: SocketAddress;
  readonly pod: SocketAddress;
}

/**
 * Does for the processes of one namespace the work of kube-proxy on a node: connections to a Service go to
 * its pod, with the sender's own address. IPv4 only. Resolves to a function that ends it.
 */
export async function routeServices(
  namespace: string,
  name: string,
  routes: readonly ServiceRoute[],
): Promise<() => Promise<void>> {
  const table = `ip services-${name}`;
  const rules = routes.map(
    ({ service, pod }) =>
      `ip daddr ${service.address} tcp dport ${String(service.port)} dnat to ${pod.address}:${String(pod.port)};`,
  );
  await nft(
    namespace,
    `table ${table} { chain output { type nat hook output priority -100; ${rules.join(' ')} }; }`,
  );
  return () => nft(namespace, `delete table ${table}`);
}
