import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { load } from 'js-yaml';
import { getContainerRuntimeClient } from 'testcontainers';
import type { Cluster } from '../../cluster.ts';
import { CONTROL_PLANE, nodeAddress, ROUTER_ADDRESS } from '../../local/addresses.ts';
import { needsBuild, prepareBinaries, type Binaries } from '../../local/build/binaries.ts';
import { connectApi } from '../../local/control-plane/api.ts';
import { API_SERVER_PORT } from '../../local/control-plane/control-plane.ts';
import { kubectl } from '../../local/control-plane/kubectl.ts';
import { relayFromLoopback } from '../../local/control-plane/loopback.ts';
import { createFabric } from '../../local/network/fabric.ts';
import { createGuardedRun } from '../../local/process/guarded-run.ts';
import { ip, writeSysctls } from '../../local/process/netns.ts';
import { checkPrerequisites } from '../../local/process/prerequisites.ts';
import type { Run } from '../../local/process/run.ts';
import { calicoReady, configureNode, installCalico } from './calico.ts';
import { hasDebianRoot, prepareDebianRoot } from './debian.ts';
import { startDocker, type Docker } from './docker.ts';
import { initialize, joinCluster, joinToken } from './kubeadm.ts';
import { NodeContainer } from './node-container.ts';
import { buildNodeImage, NODE_PROGRAMS, nodeImageName } from './node-image.ts';
import type { Machine, Worker } from './machine.ts';
import { startedKindCluster, type Access, type StartedKindCluster } from './started-cluster.ts';
import { hasStores, linkStore, prepareStores } from './image-store.ts';
import { countSteps } from './steps.ts';

export interface KindClusterOptions {
  readonly workers: readonly Worker[];
}

const NETWORK = 'nodes';
const CONTROL_PLANE_NAME = 'control-plane';
/** An account of the tests, with every right and a token. kubeadm's own administrator has a certificate. */
const ADMINISTRATOR = { namespace: 'kube-system', name: 'test-administrator' };

/** True when a cluster starts within two minutes: nothing has to be built. */
export async function isNodeImageCached(): Promise<boolean> {
  if ((await needsBuild(NODE_PROGRAMS)) || !(await hasDebianRoot())) return false;
  const name = await nodeImageName(await prepareDebianRoot(), await prepareBinaries(NODE_PROGRAMS));
  return hasStores(name);
}

export class KindCluster implements Cluster {
  readonly #options: KindClusterOptions;

  constructor(options: KindClusterOptions) {
    this.#options = options;
  }

