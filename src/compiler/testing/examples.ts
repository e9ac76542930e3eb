/** A firewall for a cluster of namespaces, and helpers that look at its compilation. */
import type { ClusterFirewall, Group, Spec } from '../../api/schema.ts';
import type { GeneratedObject } from '../../calico/types.ts';
import { compile } from '../compile.ts';
import { UNKNOWN_CLUSTER, type Inventory, type NamespaceInfo } from '../../inventory/types.ts';
import { namespace, node } from './inventories.ts';

export const firewall = (spec: Partial<Spec>, name = 'default'): ClusterFirewall => ({
  metadata: { name },
  spec: { mode: 'Enforce', ...spec },
});
export const inventory = (...namespaces: readonly NamespaceInfo[]): Inventory => ({
  ...UNKNOWN_CLUSTER,
  namespaces: [namespace('kube-system'), ...namespaces],
  nodes: [node('node1', ['10.99.0.11'])],
});
export const objectsOf = (
  spec: Partial<Spec>,
  known: Inventory = inventory(namespace('blog')),
): readonly GeneratedObject[] => compile([firewall(spec)], known).objects.map(({ object }) => object);
export const fromGroup = (objects: readonly GeneratedObject[], group: string) =>
  objects.filter(({ metadata }) =>
    metadata.annotations?.['clusterfirewall.io/rules']?.startsWith(`default/${group}/`),
  );
export const shapes = (objects: readonly GeneratedObject[]) =>
  objects.map(({ kind, metadata }) =>
    [kind, metadata.namespace].filter((part) => part !== undefined).join(' in '),
  );

export const web: Group = {
  name: 'blog',
  namespaces: ['blog'],
  ingress: [
    {
      name: 'web',
      pods: {},
      from: [{ pods: { namespaceSelector: { matchLabels: { role: 'edge' } } } }],
      ports: [80],
    },
  ],
};
