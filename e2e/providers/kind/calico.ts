/** Calico on a cluster of containers: Felix, the CNI plugin with its IPAM, and Calico's API server. */
import path from 'node:path';
import { CONTROL_PLANE } from '../../local/addresses.ts';
import type { Api } from '../../local/control-plane/api.ts';
import { API_SERVER_PORT } from '../../local/control-plane/control-plane.ts';
import type { Dataplane } from '../../cluster.ts';
import type { Machine } from './machine.ts';

const CNI = '/etc/cni/net.d';
const TOKEN_SECONDS = 24 * 60 * 60;
const SETTLED = '180s';

type Kubectl = (args: readonly string[]) => Promise<string>;

export interface Installing {
  readonly kubectl: Kubectl;
  readonly api: Api;
  /** Folder with the `crd.projectcalico.org` CRDs. */
  readonly crds: string;
}

/** Before any node joins: they find everything that Felix needs. */
export async function installCalico({ kubectl, crds }: Installing): Promise<void> {
  await kubectl(['apply', '--server-side', '--filename', crds]);
  await kubectl(['wait', '--for=condition=Established', '--timeout=60s', '--filename', crds]);
  await kubectl(['apply', '--server-side', ...files('calico-settings', 'calico-node', 'calico-apiserver')]);
  // kubeadm wrote the ConfigMap. No pod of CoreDNS runs yet, because no node has a network for pods.
  await kubectl(['apply', '--server-side', '--force-conflicts', ...files('coredns')]);
}

/**
 * Does the work of Calico's start-up on a node that has joined: its address, its dataplane, and the
 * configuration of the CNI plugin. With it, kubelet calls the node Ready.
 */
export async function configureNode(
  { api }: Installing,
  machine: Machine,
  dataplane: Dataplane,
): Promise<void> {
  const { name, address } = machine;
  await api.mergePatch(`/api/v1/nodes/${name}`, {
    metadata: {
      annotations: {
        'projectcalico.org/IPv4Address': `${address}/24`,
        // Felix makes no device for VXLAN without it. Here it is an address that no block of the pool has.
        'projectcalico.org/IPv4VXLANTunnelAddr': `10.244.255.${address.split('.').at(-1) ?? ''}`,
      },
    },
  });
  if (dataplane === 'nftables') {
    await api.apply(`/apis/crd.projectcalico.org/v1/felixconfigurations/node.${name}`, {
      apiVersion: 'crd.projectcalico.org/v1',
      kind: 'FelixConfiguration',
      metadata: { name: `node.${name}` },
      spec: { nftablesMode: 'Enabled' },
    });
  }
  await machine.container.copyContentToContainer([
    { target: `${CNI}/calico-kubeconfig`, content: JSON.stringify(await pluginKubeconfig(api)), mode: 0o600 },
    { target: `${CNI}/10-calico.conflist`, content: JSON.stringify(pluginConfiguration(name)) },
  ]);
}

/** Resolves when every node is Ready, and Calico serves its API. */
export async function calicoReady({ kubectl }: Installing): Promise<void> {
  await kubectl(['wait', '--for=condition=Ready', `--timeout=${SETTLED}`, 'nodes', '--all']);
  const rollout = (namespace: string, what: string): Promise<string> =>
    kubectl(['--namespace', namespace, 'rollout', 'status', `--timeout=${SETTLED}`, what]);
  await rollout('calico-system', 'daemonset/calico-node');
  await rollout('calico-system', 'deployment/calico-apiserver');
  await rollout('kube-system', 'deployment/coredns');
  await kubectl([
    'wait',
    '--for=condition=Available',
    `--timeout=${SETTLED}`,
    'apiservice/v3.projectcalico.org',
  ]);
}

const files = (...names: readonly string[]): readonly string[] =>
  names.flatMap((name) => ['--filename', path.join(import.meta.dirname, 'manifests', `${name}.yaml`)]);

async function pluginKubeconfig(api: Api): Promise<object> {
  const answer = await api.post('/api/v1/namespaces/calico-system/serviceaccounts/calico-node/token', {
    apiVersion: 'authentication.k8s.io/v1',
    kind: 'TokenRequest',
    spec: { expirationSeconds: TOKEN_SECONDS },
  });
  const { token } = (answer as { readonly status: { readonly token: string } }).status;
  const server = `https://${CONTROL_PLANE.v4}:${String(API_SERVER_PORT)}`;
  return {
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: 'c', cluster: { server, 'certificate-authority': '/etc/kubernetes/pki/ca.crt' } }],
    users: [{ name: 'calico', user: { token } }],
    contexts: [{ name: 'c', context: { cluster: 'c', user: 'calico' } }],
    'current-context': 'c',
  };
}

function pluginConfiguration(node: string): object {
  const calico = {
    type: 'calico',
    datastore_type: 'kubernetes',
    nodename: node,
    nodename_file_optional: true,
    log_level: 'info',
    log_file_path: '/var/log/calico-cni.log',
    ipam: { type: 'calico-ipam' },
    policy: { type: 'k8s' },
    kubernetes: { kubeconfig: `${CNI}/calico-kubeconfig` },
  };
  const portmap = { type: 'portmap', snat: true, capabilities: { portMappings: true } };
  return { name: 'k8s-pod-network', cniVersion: '0.3.1', plugins: [calico, portmap] };
}
