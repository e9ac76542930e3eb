import { randomBytes } from 'node:crypto';
import { markerPodAddress } from '../addresses.ts';
import type { Api } from '../control-plane/api.ts';
import type { Felix } from './felix.ts';
import type { LocalNode } from './node.ts';
import { waitFor } from '../../wait.ts';

const NAMESPACE = 'kube-system';
const LABEL = 'local-cluster/marker';
const PROGRAMMED_WITHIN = 120_000;
/** Each look starts up to five programs, which takes the processor from Felix. */
const LOOK_EVERY = 250;
const CALICO = '/apis/projectcalico.org/v3';

interface Marker {
  readonly collection: string;
  readonly object: object;
}

/**
 * Waits for the packet filters themselves. Felix takes each kind of object from its own watch, in order. So a
 * marker of each kind is written. Once all markers are programmed, every earlier object of these kinds is
 * programmed too.
 */
export interface MarkerProbe {
  /**
   * Resolves when every node has programmed all policies, network sets and pod labels that were written
   * before the call.
   */
  passed(): Promise<void>;
}

/** A node whose packet filter Felix programs. */
export interface EnforcingNode {
  readonly node: MarkedNode;
  readonly felix: Pick<Felix, 'failed' | 'tail'>;
}

type MarkedNode = Pick<LocalNode, 'name' | 'index' | 'packetFilter'>;

/**
 * Each pass calls `enforcing`. The markers select a pod of their own on each node, which `createPod` creates
 * with the name `markerPodName` in kube-system. Without it, the pod exists in the API only.
 */
export function createMarkerProbe(
  api: Api,
  enforcing: () => readonly EnforcingNode[],
  createPod: (api: Api, node: MarkedNode) => Promise<void> = createMarkerPod,
): MarkerProbe {
  const pods = new Map<string, Promise<void>>();
  let last: Promise<void> = Promise.resolve();
  let count = 0;
  let withHostEndpoints = false;
  const created = (node: MarkedNode): Promise<void> => {
    const pod = pods.get(node.name) ?? createPod(api, node);
    pods.set(node.name, pod);
    return pod;
  };
  const run = async (): Promise<void> => {
    const nodes = enforcing();
    await Promise.all(nodes.map(({ node }) => created(node)));
    withHostEndpoints ||= await areHostEndpoints(api);
    await pass(api, nodes, { count: count++, withHostEndpoints });
  };
  return {
    passed: () => {
      last = last.catch(() => undefined).then(run);
      return last;
    },
  };
}

/** Once there were any, their absence is awaited as well. */
async function areHostEndpoints(api: Api): Promise<boolean> {
  const list = await api.get(`${CALICO}/hostendpoints?limit=1`);
  return (list as { readonly items: readonly unknown[] }).items.length > 0;
}

interface Passing {
  readonly count: number;
  readonly withHostEndpoints: boolean;
}

async function pass(
  api: Api,
  nodes: readonly EnforcingNode[],
  { count, withHostEndpoints }: Passing,
): Promise<void> {
  const token = `marker-${randomBytes(4).toString('hex')}`;
  const sets = [markerAddress(count, '198.18'), markerAddress(count, '198.19')] as const;
  const endpoint = withHostEndpoints ? [markerAddress(count, '198.20')] : [];
  const addresses = [...sets, ...endpoint];
  const markers = [
    ...policies(token),
    ...networkSets(token, sets),
    ...endpoint.map((address) => hostEndpoint(token, address)),
  ];
  const label = { metadata: { labels: { [LABEL]: token } } };
  try {
    await Promise.all([
      ...nodes.map(({ node }) => api.mergePatch(podPath(node), label)),
      ...markers.map(({ collection, object }) => api.post(collection, object)),
    ]);
    const names = [`Policy default.${token}`, `/default.${token}`, `knp.default.${token}`];
    await Promise.all(nodes.map((node) => awaitMarkers(node, names, addresses)));
  } finally {
    const paths = markers.map(({ collection }) => `${collection}/${token}`);
    await Promise.all(paths.map((path) => api.delete(path).catch(() => undefined)));
  }
}

/**
 * Rules must exist for both IP families, which are programmed one after the other. The addresses of the sets
 * are of one family only.
 */
