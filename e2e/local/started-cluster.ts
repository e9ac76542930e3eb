import path from 'node:path';
import type { Endpoint, StartedCluster } from '../cluster.ts';
import { both, CONTROL_PLANE } from './addresses.ts';
import { startAgent } from './probes/agent-client.ts';
import type { Api } from './control-plane/api.ts';
import type { Parts } from './parts.ts';
import { startEndpoint } from './network/endpoint.ts';
import type { FlowReader } from './network/flow-reader.ts';
import { startOutsideHost } from './network/outside-host.ts';
import { createFaults } from './faults.ts';
import { join, leave } from './joining.ts';
import { writeKubeconfig } from './control-plane/kubeconfig.ts';
import { kubectl } from './control-plane/kubectl.ts';
import { runIn } from './process/netns.ts';
import { createMarkerProbe, type EnforcingNode } from './network/marker.ts';
import type { LocalNode } from './network/node.ts';
import { startPod } from './network/pod.ts';
import { layWire } from './network/wire.ts';

export interface StartedLocalCluster extends StartedCluster {
  /**
   * The flow logs of the node's pods since it started, as `calico-node -flows` prints them. Felix knows a flow
   * after 5 seconds, and sends every 2 seconds.
   * @throws where the cluster was started without the option `flowLogs`
   */
  flowLogs(node: string): string;
}

export function startedCluster(parts: Parts, remove: () => Promise<void>): StartedLocalCluster {
  const { run, binaries, controlPlane, nodes, felixes } = parts;
  let wires = 0;
  const { api } = controlPlane;
  const kubectlFile = binaries.path('kubectl');
  const place = placement(nodes);
  const marker = createMarkerProbe(api, () => enforcing(parts));
  let controlPlaneHost: Endpoint | undefined;
  const stop = async (): Promise<void> => {
    api.close();
    await remove();
  };
  return {
    name: run.id,
    server: controlPlane.server,
    kubeconfig: controlPlane.kubeconfig,
    workDir: run.dir,
    nodes,
    node: (name) => named(nodes, name),
    controlPlane: () => (controlPlaneHost ??= startControlPlaneHost(parts)),
    // kube-proxy runs on nodes only, if at all.
    servesServices: false,
    joinNode: (name) => joinNode(parts, name),
    leaveNode: (name) => leave(parts.joining, named(nodes, name)),
    faults: createFaults(parts),
    serviceAccountKubeconfig: (namespace, name, server = controlPlane.server) =>
      serviceAccountKubeconfig(controlPlane, run.dir, { namespace, name, server }),
    get: (path) => api.get(path),
    kubectl: (args, options) => kubectl(kubectlFile, controlPlane.kubeconfig, args, options),
    createNamespace: (name, labels = {}) => createNamespace(api, name, labels),
    createPod: (spec) => {
      const { node, index } = place(spec.node);
      return startPod(run, api, spec, { node, index, felix: felixes.get(node.name) });
    },
    createOutsideHost: (spec) => startOutsideHost(run, spec),
    run: (where, command) => runIn(run.namespace(where.name), command),
    flowLogs: (node) => flowReaderOf(parts, node).text(),
    wire: (from, to) => layWire(run, from, to, ++wires),
    policiesProgrammed: async () => {
      if (felixes.size > 0) await marker.passed();
    },
    stop,
    [Symbol.asyncDispose]: stop,
  };
}

function startControlPlaneHost({ run, controlPlane }: Parts): Endpoint {
  const agent = startAgent(run, controlPlane.namespace, 'control-plane');
  return startEndpoint('control-plane', both(CONTROL_PLANE), agent);
}

function flowReaderOf({ joining: { flowReaders }, nodes }: Parts, name: string): FlowReader {
  const reader = flowReaders?.get(named(nodes, name).name);
  if (reader === undefined) throw new Error(`no flow logs on ${name}: start the cluster with flowLogs: true`);
  return reader;
}

async function joinNode({ nodes, joining, felixes }: Parts, name: string): Promise<void> {
  const felix = await join(joining, named(nodes, name));
  if (felix === undefined) return;
  felixes.set(name, felix);
  await felix.ready();
}

function enforcing({ nodes, felixes }: Parts): readonly EnforcingNode[] {
  return nodes.flatMap((node) => {
    const felix = felixes.get(node.name);
    return felix === undefined ? [] : [{ node, felix }];
  });
}

interface Place {
  readonly node: LocalNode;
  /** From 1 on each node; never used twice. */
  readonly index: number;
}

function placement(nodes: readonly LocalNode[]): (wanted: string | undefined) => Place {
  const used = new Map<LocalNode, number>();
  let turn = 0;
  return (wanted) => {
    const node = wanted === undefined ? nodes[turn++ % nodes.length] : named(nodes, wanted);
    if (node === undefined) throw new Error('the cluster has no nodes');
    const index = (used.get(node) ?? 0) + 1;
    used.set(node, index);
    return { node, index };
  };
}

/** @throws Error that names those there are */
export function named<T extends { readonly name: string }>(items: readonly T[], name: string): T {
  const found = items.find((item) => item.name === name);
  if (found === undefined)
    throw new Error(`no node ${name}; there are ${items.map((i) => i.name).join(', ')}`);
  return found;
}

export async function createNamespace(
  api: Api,
  name: string,
  labels: Readonly<Record<string, string>>,
): Promise<void> {
  const path = `/api/v1/namespaces/${name}`;
  await api.apply(path, { apiVersion: 'v1', kind: 'Namespace', metadata: { name, labels } });
  await api.apply(`${path}/serviceaccounts/default`, {
    apiVersion: 'v1',
    kind: 'ServiceAccount',
    metadata: { name: 'default', namespace: name },
  });
}

interface ServiceAccountAt {
  readonly namespace: string;
  readonly name: string;
  readonly server: string;
}

/** Writes the file to `dir`. Resolves to its path. */
export async function serviceAccountKubeconfig(
  { api, authority }: Pick<Parts['controlPlane'], 'api' | 'authority'>,
  dir: string,
  { namespace, name, server }: ServiceAccountAt,
): Promise<string> {
  const answer = await api.post(`/api/v1/namespaces/${namespace}/serviceaccounts/${name}/token`, {
    apiVersion: 'authentication.k8s.io/v1',
    kind: 'TokenRequest',
    spec: { expirationSeconds: 24 * 60 * 60 },
  });
  const { token } = (answer as { readonly status: { readonly token: string } }).status;
  const file = path.join(dir, `${namespace}.${name}.${new URL(server).port}.kubeconfig`);
  return writeKubeconfig(file, { server, authority, user: `${namespace}.${name}`, token });
}
