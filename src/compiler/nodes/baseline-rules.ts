/** The entries of the baseline as rules. */
import type { PortValue } from '../../api/schema.ts';
import { all, fromLabelSelector } from '../../calico/selector.ts';
import type { Rule } from '../../calico/types.ts';
import { isServiceName } from '../../net/services.ts';
import type { Cidr } from '../../net/cidr.ts';
import { AddressError, parseAddress, parseCidr, unionCidrs } from '../../net/cidr.ts';
import { otherPorts } from '../../net/ports.ts';
import { matchEnd, matchNets, resolveEnd, type EndMatch } from '../flows/flow-ends.ts';
import { ETCD_SET_VALUE, NODE_ORDER, ruleId, type RuleId } from '../names.ts';
import { everyNamespace, namedNamespaces } from '../namespaces/namespaces.ts';
import { anyEnd, canonicalRules, crossRules, matchPorts } from '../flows/rules.ts';
import { knownOr } from '../../inventory/known.ts';
import type { Inventory } from '../../inventory/types.ts';
import type { DesiredObject } from '../types.ts';
import type { BaselineEntry, BaselineSource } from './baseline.ts';
import { BASELINE, PRIVILEGED } from './baseline.ts';
import type { NodeContext, OpenPort } from './context.ts';
import { joiningMatches, joiningPorts } from './joining.ts';
import { layerPolicies, type Layers } from './layers.ts';
import type { NodeSources, PodsEnd } from './sources.ts';
import { addressSources, nodeSet, podSources, sourcesOf } from './sources.ts';

export interface Baseline {
  readonly objects: readonly DesiredObject[];
  readonly openPorts: readonly OpenPort[];
}

/** One policy a layer for all entries. */
export function compileBaseline(context: NodeContext): Baseline {
  const id = ruleId(context.place.id, 'baseline');
  const entries = BASELINE.filter((entry) => isOn(entry, context)).map((entry) =>
    compileEntry(entry, ruleId(id, entry.name), context),
  );
  return {
    objects: layerPolicies(
      {
        firewall: context.place.firewall,
        id,
        rules: entries
          .filter(({ layers }) => layers.ports.length > 0)
          .map((entry) => entry.id)
          .sort(),
        order: NODE_ORDER.baseline,
      },
      {
        ports: canonicalRules(entries.flatMap(({ layers }) => layers.ports)),
        host: canonicalRules(entries.flatMap(({ layers }) => layers.host)),
      },
    ),
    openPorts: entries.flatMap(({ openPort }) => openPort),
  };
}

export const isOn = (
  { name, where }: BaselineEntry,
  { nodeFirewall, inventory }: Pick<NodeContext, 'nodeFirewall' | 'inventory'>,
): boolean =>
  !(nodeFirewall.nodes.baseline?.disable ?? []).includes(name) &&
  (where !== 'flannel' || knownOr(inventory.nodes, []).some(({ flannel }) => flannel === true)) &&
  (where !== 'distribution' || joiningPorts(inventory).length > 0) &&
  (where !== 'metricsServer' || metricsServers(inventory).length > 0);

function compileEntry(entry: BaselineEntry, id: RuleId, context: NodeContext) {
  const ports = portsOf(entry, context);
  const matches =
    typeof entry.opens === 'object' && 'protocol' in entry.opens ? [entry.opens] : matchPorts(ports);
  const destinations = entry.to === undefined ? anyEnd : matchNets(entry.to.map(parseCidr));
  const sources = entrySources(entry, context);
  const rulesFor = (from: readonly EndMatch[]): readonly Rule[] =>
    crossRules({ id, action: 'Pass', sources: from, destinations, ports: matches });
  const rules = rulesFor(sources === 'anyone' ? anyEnd : sources.matches);
  const joining = entry.joining === undefined ? [] : rulesFor(joiningMatches(context));
  const layers: Layers = {
    ports: [...rules, ...joining],
    host: [...(entry.onlyPorts === true ? [] : rules), ...(entry.joining === 'both' ? joining : [])],
  };
  const openPort: readonly OpenPort[] =
    entry.onlyPorts === true ? [] : [{ id, ports, sources, isEverywhere: true }];
  return { id, layers, openPort };
}