  async start(): Promise<StartedKindCluster> {
    await checkPrerequisites({ needsGo: await needsBuild(NODE_PROGRAMS), containers: true });
    const steps = countSteps(4);
    const binaries = await steps.next({
      what: 'Kubernetes and Calico from source',
      minutes: 12,
      cached: async () => !(await needsBuild(NODE_PROGRAMS)),
      run: () => prepareBinaries(NODE_PROGRAMS),
    });
    const root = await steps.next({
      what: "a node's Debian packages",
      minutes: 2,
      cached: hasDebianRoot,
      run: prepareDebianRoot,
    });
    const { run, stop } = await createGuardedRun();
    let docker: Docker | undefined;
    const remove = async (): Promise<void> => {
      await stop();
      docker?.release();
    };
    try {
      await createFabric(run, 0);
      docker = await startDocker(run, run.namespace('router'));
      const image = await nodeImageName(root, binaries);
      const engine = docker;
      const isBuilt = await engine.hasImage(image);
      useEngine(engine);
      await steps.next({
        what: "the nodes' container image",
        minutes: 2,
        cached: async () => isBuilt && (await hasStores(image)),
        run: async () => {
          if (!isBuilt) await buildNodeImage(engine, { name: image, root, binaries });
          await prepareStores(image);
        },
      });
      return await steps.next({
        what: 'the cluster',
        minutes: 1,
        cached: () => Promise.resolve(false),
        run: () => startCluster({ run, docker: engine, image, binaries, remove }, this.#options),
      });
    } catch (error) {
      await remove();
      throw error;
    }
  }
}

interface Starting {
  readonly run: Run;
  readonly docker: Docker;
  readonly image: string;
  readonly binaries: Binaries;
  readonly remove: () => Promise<void>;
}

async function startCluster(
  starting: Starting,
  { workers }: KindClusterOptions,
): Promise<StartedKindCluster> {
  const { binaries } = starting;
  await createNetwork();
  const [controlPlane, ...others] = await Promise.all([
    startMachine(starting, CONTROL_PLANE_NAME, CONTROL_PLANE.v4),
    ...workers.map(({ name }, i) => startMachine(starting, name, nodeAddress(i + 1).v4)),
  ]);
  const adminConfig = await initialize(controlPlane);
  const access = await openAccess(starting, adminConfig);
  const installing = { ...access, crds: binaries.calicoCrds };
  const token = await joinToken(controlPlane);
  await Promise.all([installCalico(installing), ...others.map((machine) => joinCluster(machine, token))]);
  const machines = [
    { machine: controlPlane, dataplane: 'iptables' as const },
    ...workers.flatMap(({ dataplane }, i) => {
      const machine = others[i];
      return machine === undefined ? [] : [{ machine, dataplane }];
    }),
  ];
  await Promise.all(machines.map(({ machine, dataplane }) => configureNode(installing, machine, dataplane)));
  await calicoReady(installing);
  return startedKindCluster({ ...starting, ...access, controlPlane, workers: machines.slice(1) });
}

/** Tells testcontainers. */
function useEngine(docker: Docker): void {
  process.env['DOCKER_HOST'] = docker.host;
  // Where this machine is a container itself, testcontainers would ask for a network that this engine lacks.
  process.env['TESTCONTAINERS_HOST_OVERRIDE'] = 'localhost';
}

/** The engine takes the bridge of the fabric, so hosts outside are on the same network. */
async function createNetwork(): Promise<void> {
  const { container } = await getContainerRuntimeClient();
  await container.dockerode.createNetwork({
    Name: NETWORK,
    IPAM: { Driver: 'default', Config: [{ Subnet: '10.99.0.0/24', Gateway: ROUTER_ADDRESS.v4 }] },
    Options: {
      'com.docker.network.bridge.name': 'br0',
      'com.docker.network.bridge.enable_ip_masquerade': 'false',
    },
  });
}

/** Its network namespace becomes one of the run, so the run's probes, tools and removal reach it. */
async function startMachine(
  { run, docker, image }: Starting,
  name: string,
  address: string,
): Promise<Machine> {
  const containerd = path.join(run.dir, 'containerd', name);
  await linkStore(image, name === CONTROL_PLANE_NAME ? 'control-plane' : 'worker', containerd);
  const link = { network: NETWORK, address };
  const container = await new NodeContainer({ image, name, containerd, link }).start();
  const pid = (await docker.command(['inspect', '--format', '{{.State.Pid}}', container.getId()])).trim();
  await ip([`netns attach ${run.namespace(name)} ${pid}`]);
  await writeSysctls(run.namespace(name), { 'ipv4/ip_forward': '1' });
  return { name, address, container, pid: Number(pid) };
}

async function openAccess({ run, binaries }: Starting, adminConfig: string): Promise<Access> {
  const port = await relayFromLoopback(run, run.namespace('router'), CONTROL_PLANE.v4, API_SERVER_PORT);
  const server = `https://127.0.0.1:${String(port)}`;
  const kubeconfig = path.join(run.dir, 'kubeconfig');
  await writeFile(kubeconfig, adminConfig.replace(/server: .*/, `server: ${server}`), { mode: 0o600 });
  const { clusters } = load(adminConfig) as Kubeconfig;
  const authority = Buffer.from(clusters[0].cluster['certificate-authority-data'], 'base64').toString();
  const call = (args: readonly string[]): Promise<string> =>
    kubectl(binaries.path('kubectl'), kubeconfig, args);
  const { namespace, name } = ADMINISTRATOR;
  await call(['--namespace', namespace, 'create', 'serviceaccount', name]);
  const subject = `--serviceaccount=${namespace}:${name}`;
  await call(['create', 'clusterrolebinding', name, '--clusterrole=cluster-admin', subject]);
  const token = await call(['--namespace', namespace, 'create', 'token', name, '--duration=24h']);
  return { api: connectApi(server, authority, token.trim()), server, authority, kubeconfig, kubectl: call };
}

interface Kubeconfig {
  readonly clusters: readonly [{ readonly cluster: { readonly 'certificate-authority-data': string } }];
}
