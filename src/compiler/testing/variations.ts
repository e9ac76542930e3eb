/**
 * Changes to firewalls and clusters for properties: another order, one entry more, labels that tenants forge.
 */
import fc from 'fast-check';
import type { ClusterFirewall, EgressRule, Group, IngressRule } from '../../api/schema.ts';
import type { GeneratedObject } from '../../calico/types.ts';
import type { Cluster, Labels } from './cluster.ts';

/** Reorders every list and the keys of every object in a value, at every depth. */
export function shuffled<T>(value: T, random: () => number): T {
  const mixed = (items: readonly unknown[]): unknown[] =>
    items
      .map((item) => ({ item, place: random() }))
      .sort((a, b) => a.place - b.place)
      .map(({ item }) => item);
  const walk = (part: unknown): unknown => {
    if (Array.isArray(part)) return mixed(part).map(walk);
    if (typeof part !== 'object' || part === null) return part;
    return Object.fromEntries(
      mixed(Object.entries(part).map(([key, field]) => [key, walk(field)])) as [string, unknown][],
    );
  };
  return walk(value) as T;
}

/**
 * A source of numbers in [0, 1) that fast-check can repeat: a linear congruential generator (Numerical
 * Recipes).
 */
export const random: fc.Arbitrary<() => number> = fc.nat().map((seed) => {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
});

const mapGroups = (firewall: ClusterFirewall, change: (group: Group) => Group): ClusterFirewall => ({
  ...firewall,
  spec: {
    ...firewall.spec,
    ...(firewall.spec.namespaces !== undefined && { namespaces: firewall.spec.namespaces.map(change) }),
  },
});

/** Adds an entry with an unknown peer to some rules. */
export function withUnknownPeer(
  list: readonly ClusterFirewall[],
  chance: () => number,
): readonly ClusterFirewall[] {
  const unknown = { peer: 'nobody' };
  const from = (rule: IngressRule): IngressRule =>
    chance() < 0.5 ? { ...rule, from: [...rule.from, unknown] } : rule;
  const to = (rule: EgressRule): EgressRule =>
    chance() < 0.5 ? { ...rule, to: [...rule.to, unknown] } : rule;
  return list.map((firewall) =>
    mapGroups(firewall, (group) => ({
      ...group,
      ...(group.ingress !== undefined && { ingress: group.ingress.map(from) }),
      ...(group.metrics !== undefined && { metrics: group.metrics.map(from) }),
      ...(group.egress !== undefined && { egress: group.egress.map(to) }),
    })),
  );
}

/** The same firewalls, none of which drops anything. */
export const observing = (list: readonly ClusterFirewall[]): readonly ClusterFirewall[] =>
  list.map(({ metadata, spec }) => ({
    metadata,
    spec: {
      ...spec,
      mode: 'Observe',
      ...(spec.namespaces !== undefined && {
        namespaces: spec.namespaces.map((group) => ({
          ...group,
          ...(group.mode !== undefined && { mode: 'Observe' as const }),
        })),
      }),
    },
  }));

/** Removes the modes of groups, so no two groups disagree on whether a namespace is enforced. */
export const withoutGroupModes = (list: readonly ClusterFirewall[]): readonly ClusterFirewall[] =>
  list.map((firewall) =>
    mapGroups(firewall, (group) => {
      const { mode, ...rest } = group;
      return mode === undefined ? group : rest;
    }),
  );

/** A new namespace is under such a ceiling once the operator has seen it. */
export const withoutLocalCeilings = (list: readonly ClusterFirewall[]): readonly ClusterFirewall[] =>
  list.map((firewall) => ({
    ...firewall,
    spec: {
      ...firewall.spec,
      ...(firewall.spec.guardrails !== undefined && {
        guardrails: firewall.spec.guardrails.filter(({ onlyTo = [], onlyFrom = [] }) =>
          [...onlyTo, ...onlyFrom].every(({ entity }) => entity !== 'SameNamespace'),
        ),
      }),
    },
  }));

/** The tier with the default action Deny, as another client might set it. */
export const denyingAtTheEndOfTiers = (objects: readonly GeneratedObject[]): readonly GeneratedObject[] =>
  objects.map((object) =>
    object.kind === 'Tier' ? { ...object, spec: { ...object.spec, defaultAction: 'Deny' } } : object,
  );

/** The labels with our prefix, as each object carries them. */
export const ownLabels = (objects: readonly GeneratedObject[]): readonly Labels[] => {
  const texts = objects.map(({ metadata }) =>
    JSON.stringify(
      Object.fromEntries(
        Object.entries(metadata.labels ?? {}).filter(([key]) => key.startsWith('clusterfirewall.io/')),
      ),
    ),
  );
  return [...new Set(texts)].map((text) => JSON.parse(text) as Labels);
};

/**
 * Tenants of namespace c give these labels to their pods and to NetworkSets of all addresses. Kubelets give
 * them to their Nodes.
 */
export const forging = (cluster: Cluster, forged: readonly Labels[]): Cluster => ({
  ...cluster,
  pods: cluster.pods.map((pod, index) =>
    pod.namespace === 'c' ? { ...pod, labels: { ...pod.labels, ...forged[index % forged.length] } } : pod,
  ),
  nodes: cluster.nodes.map((node, index) => ({
    ...node,
    labels: { ...node.labels, ...forged[index % forged.length] },
  })),
  tenantSets: [
    ...cluster.tenantSets,
    ...forged.map((labels) => ({ namespace: 'c', labels, nets: ['0.0.0.0/0', '::/0'] })),
  ],
});
