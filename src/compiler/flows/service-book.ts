/**
 * Services as destinations: the pods that a Service selects, on the ports that it leads to. Calico's own match of
 * Services is not used, because it takes every EndpointSlice that claims the Service's name, and the author of
 * one may write any address.
 */
import { fromLabelSelector } from '../../calico/selector.ts';
import type { Inventory, ServiceInfo } from '../../inventory/types.ts';
import type { Port } from '../../net/ports.ts';
import { contentTag } from '../names.ts';
import { namedNamespaces } from '../namespaces/namespaces.ts';
import { RuleProblem } from '../problems.ts';
import type { PodsEnd } from './pods-of.ts';

/** The pods behind a Service, or a sentence that says why there are none. */
export type Behind = PodsEnd | string;

export interface ServiceBook {
  /** False in an offline render. */
  readonly isKnown: boolean;
  /** True for a Service that cannot be read. */
  isLost(namespace: string, name: string): boolean;
  /** @throws RuleProblem while it is not certain what the Service is: the stored rules stay then */
  behind(namespace: string, name: string): Behind;
}

export function serviceBookOf({ services, unlistedKinds = [], unreadable = [] }: Inventory): ServiceBook {
  const known = new Map((services ?? []).map((service) => [keyOf(service), service]));
  const lost = new Set(
    unreadable.flatMap(({ kind, name, isLost }) => (kind === 'Service' && isLost ? [name] : [])),
  );
  return {
    isKnown: services !== undefined,
    isLost: (namespace, name) => lost.has(keyOf({ namespace, name })),
    behind: (namespace, name) => {
      const key = keyOf({ namespace, name });
      if (key === 'default/kubernetes')
        throw new RuleProblem(
          'ResolvesToNothing',
          'the API server is no pod behind its Service: write { entity: KubeAPIServer }',
        );
      if (unlistedKinds.some((kind) => UNLISTED.includes(kind)))
        throw new RuleProblem(
          'BackendsUnknown',
          'the operator cannot list services, so it does not know the pods: give it the rights in config/rbac',
        );
      if (lost.has(key))
        throw new RuleProblem(
          'UnreadableObject',
          `Service ${key} cannot be read, so its pods are not known: correct it`,
        );
      const service = known.get(key);
      return service === undefined
        ? `there is no Service ${key}: correct the name, unless it is to come`
        : podsBehind(service);
    },
  };
}

/** The operator's name of the kind, and that of the command line. */
const UNLISTED = ['services', 'Service'];

const keyOf = ({ namespace, name }: Pick<ServiceInfo, 'namespace' | 'name'>): string =>
  `${namespace}/${name}`;

function podsBehind(service: ServiceInfo): Behind {
  const { namespace, name, selector, ports } = service;
  // The endpoints controller ignores such a Service, and an ExternalName is outside of the cluster.
  if (selector === undefined || Object.keys(selector).length === 0)
    return `Service ${keyOf(service)} has no selector, so it has no pods of its own: write the addresses that it leads to as ipBlock, or its pods as pods`;
  if (ports.length === 0)
    return `Service ${keyOf(service)} has no ports: write its pods as pods, with their ports`;
  return {
    kind: 'pods',
    namespaces: namedNamespaces([namespace]),
    pods: fromLabelSelector({ matchLabels: selector }),
    // The Service's own selector may change; the objects keep their names.
    tag: `service-${namespace}-${name}-${contentTag([namespace, name])}`,
    ports: ports.map(({ protocol, targetPort }): Port =>
      typeof targetPort === 'string'
        ? { kind: 'named', protocol, name: targetPort }
        : { kind: 'range', protocol, from: targetPort, to: targetPort },
    ),
  };
}
