/** Makes a cluster of machines that have kubeadm and kubelet. */
import { CONTROL_PLANE, POD_NETWORK, SERVICE_NETWORK } from '../../local/addresses.ts';
import { API_SERVER_PORT } from '../../local/control-plane/control-plane.ts';
import { execute, type Machine } from './machine.ts';
import { KUBERNETES_VERSION } from './node-image.ts';

const CONFIG_FILE = '/node/kubeadm.json';
const ADMIN = '/etc/kubernetes/admin.conf';
const ENDPOINT = `${CONTROL_PLANE.v4}:${String(API_SERVER_PORT)}`;

/** Resolves to the administrator's kubeconfig, with the API server's address for the machines. */
export async function initialize(machine: Machine): Promise<string> {
  await configure(machine, [
    {
      ...kubeadm('InitConfiguration'),
      ...registration(machine),
      localAPIEndpoint: { advertiseAddress: machine.address },
    },
    {
      ...kubeadm('ClusterConfiguration'),
      kubernetesVersion: KUBERNETES_VERSION,
      controlPlaneEndpoint: ENDPOINT,
      // This machine's way leads through its own loopback.
      apiServer: { certSANs: ['127.0.0.1', 'localhost'] },
      // The data need not survive the machine.
      etcd: { local: { extraArgs: [{ name: 'unsafe-no-fsync', value: 'true' }] } },
      networking: { podSubnet: POD_NETWORK.v4, serviceSubnet: SERVICE_NETWORK.v4 },
    },
    KUBELET,
    {
      apiVersion: 'kubeproxy.config.k8s.io/v1alpha1',
      kind: 'KubeProxyConfiguration',
      // These settings apply to the whole machine, on which this is a container.
      conntrack: { maxPerCore: 0, min: 0, tcpEstablishedTimeout: '0s', tcpCloseWaitTimeout: '0s' },
    },
  ]);
  await execute(machine, [
    'kubeadm',
    'init',
    `--config=${CONFIG_FILE}`,
    '--skip-token-print',
    '--skip-phases=preflight',
  ]);
  return execute(machine, ['cat', ADMIN]);
}

/** A token with which machines join. */
export async function joinToken(controlPlane: Machine): Promise<string> {
  return (await execute(controlPlane, ['kubeadm', 'token', 'create', '--kubeconfig', ADMIN])).trim();
}

export async function joinCluster(machine: Machine, token: string): Promise<void> {
  const discovery = {
    bootstrapToken: { token, apiServerEndpoint: ENDPOINT, unsafeSkipCAVerification: true },
  };
  await configure(machine, [{ ...kubeadm('JoinConfiguration'), ...registration(machine), discovery }]);
  await execute(machine, ['kubeadm', 'join', `--config=${CONFIG_FILE}`, '--skip-phases=preflight']);
}

const kubeadm = (kind: string): object => ({ apiVersion: 'kubeadm.k8s.io/v1beta4', kind });

const registration = ({ name, address }: Machine): object => ({
  nodeRegistration: {
    name,
    criSocket: 'unix:///run/containerd/containerd.sock',
    kubeletExtraArgs: [{ name: 'node-ip', value: address }],
  },
});

/** In a container without CAP_SYS_RESOURCE, with control groups of version 1. */
const KUBELET = {
  apiVersion: 'kubelet.config.k8s.io/v1beta1',
  kind: 'KubeletConfiguration',
  cgroupDriver: 'cgroupfs',
  cgroupRoot: '/kubelet',
  failCgroupV1: false,
  failSwapOn: false,
  localStorageCapacityIsolation: false,
  featureGates: { KubeletInUserNamespace: true },
  // The disk is this machine's. Its fill level must not evict pods, or remove images that cannot be pulled.
  imageGCHighThresholdPercent: 100,
  evictionHard: { 'nodefs.available': '0%', 'nodefs.inodesFree': '0%', 'imagefs.available': '0%' },
};

/** Documents of JSON, which are YAML too. */
async function configure({ container }: Machine, documents: readonly object[]): Promise<void> {
  const content = documents.map((each) => JSON.stringify(each)).join('\n---\n');
  await container.copyContentToContainer([{ content, target: CONFIG_FILE }]);
}
