/**
 * Tells which namespaces are exempt, which are only observed, and which are under the default deny. It
 * follows the design of `defaults`, groups and overlaps.
 */
import type { ClusterFirewall, Group } from '../../api/schema.ts';
import type { Inventory } from '../../inventory/types.ts';
import type { Cluster } from './cluster.ts';
import { selectorMatches } from './intent-values.ts';

export interface IntendedEnforcement {
  /** True under the firewall's Enforce and not exempt: traffic that is not allowed is dropped. */
  readonly isEnforced: (namespace: string) => boolean;
  readonly isExempt: (namespace: string) => boolean;
  readonly isClosed: (namespace: string, direction: 'Ingress' | 'Egress') => boolean;
  readonly isOpenWithin: (namespace: string) => boolean;
  /** Namespaces of a group, exempt ones too. */
  readonly meantBy: (group: Group) => readonly string[];
}

const SYSTEM = [
  'kube-system',
  'kube-public',
  'kube-node-lease',
  'calico-system',
  'calico-apiserver',
  'tigera-operator',
];

/**
 * @param main the firewall called default
 * @param active the firewalls whose rules are not staged, `main` among them
 */
export function intendedEnforcement(
  main: ClusterFirewall,
  active: readonly ClusterFirewall[],
  inventory: Inventory,
  cluster: Cluster,
): IntendedEnforcement {
  const { deny = 'Both', exempt = {} } = main.spec.defaults ?? {};
  const exempted = [
    ...(exempt.systemNamespaces === 'None' ? [] : SYSTEM),
    ...(exempt.names ?? []),
    ...(inventory.operatorNamespace === undefined ? [] : [inventory.operatorNamespace]),
  ];
  const isExempt = (namespace: string) => {
    if (exempted.includes(namespace)) return true;
    const { labels = {} } = cluster.namespaces.find(({ name }) => name === namespace) ?? {};
    return exempt.namespaceSelector !== undefined && selectorMatches(exempt.namespaceSelector, labels);
  };
  const meantBy = remembered((group: Group): readonly string[] =>
    cluster.namespaces
      .filter(({ name, labels }) =>
        group.namespaces === undefined
          ? group.everyNamespace === true || selectorMatches(group.namespaceSelector, labels)
          : group.namespaces.includes(name),
      )
      .map(({ name }) => name),
  );
  const groupsOf = ({ spec }: ClusterFirewall, namespace: string) =>
    isExempt(namespace) ? [] : (spec.namespaces ?? []).filter((group) => meantBy(group).includes(namespace));
  const isEnforced = remembered((namespace: string): boolean => {
    if (isExempt(namespace)) return false;
    const modes = groupsOf(main, namespace).flatMap(({ mode }) => mode ?? []);
    // Overlapping groups: of what they say, Enforce wins.
    return modes.length === 0 ? main.spec.mode === 'Enforce' : modes.includes('Enforce');
  });
  return {
    isExempt,
    isEnforced,
    meantBy,
    isClosed: (namespace, direction) => isEnforced(namespace) && (deny === 'Both' || deny === direction),
    isOpenWithin: remembered((namespace) =>
      active.some((firewall) => {
        const said = groupsOf(firewall, namespace).flatMap(({ isolation }) => isolation ?? []);
        // Overlapping groups of one firewall: of what they say, Strict wins.
        return said.length > 0 && !said.includes('Strict');
      }),
    ),
  };
}

function remembered<K, V>(of: (key: K) => V): (key: K) => V {
  const known = new Map<K, V>();
  return (key) => {
    const value = known.has(key) ? (known.get(key) as V) : of(key);
    known.set(key, value);
    return value;
  };
}