async function awaitMarkers(
  { node, felix }: EnforcingNode,
  names: readonly string[],
  addresses: readonly string[],
): Promise<void> {
  let missing: readonly string[] = [];
  const look = async (): Promise<true | undefined> => {
    const rules = await node.packetFilter();
    const count = (text: string): number => rules.split(text).length - 1;
    missing = [
      ...names.filter((name) => count(name) < 2),
      ...addresses.filter((address) => count(address) < 1),
    ];
    return missing.length === 0 || undefined;
  };
  await waitFor(look, {
    what: `the policies written so far to be programmed on ${node.name}`,
    within: PROGRAMMED_WITHIN,
    every: LOOK_EVERY,
    abort: felix.failed,
    explain: async () => `not in its packet filter: ${missing.join(', ')}\n${await felix.tail()}`,
  });
}

function policies(token: string): readonly Marker[] {
  const metadata = { name: token, namespace: NAMESPACE };
  const selected = { [LABEL]: token };
  const spec = { selector: `${LABEL} == '${token}'`, types: ['Ingress'] };
  const source = { selector: `${LABEL} == '${token}'` };
  const namespaceSelector = `kubernetes.io/metadata.name == '${NAMESPACE}'`;
  return [
    {
      collection: `${CALICO}/globalnetworkpolicies`,
      object: {
        apiVersion: 'projectcalico.org/v3',
        kind: 'GlobalNetworkPolicy',
        metadata: { name: token },
        // So that it is seen to be about no other namespace, whoever asks what it may open.
        spec: { ...spec, namespaceSelector, ingress: [{ action: 'Allow', source }] },
      },
    },
    {
      collection: `${CALICO}/namespaces/${NAMESPACE}/networkpolicies`,
      object: {
        apiVersion: 'projectcalico.org/v3',
        kind: 'NetworkPolicy',
        metadata,
        spec: { ...spec, ingress: [{ action: 'Allow' }] },
      },
    },
    {
      collection: `/apis/networking.k8s.io/v1/namespaces/${NAMESPACE}/networkpolicies`,
      object: {
        apiVersion: 'networking.k8s.io/v1',
        kind: 'NetworkPolicy',
        metadata,
        spec: { podSelector: { matchLabels: selected }, policyTypes: ['Ingress'], ingress: [{}] },
      },
    },
  ];
}

function networkSets(token: string, addresses: readonly [string, string]): readonly Marker[] {
  const labels = { [LABEL]: token };
  const [global, namespaced] = addresses;
  return [
    {
      collection: `${CALICO}/globalnetworksets`,
      object: {
        apiVersion: 'projectcalico.org/v3',
        kind: 'GlobalNetworkSet',
        metadata: { name: token, labels },
        spec: { nets: [`${global}/32`] },
      },
    },
    {
      collection: `${CALICO}/namespaces/${NAMESPACE}/networksets`,
      object: {
        apiVersion: 'projectcalico.org/v3',
        kind: 'NetworkSet',
        metadata: { name: token, namespace: NAMESPACE, labels },
        spec: { nets: [`${namespaced}/32`] },
      },
    },
  ];
}

/** It is on no node: for Felix, only its address stands for its labels. */
function hostEndpoint(token: string, address: string): Marker {
  return {
    collection: `${CALICO}/hostendpoints`,
    object: {
      apiVersion: 'projectcalico.org/v3',
      kind: 'HostEndpoint',
      metadata: { name: token, labels: { [LABEL]: token } },
      spec: { node: 'policy-marker', interfaceName: 'eth0', expectedIPs: [address] },
    },
  };
}

/** Never probed. All names have the same length, so none is the beginning of another. */
function markerAddress(count: number, kind: string): string {
  return [kind, String(100 + (Math.floor(count / 150) % 150)), String(100 + (count % 150))].join('.');
}

export const markerPodName = (node: Pick<LocalNode, 'name'>): string => `policy-marker-${node.name}`;
const podPath = (node: MarkedNode): string => `/api/v1/namespaces/${NAMESPACE}/pods/${markerPodName(node)}`;

async function createMarkerPod(api: Api, node: MarkedNode): Promise<void> {
  await api.apply(podPath(node), {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: markerPodName(node), namespace: NAMESPACE },
    spec: { nodeName: node.name, containers: [{ name: 'none', image: 'none' }] },
  });
  const ip = markerPodAddress(node.index);
  await api.mergePatch(`${podPath(node)}/status`, {
    status: { phase: 'Running', podIP: ip, podIPs: [{ ip }] },
  });
}
