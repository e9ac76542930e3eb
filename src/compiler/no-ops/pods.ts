/**
 * Rules that match no pod, judged by the pods of an inventory. Only the command line asks this: the operator
 * watches no pods, and pods come and go.
 */
import type { ClusterFirewall, LabelSelector, Peer, PortValue } from '../../api/schema.ts';
import { fromLabelSelector, matchesSelector } from '../../calico/selector.ts';
import { UNKNOWN } from '../../inventory/known.ts';
import type { PodInfo } from '../../inventory/pods.ts';
import type { Inventory, NamespaceInfo, ServiceInfo } from '../../inventory/types.ts';
import { parsePort } from '../../net/ports.ts';
import { groupNamespaces } from '../namespaces/enforcement.ts';
import {
  includesNamespace,
  namedNamespaces,
  namespacesFromLabels,
  type NamespaceSet,
} from '../namespaces/namespaces.ts';
import { listed } from '../nodes/listed.ts';
import { ProblemCollector } from '../problems.ts';
import type { Problem } from '../types.ts';
import { portsOfServices } from './service-ports.ts';
import { connectionsOf, rulesOf, type RuleEnd, type WrittenConnection, type WrittenRule } from './entries.ts';

/** The parts of an inventory that the operator does not look at. */
export interface Running {
  readonly pods: readonly PodInfo[];
  /** NodePorts of Services, as `30080/TCP`. */
  readonly nodePorts: readonly string[];
}

export function podWarnings(
  firewalls: readonly ClusterFirewall[],
  inventory: Inventory,
  { pods, nodePorts }: Running,
): readonly Problem[] {
  const { namespaces } = inventory;
  if (pods.length === 0 || namespaces === UNKNOWN) return [];
  const collector = new ProblemCollector();
  const judge = new Judge(namespaces, inventory.services ?? [], { pods, nodePorts }, collector);
  for (const firewall of firewalls) judge.firewall(firewall);
  return collector.problems;
}

class Judge {
  readonly #namespaces: ReadonlyMap<string, NamespaceInfo>;
  readonly #usedNodePorts: readonly string[];
  readonly #services: readonly ServiceInfo[];
  readonly #pods: readonly PodInfo[];
  readonly #collector: ProblemCollector;

  constructor(
    namespaces: readonly NamespaceInfo[],
    services: readonly ServiceInfo[],
    { pods, nodePorts }: Running,
    collector: ProblemCollector,
  ) {
    this.#usedNodePorts = nodePorts;
    this.#services = services;
    this.#namespaces = new Map(namespaces.map((each) => [each.name, each]));
    this.#pods = pods;
    this.#collector = collector;
  }

  firewall(firewall: ClusterFirewall): void {
    const peers = new Map((firewall.spec.peers ?? []).map((peer) => [peer.name, peer]));
    for (const written of rulesOf(firewall)) this.#rule(written, peers);
    for (const written of connectionsOf(firewall)) this.#connection(written);
  }

