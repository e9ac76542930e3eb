import type { CalicoMode, PodNetwork } from '../../cluster.ts';
import { POD_NETWORK } from '../addresses.ts';
import type { Api } from './api.ts';
import type { Binaries } from '../build/binaries.ts';
import { grantCalicoApiServerRights } from './calico-rights.ts';
import type { ControlPlane } from './control-plane.ts';
import { kubectl } from './kubectl.ts';
import { startRestartable, type Restartable } from '../process/restartable.ts';
import type { Run } from '../process/run.ts';
import { waitFor } from '../../wait.ts';

const STORED = '/apis/crd.projectcalico.org/v1';
const SERVED = '/apis/projectcalico.org/v3';
const AVAILABLE_WITHIN = 180_000;
const NAMESPACE = 'calico-system';
const SERVICE = 'calico-api';
const PORT = 5443;

export interface InstalledCalico {
  /** The parts that are not ready yet. */
  readonly served: Promise<void>;
  /** In `aggregated` mode. */
  readonly apiServer?: AggregatedApiServer;
}

export interface AggregatedApiServer extends Restartable {
  /** Resolves when Calico's kinds are served. */
  ready(): Promise<void>;
}

export interface CalicoOptions {
  readonly calico: CalicoMode;
  readonly podNetwork: PodNetwork;
}

/** Installs Calico's API in the given mode. In `aggregated` mode it resolves as soon as Felix can start. */
export async function installCalico(
  run: Run,
  controlPlane: ControlPlane,
  binaries: Binaries,
  { calico, podNetwork }: CalicoOptions,
): Promise<InstalledCalico> {
  if (calico.mode === 'none') return { served: Promise.resolve() };
  await applyCrds(controlPlane, binaries, calico.mode === 'native' ? calico.crds : binaries.calicoCrds);
  if (calico.mode === 'native') return { served: awaitServed(controlPlane.api) };
  await applySettings(controlPlane.api, podNetwork);
  if (calico.mode === 'crd-only') return { served: Promise.resolve() };
  await grantCalicoApiServerRights(controlPlane.api);
  const apiServer = startApiServer(run, controlPlane, binaries);
  const served = registerService(controlPlane.api).then(() => apiServer.ready());
  served.catch(() => undefined); // Callers that await it see the error. Until then it must not count as unhandled.
  return { served, apiServer };
}

async function applyCrds(controlPlane: ControlPlane, binaries: Binaries, folder: string): Promise<void> {
  const run = (...args: readonly string[]): Promise<string> =>
    kubectl(binaries.path('kubectl'), controlPlane.kubeconfig, [...args, '--filename', folder]);
  await run('apply', '--server-side');
  await run('wait', '--for=condition=Established', '--timeout=30s');
}

/**
 * The objects that calico/node and the operator's manifests write at installation. They have the stored form,
 * so this need not wait for the API server.
 */
async function applySettings(api: Api, network: PodNetwork): Promise<void> {
  const stored = (kind: string, plural: string, name: string, spec: object): Promise<void> =>
    api.apply(`${STORED}/${plural}/${name}`, {
      apiVersion: 'crd.projectcalico.org/v1',
      kind,
      metadata: { name },
      spec,
    });
  await Promise.all([
    stored('ClusterInformation', 'clusterinformations', 'default', { datastoreReady: true }),
    // Felix's own default is Drop, and pods could then not reach their node.
    stored('FelixConfiguration', 'felixconfigurations', 'default', { defaultEndpointToHostAction: 'Accept' }),
    stored('IPPool', 'ippools', 'default-ipv4-ippool', pool(POD_NETWORK.v4, 26, network)),
    stored('IPPool', 'ippools', 'default-ipv6-ippool', pool(POD_NETWORK.v6, 122, network)),
  ]);
}

function pool(cidr: string, blockSize: number, { overlay, natOutgoing }: PodNetwork): object {
  return {
    cidr,
    blockSize,
    ipipMode: 'Never',
    vxlanMode: overlay === 'VXLAN' ? 'Always' : 'Never',
    natOutgoing: natOutgoing ?? false,
    nodeSelector: 'all()',
  };
}

function startApiServer(run: Run, controlPlane: ControlPlane, binaries: Binaries): AggregatedApiServer {
  const { api, namespace, calicoApiServerKubeconfig: kubeconfig } = controlPlane;
  const server = startRestartable(run, {
    name: 'calico-apiserver',
    namespace,
    file: binaries.path('calico-apiserver'),
    args: [
      `--secure-port=${PORT}`,
      '--bind-address=127.0.0.1',
      `--cert-dir=${run.dir}/calico-apiserver`,
      `--kubeconfig=${kubeconfig}`,
      `--authentication-kubeconfig=${kubeconfig}`,
      `--authorization-kubeconfig=${kubeconfig}`,
    ],
    env: { DATASTORE_TYPE: 'kubernetes', KUBECONFIG: kubeconfig },
  });
  return {
    get child() {
      return server.child;
    },
    kill: () => server.kill(),
    start: () => {
      server.start();
    },
    ready: async () => {
      await waitFor(() => isServed(api), {
        what: 'the Calico API server to be available',
        within: AVAILABLE_WITHIN,
        abort: server.child.failed,
        explain: () => server.child.tail(),
      });
    },
  };
}

/**
 * An ExternalName Service leads to the server next to it, because there is no service network that the API
 * server could use.
 */
async function registerService(api: Api): Promise<void> {
  await api.apply(`/api/v1/namespaces/${NAMESPACE}`, {
    apiVersion: 'v1',
    kind: 'Namespace',
    metadata: { name: NAMESPACE },
  });
  await api.apply(`/api/v1/namespaces/${NAMESPACE}/services/${SERVICE}`, {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: SERVICE, namespace: NAMESPACE },
    spec: { type: 'ExternalName', externalName: 'localhost', ports: [{ port: PORT }] },
  });
  const name = 'v3.projectcalico.org';
  await api.apply(`/apis/apiregistration.k8s.io/v1/apiservices/${name}`, {
    apiVersion: 'apiregistration.k8s.io/v1',
    kind: 'APIService',
    metadata: { name },
    spec: {
      group: 'projectcalico.org',
      version: 'v3',
      groupPriorityMinimum: 1500,
      versionPriority: 200,
      insecureSkipTLSVerify: true,
      service: { name: SERVICE, namespace: NAMESPACE, port: PORT },
    },
  });
}

async function awaitServed(api: Api): Promise<void> {
  await waitFor(() => isServed(api), { what: 'projectcalico.org/v3 to be served', within: AVAILABLE_WITHIN });
}

/** A list proves it. Discovery may answer before the storage does. */
async function isServed(api: Api): Promise<true> {
  await api.get(`${SERVED}/globalnetworkpolicies`);
  await api.get(`${SERVED}/tiers`);
  return true;
}
