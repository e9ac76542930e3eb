/**
 * `defaults.apiServerToPods` keeps the way open from the API server to the pods that it calls. An unreachable
 * webhook refuses every write that it has to review. An unreachable aggregated API blocks the deletion of
 * namespaces.
 */
import type { ClusterFirewall } from '../../api/schema.ts';
import { chunk, MAX_PORTS } from '../../calico/limits.ts';
import type { Selector } from '../../calico/selector.ts';
import { fromLabelSelector, SelectorError } from '../../calico/selector.ts';
import type { Action, Rule } from '../../calico/types.ts';
import type { ResolveScope } from '../flows/flow-ends.ts';
import { matchEnd, NO_CONTROL_PLANE } from '../flows/flow-ends.ts';
import { CONTROL_PLANE_SET_VALUE, contentTag, DEFAULT_TIER, ORDER, ruleId } from '../names.ts';
import { namedNamespaces, podSelectorText } from '../namespaces/namespaces.ts';
import { knownOr } from '../../inventory/known.ts';
import { containsCidr, formatAddress, parseAddress } from '../../net/cidr.ts';
import { listed } from '../nodes/listed.ts';
import { namespacedPolicies } from '../flows/policies.ts';
import type { ProblemCollector, RulePlace } from '../problems.ts';
import { RuleProblem } from '../problems.ts';
import type { Enforcement } from '../namespaces/enforcement.ts';
import { knownNamespaces } from '../namespaces/enforcement.ts';
import { anyEnd, canonicalRules, crossRules } from '../flows/rules.ts';
import type { ApiServerBackend, Inventory, NamespaceInfo, ServiceInfo } from '../../inventory/types.ts';
import type { DesiredObject } from '../types.ts';

interface BackendContext {
  readonly firewall: ClusterFirewall;
  readonly enforcement: Enforcement;
  readonly resolveScope: ResolveScope;
  readonly inventory: Inventory;
}

/** A Service under the default deny that the API server calls, and the objects that make it do so. */
interface IsolatedBackend {
  readonly place: RulePlace;
  readonly service: ServiceInfo;
  readonly isStaged: boolean;
  readonly targetPorts: readonly (number | string)[];
  /** The objects that name the Service, sorted. */
  readonly because: readonly string[];
}

/**
 * One policy a Service, in the Service's namespace. It allows the control plane to reach the pods that the
 * Service selects, on the ports that the calls go to. It is made only where the default deny already isolates
 * the pods, because an allow isolates the pods that it selects.
 */
export function apiServerToPods(
  context: BackendContext,
  collector: ProblemCollector,
): readonly DesiredObject[] {
  const { firewall, enforcement, resolveScope, inventory } = context;
  if (firewall.spec.defaults?.apiServerToPods === 'None' || !enforcement.deny.ingress) return [];
  const name = firewall.metadata.name;
  const place = {
    firewall: name,
    id: ruleId(name, 'defaults', 'apiServerToPods'),
    path: 'spec.defaults.apiServerToPods',
  };
  if (inventory.unlistedKinds !== undefined && inventory.unlistedKinds.length > 0) {
    // Where nothing is enforced, such an allow would only isolate.
    if (enforcement.enforced.length > 0) collector.frozen.push({ prefix: place.id });
    collector.problem(
      place,
      'BackendsUnknown',
      `the operator cannot list ${inventory.unlistedKinds.join(', ')}, so it does not open the ports that the API server calls because of them: give it the rights in config/rbac (its log has the API server's answer), or set apiServerToPods: None and write the rules yourself`,
    );
  }
  const backends = isolatedBackends(place, context);
  if (backends.length > 0 && !resolveScope.isControlPlaneResolved) {
    const enforced = backends.filter(({ isStaged }) => !isStaged);
    collector.frozen.push(...enforced.map((backend) => ({ rule: backend.place.id })));
    collector.problem(
      place,
      'EntityUnresolved',
      `${NO_CONTROL_PLANE}; until then nothing is opened for ${named(backends)}`,
    );
    return [];
  }
  if (backends.length > 0) warnOfUnlabelled(place, context, collector);
  return backends.flatMap((backend) =>
    collector.guard(backend.place, () => backendPolicies(backend, collector)),
  );
}

/**
 * A call to a pod of another node bears the tunnel's address. It counts only where the Node is labelled, because a
 * kubelet writes the addresses of its own Node, and could make any node a control plane.
 */
function warnOfUnlabelled(
  place: RulePlace,
  { inventory, resolveScope }: BackendContext,
  collector: ProblemCollector,
): void {
  const known = knownOr(resolveScope.nodeAddresses.controlPlane, []);
  const endpoints = new Set(
    knownOr(inventory.apiServerEndpoints, []).map((each) => formatAddress(parseAddress(each))),
  );
  const counts = (address: string): boolean => known.some((net) => containsCidr(net, parseAddress(address)));
  const unlabelled = knownOr(inventory.nodes, [])
    .filter(({ addresses }) => addresses.some((each) => endpoints.has(each)))
    .flatMap(({ name, addresses }) => {
      const others = addresses.filter((each) => !counts(each));
      return others.length === 0 ? [] : [`${name} (${others.join(', ')})`];
    });
  if (unlabelled.length === 0) return;
  collector.warn(
    place,
    'ControlPlaneUnlabelled',
    `calls of the API server to pods of other nodes may be refused, because they come from addresses that are not in ControlPlane: ${listed(unlabelled.toSorted())}. Label these nodes node-role.kubernetes.io/control-plane, or name them in nodes.controlPlane`,
  );
}