/** Empty for a protocol without ports. */
function portsOf({ opens }: BaselineEntry, context: NodeContext): readonly PortValue[] {
  if (typeof opens === 'object' && 'protocol' in opens) return [];
  if (opens === 'unprivileged') return otherPorts(PRIVILEGED.flatMap((name) => context.services(name)));
  if (opens === 'joiningPorts') return joiningPorts(context.inventory);
  return opens.flatMap((name) => [
    ...context.services(name),
    ...(isReplaced(name, context) ? [] : felixPorts(name, context.inventory)),
  ]);
}

const isReplaced = (name: string, { nodeFirewall }: NodeContext): boolean =>
  isServiceName(name) && (nodeFirewall.nodes.services ?? []).some((own) => own.name === name && own.override);

/** Ports of Felix that are configured only in FelixConfiguration. */
function felixPorts(name: string, { felixConfigurations = [] }: Inventory): readonly PortValue[] {
  const felixPortsByService = {
    vxlan: felixConfigurations.map(({ vxlanPort }) => vxlanPort),
    wireguard: felixConfigurations.flatMap(({ wireguardPorts = [] }) => wireguardPorts),
  };
  if (name !== 'vxlan' && name !== 'wireguard') return [];
  return felixPortsByService[name].filter((port) => port !== undefined).map((port) => `${String(port)}/UDP`);
}

function entrySources({ from }: BaselineEntry, context: NodeContext): NodeSources | 'anyone' {
  if (from.includes('anyone')) return 'anyone';
  const each = from.map((source) => sourcesNamed(source, context));
  const pods = each.flatMap((source) => source.pods);
  const kinds = new Set(each.flatMap((source) => [...source.kinds]));
  const matches = each.flatMap((source) => source.matches);
  // Pods of other nodes come with their nodes' addresses: see sourcesOf.
  return {
    matches: pods.length === 0 || kinds.has('nodes') ? matches : [...matches, ...nodeSet],
    pods,
    kinds,
  };
}

const NOBODY: NodeSources = { matches: [], pods: [], kinds: new Set() };
const everyPod: PodsEnd = { kind: 'pods', namespaces: everyNamespace, pods: all(), tag: 'all-pods' };

function sourcesNamed(
  source: BaselineSource,
  { resolveScope, sourceScope, inventory }: NodeContext,
): NodeSources {
  switch (source) {
    case 'anyone':
      return NOBODY;
    case 'nodes':
      return sourcesOf([resolveEnd({ entity: 'Nodes' }, resolveScope, false)], sourceScope);
    case 'controlPlane':
      return sourcesOf([resolveEnd({ entity: 'ControlPlane' }, resolveScope, false)], {
        ...sourceScope,
        controlPlanePods: [],
      });
    case 'etcd':
      // The set is not written where the cluster is known to have no member (EKS, GKE, AKS).
      if (!resolveScope.isEtcdResolved) return NOBODY;
      return {
        matches: matchEnd({ kind: 'set', value: ETCD_SET_VALUE }),
        pods: [],
        kinds: new Set(['addresses']),
      };
    case 'controlPlanePods':
      return podSources(sourceScope.controlPlanePods);
    case 'pods':
      return podSources([everyPod]);
    case 'metricsServer':
      return podSources(metricsServers(inventory));
    case 'bgpPeers': {
      const peers = bgpPeerNets(inventory);
      return peers.length === 0 ? NOBODY : addressSources(peers, { pools: [] });
    }
  }
}

/** Link-local addresses with a zone are left out, because no packet filter could match them. */
export const bgpPeerNets = ({ bgpPeers = [] }: Inventory): readonly Cidr[] =>
  unionCidrs(
    bgpPeers.flatMap((text) => {
      try {
        return [parseAddress(text)];
      } catch (error) {
        if (error instanceof AddressError) return [];
        throw error;
      }
    }),
  );

const METRICS_API = 'APIService/v1beta1.metrics.k8s.io';

/** Pods behind the metrics API, in any namespace and under any name. */
function metricsServers({ apiServerBackends = [], services = [] }: Inventory): readonly PodsEnd[] {
  const backends = apiServerBackends.filter(({ because }) => because === METRICS_API);
  return services
    .filter((each) =>
      backends.some(({ namespace, service }) => namespace === each.namespace && service === each.name),
    )
    .flatMap(({ namespace, selector = {} }) => {
      // Without a selector, another program writes the endpoints. An empty selector would mean every pod.
      if (Object.keys(selector).length === 0) return [];
      const pods = fromLabelSelector({ matchLabels: selector });
      return [
        { kind: 'pods', namespaces: namedNamespaces([namespace]), pods, tag: 'metrics-server' } as const,
      ];
    });
}
