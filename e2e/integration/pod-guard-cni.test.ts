/** config/pod-guard and Calico's own CNI plugin, with the rights that Calico's manifests give it. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, symlink, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, beforeAll, expect, jest, test } from '@jest/globals';
import type { StartedCluster } from '../cluster.ts';
import { prepareBinaries } from '../local/build/binaries.ts';
import { localCluster } from '../providers/local.ts';
import { waitFor } from '../wait.ts';

jest.setTimeout(120_000);

const GUARD = path.resolve(import.meta.dirname, '../../config/pod-guard');
const POD_IP = 'cni.projectcalico.org/podIP';
const POD_IPS = 'cni.projectcalico.org/podIPs';
const CONTAINER_ID = 'cni.projectcalico.org/containerID';
const NODE = 'worker';
const PLUGIN = 'calico-cni-plugin';
/** From Calico's manifests/calico.yaml. */
const RIGHTS = [
  { apiGroups: [''], resources: ['pods', 'nodes', 'namespaces'], verbs: ['get'] },
  { apiGroups: [''], resources: ['pods/status'], verbs: ['patch'] },
  {
    apiGroups: ['crd.projectcalico.org'],
    resources: [
      ...['blockaffinities', 'ipamblocks', 'ipamhandles', 'clusterinformations', 'ippools'],
      ...['ipreservations', 'ipamconfigs'],
    ],
    verbs: ['get', 'list', 'create', 'update', 'delete'],
  },
];
const rbac = 'rbac.authorization.k8s.io';

let cluster: StartedCluster;
/** Folder of the plugin's configuration and programs. */
let folder: string;

const kubectl = (args: readonly string[], object?: object): Promise<string> =>
  cluster.kubectl([...args, '--namespace', 'team'], object && { input: JSON.stringify(object) });
const create = (object: object): Promise<string> => kubectl(['create', '--filename', '-'], object);

beforeAll(async () => {
  const plugin = (await prepareBinaries(['calico-cni'])).path('calico-cni');
  cluster = await localCluster({ calico: { mode: 'crd-only' }, nodes: [] }).start();
  folder = path.join(cluster.workDir, 'cni');
  await mkdir(folder);
  // The program goes by its name: it is the plugin for networks, and the one for addresses.
  for (const name of ['calico', 'calico-ipam']) await symlink(plugin, path.join(folder, name));
  await cluster.createNamespace('team');
  await create({ apiVersion: 'v1', kind: 'Node', metadata: { name: NODE } });
  await create({ apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: PLUGIN } });
  const role = { apiVersion: `${rbac}/v1`, kind: 'ClusterRole', metadata: { name: PLUGIN }, rules: RIGHTS };
  await create(role);
  await kubectl([
    'create',
    'clusterrolebinding',
    PLUGIN,
    `--clusterrole=${PLUGIN}`,
    `--serviceaccount=team:${PLUGIN}`,
  ]);
  const server = `https://${cluster.controlPlane().address}:6443`;
  const config = {
    name: 'k8s-pod-network',
    cniVersion: '0.3.1',
    type: 'calico',
    datastore_type: 'kubernetes',
    nodename: NODE,
    nodename_file_optional: true,
    log_file_path: path.join(cluster.workDir, 'logs', 'cni.log'),
    ipam_lock_file: path.join(folder, 'ipam.lock'),
    ipam: { type: 'calico-ipam' },
    policy: { type: 'k8s' },
    kubernetes: { kubeconfig: await cluster.serviceAccountKubeconfig('team', PLUGIN, server) },
  };
  await writeFile(path.join(folder, 'config.json'), JSON.stringify(config));
  await kubectl(['apply', '--server-side', '--kustomize', GUARD]);
  const forged = [
    'run',
    'forged',
    '--image=none',
    '--dry-run=server',
    `--annotations=${POD_IPS}=203.0.113.50`,
  ];
  const refused = async (): Promise<true | undefined> =>
    (await kubectl(forged).catch(String)).includes('clusterfirewall-pod-guard') || undefined;
  await waitFor(refused, { what: 'the guard to be in force', within: 60_000 });
}, 600_000);

afterAll(async () => {
  await cluster.stop();
}, 60_000);