/** The same calls, for policies of the tier of guardrails. */
export function apiServerPasses(place: RulePlace, context: BackendContext) {
  const { firewall, resolveScope } = context;
  if (firewall.spec.defaults?.apiServerToPods === 'None' || !resolveScope.isControlPlaneResolved) return [];
  return isolatedBackends(place, context).flatMap(({ service, targetPorts }) =>
    service.selector === undefined || Object.keys(service.selector).length === 0
      ? []
      : [
          {
            variant: `api-server-${service.namespace}-${service.name}-${contentTag([service.namespace, service.name])}`,
            namespaces: namedNamespaces([service.namespace]),
            pods: podsBehind(service.selector),
            rules: callRules(place, targetPorts, 'Pass'),
          },
        ],
  );
}

const callRules = (
  { id }: RulePlace,
  targetPorts: IsolatedBackend['targetPorts'],
  action: Action,
): readonly Rule[] =>
  canonicalRules(
    crossRules({
      id,
      action,
      sources: matchEnd({ kind: 'set', value: CONTROL_PLANE_SET_VALUE }),
      destinations: anyEnd,
      ports: chunk(targetPorts, MAX_PORTS).map((ports) => ({ protocol: 'TCP', ports })),
    }),
  );

const named = (backends: readonly IsolatedBackend[]): string =>
  backends
    .map(({ service, because }) => `${service.namespace}/${service.name} (${because.join(', ')})`)
    .join(', ');

function isolatedBackends(
  place: RulePlace,
  { enforcement, inventory }: BackendContext,
): readonly IsolatedBackend[] {
  const called = new Map<string, ApiServerBackend[]>();
  for (const backend of inventory.apiServerBackends ?? []) {
    const key = `${backend.namespace}/${backend.service}`;
    called.set(key, [...(called.get(key) ?? []), backend]);
  }
  const services = (inventory.services ?? []).filter((service) => called.has(keyOf(service))).sort(byKey);
  const isolated = isolatedNamespaces(services, { enforcement, inventory });
  return services.flatMap((service) => {
    const namespace = isolated.get(service.namespace);
    const calls = called.get(keyOf(service)) ?? [];
    const targetPorts = targetPortsOf(service, calls);
    // Nothing calls a Service that does not exist or has no such port. The API server reports it itself.
    if (namespace === undefined || targetPorts.length === 0) return [];
    return [
      {
        place: { ...place, id: ruleId(place.id, service.namespace, service.name) },
        service,
        isStaged: enforcement.modeOf(namespace) === 'observed',
        targetPorts,
        because: [...new Set(calls.map(({ because }) => because))].sort(),
      },
    ];
  });
}

const keyOf = ({ namespace, name }: ServiceInfo): string => `${namespace}/${name}`;
const byKey = (a: ServiceInfo, b: ServiceInfo): number => (keyOf(a) < keyOf(b) ? -1 : 1);

function isolatedNamespaces(
  services: readonly ServiceInfo[],
  { enforcement, inventory }: Pick<BackendContext, 'enforcement' | 'inventory'>,
): ReadonlyMap<string, NamespaceInfo> {
  const names = new Set(services.map(({ namespace }) => namespace));
  return new Map(
    knownNamespaces(inventory, [namedNamespaces([...names])])
      .filter((namespace) => names.has(namespace.name) && enforcement.modeOf(namespace) !== 'exempt')
      .map((namespace) => [namespace.name, namespace]),
  );
}

/** Numbers come before names. Both are sorted. */
function targetPortsOf(
  service: ServiceInfo,
  calls: readonly ApiServerBackend[],
): readonly (number | string)[] {
  const targets = service.ports
    .filter(({ protocol, port }) => protocol === 'TCP' && calls.some((call) => call.port === port))
    .map(({ targetPort }) => targetPort);
  const numbers = new Set(targets.filter((port) => typeof port === 'number'));
  const names = new Set(targets.filter((port) => typeof port === 'string'));
  return [...[...numbers].sort((a, b) => a - b), ...[...names].sort()];
}

function backendPolicies(
  { place, service, isStaged, targetPorts, because }: IsolatedBackend,
  collector: ProblemCollector,
): readonly DesiredObject[] {
  // The endpoints controller ignores such a Service. The author of its endpoints decides what is behind it.
  if (service.selector === undefined || Object.keys(service.selector).length === 0) {
    collector.warn(
      place,
      'ServiceWithoutSelector',
      `Service ${keyOf(service)} has no selector, so the pods that ${because.join(', ')} calls are not known: open them by a rule with from: [{ entity: ControlPlane }]`,
    );
    return [];
  }
  const ingress = callRules(place, targetPorts, 'Allow');
  return namespacedPolicies(
    {
      firewall: place.firewall,
      id: place.id,
      rules: [place.id],
      isStaged,
      tier: DEFAULT_TIER,
      order: ORDER.apiServerToPods,
      types: ['Ingress'],
      ingress,
    },
    service.namespace,
    podSelectorText(podsBehind(service.selector)),
  );
}

/**
 * @throws RuleProblem for labels that no Calico selector can express, which only an inventory written by hand
 * has
 */
function podsBehind(matchLabels: Readonly<Record<string, string>>): Selector {
  try {
    return fromLabelSelector({ matchLabels });
  } catch (error) {
    if (error instanceof SelectorError) throw new RuleProblem('SelectorTooLong', error.message);
    throw error;
  }
}
