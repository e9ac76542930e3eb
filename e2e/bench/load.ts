/**
 * The content of the cluster, and the measured firewalls. Objects are as large as real ones, including fields
 * of other writers.
 */
import { create } from '../../src/cluster/objects/apply.ts';
import { forEachLimit } from '../../src/cluster/parallel.ts';
import type { KubernetesObject, Resource } from '../../src/cluster/resource.ts';
import type { Transport } from '../../src/cluster/http/transport.ts';

export const NAMESPACES: Resource = { group: '', version: 'v1', plural: 'namespaces' };
export const NODES: Resource = { group: '', version: 'v1', plural: 'nodes' };
export const FIREWALLS: Resource = {
  group: 'clusterfirewall.io',
  version: 'v1alpha1',
  plural: 'clusterfirewalls',
};

const AT_ONCE = 24;

export const count = (length: number): readonly number[] => Array.from({ length }, (_, index) => index);
const padded = (index: number): string => String(index).padStart(5, '0');

export const createAll = (
  client: Transport,
  resource: Resource,
  objects: Iterable<KubernetesObject>,
): Promise<void> =>
  forEachLimit(objects, AT_ONCE, async (object) => {
    await create(client, resource, object, { fieldManager: 'bench' });
  });

export const namespaceName = (index: number): string => `team-${padded(index)}`;

/** A tenant's namespace, with a platform's labels and annotations. */
export const namespace = (name: string, labels: Readonly<Record<string, string>> = {}): KubernetesObject => ({
  apiVersion: 'v1',
  kind: 'Namespace',
  metadata: {
    name,
    labels: { 'app.kubernetes.io/part-of': 'platform', 'example.com/owner': `${name}-owners`, ...labels },
    annotations: {
      'argocd.argoproj.io/tracking-id': `tenants:/Namespace:${name}/${name}`,
      'example.com/cost-center': '4711',
      'example.com/contact': `owners-of-${name}@example.com`,
    },
  },
});

/** Kubelet lists up to 50 images, each by digest and by tag (nodeStatusMaxImages). */
const IMAGES = 50;

export const nodeName = (index: number): string => `node-${padded(index)}.example.com`;

/** A node as reported by kubelet: about 15 kB, almost all of it images. */
export function node(index: number): KubernetesObject {
  const name = nodeName(index);
  const image = (each: number): object => ({
    names: [
      `registry.example.com/team/application-${each}@sha256:${String(each).padStart(64, '0')}`,
      `registry.example.com/team/application-${each}:v1.${each}.0`,
    ],
    sizeBytes: 50_000_000 + each,
  });
  const condition = (type: string): object => ({
    type,
    status: type === 'Ready' ? 'True' : 'False',
    lastHeartbeatTime: '2026-01-01T00:00:00Z',
    lastTransitionTime: '2026-01-01T00:00:00Z',
    reason: `Kubelet${type}`,
    message: `kubelet has looked at ${type}`,
  });
  const resources = { cpu: '8', memory: '32Gi', pods: '110', 'ephemeral-storage': '100Gi' };
  return {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: {
      name,
      labels: {
        'kubernetes.io/hostname': name,
        'kubernetes.io/os': 'linux',
        'node.kubernetes.io/instance-type': 'm',
      },
      annotations: { 'projectcalico.org/IPv4Address': `10.${octets(index)}/8` },
    },
    status: {
      addresses: [
        { type: 'InternalIP', address: `10.${octets(index)}` },
        { type: 'Hostname', address: name },
      ],
      capacity: resources,
      allocatable: resources,
      conditions: ['MemoryPressure', 'DiskPressure', 'PIDPressure', 'Ready'].map(condition),
      images: count(IMAGES).map(image),
    },
  };
}

const octets = (index: number): string => `200.${index >> 8}.${index & 0xff}`;

export const firewall = (spec: object): KubernetesObject => ({
  apiVersion: 'clusterfirewall.io/v1alpha1',
  kind: 'ClusterFirewall',
  metadata: { name: 'default' },
  spec: {
    mode: 'Enforce',
    peers: [{ name: 'office', cidrs: ['198.51.100.0/24', '2001:db8:1::/48'] }],
    ...spec,
  },
});

const officeRule = (index: number): object => ({
  name: `rule-${index}`,
  pods: { matchLabels: { app: `app-${index}` } },
  from: [{ peer: 'office' }],
  ports: [8000 + index],
});

/** A group of one namespace by name. It has one policy for each rule, in that namespace. */
export const groupByName = (index: number, rules: number): object => ({
  name: namespaceName(index),
  namespaces: [namespaceName(index)],
  ingress: count(rules).map(officeRule),
});

/** A group by label without connections. None of its objects grows with its namespaces. */
export const groupByLabel = (name: string, rules: number): object => ({
  name,
  namespaceSelector: { matchLabels: { 'example.com/group': name } },
  ingress: count(rules).map((index) => ({
    ...officeRule(index),
    from: [{ peer: 'office' }, { pods: { namespaceSelector: { matchLabels: { role: 'ingress' } } } }],
  })),
});

/** A group by label with connections inside each namespace. It has one policy in each of its namespaces. */
export const connectedGroup = (name: string): object => ({
  name,
  namespaceSelector: { matchLabels: { 'example.com/group': name } },
  connections: [
    {
      name: 'database',
      fromPods: { matchLabels: { app: 'web' } },
      toPods: { matchLabels: { app: 'database' } },
      ports: [5432],
    },
    {
      name: 'cache',
      fromPods: { matchLabels: { app: 'web' } },
      toPods: { matchLabels: { app: 'cache' } },
      ports: [6379],
    },
  ],
});