  #connection({ group, rule, place }: WrittenConnection): void {
    const own = groupNamespaces(group);
    const from = this.#matching(own, rule.fromPods);
    this.#judge(from, own, place, '.fromPods');
    this.#ofAccounts(from, rule.fromServiceAccounts, place, '.fromServiceAccounts');
    const to = this.#matching(own, rule.toPods);
    this.#judge(to, own, place, '.toPods');
    this.#portNames(
      rule.ports,
      this.#ofAccounts(to, rule.toServiceAccounts, place, '.toServiceAccounts'),
      place,
    );
  }

  #rule({ group, rule, place, ends }: WrittenRule, peers: ReadonlyMap<string, Peer>): void {
    const own = groupNamespaces(group);
    const labelled = this.#matching(own, rule.pods);
    this.#judge(labelled, own, place, '.pods');
    const subjects = this.#ofAccounts(labelled, rule.serviceAccounts, place, '.serviceAccounts');
    const others = ends.map(({ end, at }) => {
      const { namespaces, labels, accounts } = this.#behind(end, own) ?? selectorsOf(end, own, peers);
      if (namespaces === undefined) return undefined;
      const found = this.#matching(namespaces, labels);
      this.#judge(found, namespaces, place, at);
      return this.#ofAccounts(found, accounts, place, at);
    });
    if ('from' in rule) this.#nodePorts(rule.nodePorts ?? [], place);
    const receivers = 'to' in rule ? others.flatMap((each) => each ?? []) : subjects;
    for (const { index, message } of portsOfServices(rule.ports, receivers, this.#services))
      this.#collector.warn(place, 'NoEffect', message, `.ports[${String(index)}]`);
    if (!('to' in rule)) this.#portNames(rule.ports, subjects, place);
    // A name at an address is a problem of its own.
    else if (others.every((each) => each !== undefined)) this.#portNames(rule.ports, others.flat(), place);
  }

  #nodePorts(values: readonly PortValue[], place: WrittenRule['place']): void {
    if (this.#services.length === 0) return;
    for (const [index, value] of values.entries()) {
      const port = parsePort(value);
      const isThere = this.#usedNodePorts.some((text) => {
        const used = parsePort(text);
        if (port.kind !== 'range' || used.kind !== 'range') return true;
        return used.protocol === port.protocol && port.from <= used.from && used.from <= port.to;
      });
      if (isThere) continue;
      this.#collector.warn(
        place,
        'NoEffect',
        `no Service of the inventory has NodePort ${String(value)}: correct it, unless such a Service is to come`,
        `.nodePorts[${String(index)}]`,
      );
    }
  }

  /** The pods of a Service. One that does not exist is a warning of its own. */
  #behind(end: RuleEnd, own: NamespaceSet): Selectors | undefined {
    if (!('service' in end) || end.service === undefined) return undefined;
    const { namespace = own.names?.length === 1 ? own.names[0] : undefined, name } = end.service;
    const found = this.#services.find((each) => each.name === name && each.namespace === namespace);
    if (found?.selector === undefined) return { labels: {} };
    return { namespaces: namedNamespaces([found.namespace]), labels: { matchLabels: found.selector } };
  }

  #matching(namespaces: NamespaceSet, labels: LabelSelector): readonly PodInfo[] {
    const selector = fromLabelSelector(labels);
    return this.#pods.filter((pod) => {
      const namespace = this.#namespaces.get(pod.namespace);
      return (
        namespace !== undefined &&
        includesNamespace(namespaces, namespace) &&
        matchesSelector(selector, pod.labels)
      );
    });
  }

  /** Those of the pods that have one of the accounts. */
  #ofAccounts(
    pods: readonly PodInfo[],
    accounts: readonly string[] | undefined,
    place: WrittenRule['place'],
    at: string,
  ): readonly PodInfo[] {
    if (accounts === undefined || pods.length === 0) return pods;
    const found = pods.filter(({ serviceAccount }) => accounts.includes(serviceAccount));
    if (found.length === 0) {
      const theirs = listed([...new Set(pods.map(({ serviceAccount }) => serviceAccount))].toSorted());
      this.#collector.warn(
        place,
        'NoEffect',
        `no pod of the inventory that has these labels has such a ServiceAccount (theirs: ${theirs}): correct the name, unless such pods are to come`,
        at,
      );
    }
    return found;
  }

  #judge(found: readonly PodInfo[], namespaces: NamespaceSet, place: WrittenRule['place'], at: string): void {
    // A namespace that does not exist yet is a warning of its own.
    if (![...this.#namespaces.values()].some((each) => includesNamespace(namespaces, each))) return;
    if (found.length === 0) {
      this.#collector.warn(
        place,
        'NoEffect',
        'no pod of the inventory has these labels there: correct the labels or the namespace, unless such pods are to come',
        at,
      );
    } else if (found.every(({ isOnHostNetwork }) => isOnHostNetwork)) {
      const names = listed(found.map(({ namespace, name }) => `${namespace}/${name}`));
      const remedy = REMEDIES[at] ?? 'write { entity: Nodes }';
      this.#collector.warn(
        place,
        'NoEffect',
        `only pods of the host network have these labels (${names}), and they have the addresses of their nodes: ${remedy}`,
        at,
      );
    }
  }

  #portNames(
    ports: WrittenRule['rule']['ports'],
    pods: readonly PodInfo[],
    place: WrittenRule['place'],
  ): void {
    if (pods.length === 0) return;
    for (const [index, value] of ports.entries()) {
      const port = parsePort(value);
      if (port.kind !== 'named' || pods.some(({ portNames }) => portNames.includes(port.name))) continue;
      const known = [...new Set(pods.flatMap(({ portNames }) => portNames))].toSorted();
      const remedy = known.length === 0 ? 'write its number' : `write its number, or one of ${listed(known)}`;
      this.#collector.warn(
        place,
        'NoEffect',
        `no container of these pods has a port called "${port.name}": ${remedy}`,
        `.ports[${String(index)}]`,
      );
    }
  }
}

const REMEDIES: Readonly<Record<string, string>> = {
  '.pods': 'spec.nodes says who reaches their ports',
  '.fromPods': 'write an ingress rule from { entity: Nodes }',
  '.toPods': 'write an egress rule to { entity: Nodes }',
};

interface Selectors {
  readonly namespaces?: NamespaceSet;
  readonly labels: LabelSelector;
  readonly accounts?: readonly string[] | undefined;
}

/** The pods that an end selects; no namespaces where it is about something else. */
function selectorsOf(
  { pods, peer }: RuleEnd,
  own: NamespaceSet,
  peers: ReadonlyMap<string, Peer>,
): Selectors {
  const selected = pods ?? (peer === undefined ? undefined : peers.get(peer)?.pods);
  if (selected === undefined) return { labels: {} };
  const { namespaceSelector, podSelector = {}, serviceAccounts } = selected;
  return {
    namespaces: namespaceSelector === undefined ? own : namespacesFromLabels(namespaceSelector),
    labels: podSelector,
    accounts: serviceAccounts,
  };
}