/** A network namespace of its own, for as long as the process runs. It must not outlive a killed test run. */
async function startSandbox(): Promise<ChildProcess & { readonly pid: number }> {
  const command = ['--pdeathsig', 'KILL', 'unshare', '--net', 'sh', '-c', 'echo; exec sleep infinity'];
  const child = spawn('setpriv', command, { stdio: ['ignore', 'pipe', 'ignore'] });
  await once(child.stdout, 'data');
  return child as ChildProcess & { readonly pid: number };
}

interface Sandbox {
  readonly pod: string;
  readonly container: string;
  readonly pid: number;
}

/** Runs the plugin as a container runtime does. */
async function plugin(command: 'ADD' | 'DEL', { pod, container, pid }: Sandbox): Promise<string> {
  const environment = [
    `CNI_COMMAND=${command}`,
    `CNI_CONTAINERID=${container}`,
    `CNI_NETNS=/proc/${String(pid)}/ns/net`,
    'CNI_IFNAME=eth0',
    `CNI_PATH=${folder}`,
    `CNI_ARGS=IgnoreUnknown=1;K8S_POD_NAMESPACE=team;K8S_POD_NAME=${pod}`,
  ];
  const shell = [
    'sh',
    '-c',
    'exec "$0" < "$1"',
    path.join(folder, 'calico'),
    path.join(folder, 'config.json'),
  ];
  return cluster.run(cluster.controlPlane(), ['env', ...environment, ...shell]);
}

async function annotations(pod: string): Promise<Readonly<Record<string, string>>> {
  const text = await kubectl(['get', 'pod', pod, '--output', 'jsonpath={.metadata.annotations}']);
  return JSON.parse(text) as Readonly<Record<string, string>>;
}

async function createPod(
  name: string,
  asked: Readonly<Record<string, string>> = { team: 'blue' },
): Promise<void> {
  const spec = { nodeName: NODE, containers: [{ name: 'c', image: 'none' }] };
  const metadata = { name, annotations: asked };
  await create({ apiVersion: 'v1', kind: 'Pod', metadata, spec });
}

test('the plugin gives a pod its addresses and takes them back', async () => {
  await createPod('honest');
  const child = await startSandbox();
  const sandbox = { pod: 'honest', container: 'abc123', pid: child.pid };
  try {
    const result = JSON.parse(await plugin('ADD', sandbox)) as {
      readonly ips: readonly { readonly address: string }[];
    };
    const address = result.ips[0]?.address;
    expect(address).toMatch(/^10\.244\./);
    const written = { team: 'blue', [POD_IP]: address, [POD_IPS]: address, [CONTAINER_ID]: 'abc123' };
    expect(await annotations('honest')).toEqual(written);
    await plugin('DEL', sandbox);
    expect(await annotations('honest')).toEqual({ ...written, [POD_IP]: '', [POD_IPS]: '' });
  } finally {
    child.kill('SIGKILL');
  }
});

test('another container in the annotation keeps it from saying that the addresses are free', async () => {
  await createPod('mixed');
  const child = await startSandbox();
  const sandbox = { pod: 'mixed', container: 'abc123', pid: child.pid };
  try {
    await plugin('ADD', sandbox);
    const before = await annotations('mixed');
    const patch = JSON.stringify({ metadata: { annotations: { [CONTAINER_ID]: 'other' } } });
    await kubectl(['patch', 'pod', 'mixed', '--subresource=status', '--patch', patch]);
    await plugin('DEL', sandbox);
    expect(await annotations('mixed')).toEqual({ ...before, [CONTAINER_ID]: 'other' });
  } finally {
    child.kill('SIGKILL');
  }
});

test('an address on request is a free one of a pool', async () => {
  const child = await startSandbox();
  const ask = async (pod: string, address: string): Promise<string> => {
    await createPod(pod, { 'cni.projectcalico.org/ipAddrs': JSON.stringify([address]) });
    return plugin('ADD', { pod, container: pod, pid: child.pid });
  };
  try {
    await expect(ask('outside', '203.0.113.50')).rejects.toMatchObject({
      stdout: expect.stringContaining('not in a configured pool'),
    });
    await ask('first', '10.244.9.9');
    await expect(ask('second', '10.244.9.9')).rejects.toMatchObject({
      stdout: expect.stringContaining('already'),
    });
    expect((await annotations('second'))[POD_IP]).toBeUndefined();
  } finally {
    child.kill('SIGKILL');
  }
});
