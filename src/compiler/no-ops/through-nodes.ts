/**
 * World or addresses alone in front of a Service whose traffic may enter through another node than the pod's.
 * That node puts its own address in place of the client's (externalTrafficPolicy: Cluster), so neither matches.
 */
import type { ClusterFirewall, IngressRule, Peer } from '../../api/schema.ts';
import { fromLabelSelector, matchesSelector } from '../../calico/selector.ts';
import type { Inventory, ServiceInfo } from '../../inventory/types.ts';
import { parsePort, type Port } from '../../net/ports.ts';
import { groupNamespaces } from '../namespaces/enforcement.ts';
import { includesNamespace } from '../namespaces/namespaces.ts';
import { UNKNOWN } from '../../inventory/known.ts';
import { listed } from '../nodes/listed.ts';
import type { ProblemCollector } from '../problems.ts';
import { rulesOf } from './entries.ts';

/** @param judgesNodes true where spec.nodes judges nodes, so nodePorts have an effect */
export function reportThroughNodes(
  firewall: ClusterFirewall,
  inventory: Inventory,
  judgesNodes: boolean,
  collector: ProblemCollector,
): void {
  const services = (inventory.services ?? []).filter(({ throughNodes }) => throughNodes === true);
  if (services.length === 0) return;
  const byGroup = new Map(
    (firewall.spec.namespaces ?? []).map((group) => {
      const set = groupNamespaces(group);
      return [
        group,
        services.filter(({ namespace }) => includesNamespace(set, labelled(namespace, inventory))),
      ];
    }),
  );
  const peers = new Map((firewall.spec.peers ?? []).map((peer) => [peer.name, peer]));
  for (const { group, place, rule } of rulesOf(firewall)) {
    if (!('from' in rule)) continue;
    const clients = clientsWithoutNodes(rule, peers);
    if (clients === undefined) continue;
    const found = (byGroup.get(group) ?? []).filter((service) => leadsTo(service, rule));
    if (found.length === 0) continue;
    const { left, remedies } = WORDS[clients];
    const remedy = judgesNodes ? ['list its nodePorts in the rule'] : remedies;
    collector.warn(
      place,
      'ClientsSeenAsNodes',
      `${listed(found.map(({ namespace, name }) => `Service ${namespace}/${name}`))} lets clients in through every node, and the pod sees the address of that node, ${left}: ${[...remedy, 'set externalTrafficPolicy: Local in the Service'].join(', or ')}`,
      '.from',
    );
  }
}

function labelled(name: string, { namespaces }: Inventory) {
  const found = namespaces === UNKNOWN ? undefined : namespaces.find((each) => each.name === name);
  return found ?? { name, labels: {} };
}

const OUTSIDE: readonly string[] = ['World', 'Internet'];
const OF_NODES: readonly string[] = ['Nodes', 'Everyone'];

type Clients = 'world' | 'addresses';

/** Nodes in addition to addresses would let in everybody else who comes through a node, so that is no remedy. */
const WORDS: Readonly<Record<Clients, { readonly left: string; readonly remedies: readonly string[] }>> = {
  world: { left: 'which World leaves out', remedies: ['add { entity: Nodes } to from'] },
  addresses: { left: 'which is none of those in from', remedies: [] },
};

function clientsWithoutNodes(
  { from, nodePorts }: IngressRule,
  peers: ReadonlyMap<string, Peer>,
): Clients | undefined {
  const has = (entities: readonly string[]): boolean =>
    from.some(({ entity }) => entity !== undefined && entities.includes(entity));
  if (nodePorts !== undefined || has(OF_NODES)) return undefined;
  if (has(OUTSIDE)) return 'world';
  const isOfAddresses = from.some(
    ({ ipBlock, peer }) =>
      ipBlock !== undefined || (peer !== undefined && peers.get(peer)?.cidrs !== undefined),
  );
  return isOfAddresses ? 'addresses' : undefined;
}

/** Selectors are compared as labels: the rule's pods are among those of the Service, as far as it says. */
const leadsTo = ({ selector, ports }: ServiceInfo, rule: IngressRule): boolean =>
  selector !== undefined &&
  matchesSelector(fromLabelSelector(rule.pods), selector) &&
  ports.some((port) => rule.ports.map(parsePort).some((open) => opens(open, port)));

function opens(open: Port, { protocol, targetPort }: ServiceInfo['ports'][number]): boolean {
  if (open.kind === 'all') return true;
  if (open.kind === 'icmp' || open.protocol !== protocol) return false;
  if (open.kind === 'named') return open.name === targetPort;
  return typeof targetPort === 'number' && open.from <= targetPort && targetPort <= open.to;
}
