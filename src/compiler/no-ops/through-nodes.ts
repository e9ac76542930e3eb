/**
 * World alone in front of a Service whose traffic may enter through another node than the pod's. That node
 * puts its own address in place of the client's (externalTrafficPolicy: Cluster), so World does not match.
 */
import type { ClusterFirewall, IngressRule } from '../../api/schema.ts';
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
  for (const { group, place, rule } of rulesOf(firewall)) {
    if (!('from' in rule) || !isWorldAlone(rule)) continue;
    const found = (byGroup.get(group) ?? []).filter((service) => leadsTo(service, rule));
    if (found.length === 0) continue;
    const remedy = judgesNodes ? 'list its nodePorts in the rule' : 'add { entity: Nodes } to from';
    collector.warn(
      place,
      'ClientsSeenAsNodes',
      `${listed(found.map(({ namespace, name }) => `Service ${namespace}/${name}`))} lets clients in through every node, and the pod sees the address of that node, which World leaves out: ${remedy}, or set externalTrafficPolicy: Local in the Service`,
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

function isWorldAlone({ from, nodePorts }: IngressRule): boolean {
  const entities = from.flatMap(({ entity }) => (entity === undefined ? [] : [entity]));
  return (
    nodePorts === undefined &&
    entities.some((entity) => OUTSIDE.includes(entity)) &&
    !entities.some((entity) => OF_NODES.includes(entity))
  );
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
