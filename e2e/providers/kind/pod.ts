/** Pods under a real kubelet, with one of our agents in each pod's network namespace. */
import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import type { PodSpec, StartedPod } from '../../cluster.ts';
import type { Api } from '../../local/control-plane/api.ts';
import { startEndpoint } from '../../local/network/endpoint.ts';
import { startAgent } from '../../local/probes/agent-client.ts';
import { ip } from '../../local/process/netns.ts';
import type { Run } from '../../local/process/run.ts';
import { waitFor } from '../../wait.ts';
import { PAUSE_IMAGE } from './node-image.ts';

const WITHIN = 120_000;
const EVERY = 100;

/** The machine of a pod. */
export interface PodNode {
  readonly name: string;
  readonly address: string;
  /** The process identifier of the machine's first process, on this machine. */
  readonly pid: number;
}

interface PodStatus {
  readonly metadata: { readonly uid: string };
  readonly status: {
    readonly phase?: string;
    readonly podIPs?: readonly { readonly ip: string }[];
    readonly containerStatuses?: readonly { readonly ready: boolean; readonly state: object }[];
  };
}

/**
 * The pod of the API, which the scheduler and kubelet start, and its echo servers. Resolves when its node has
 * programmed it. The servers run in its network namespace, outside its container, as everything that a test
 * runs there. kubelet probes the first one of them.
 */
export async function startKindPod(run: Run, api: Api, spec: PodSpec, node: PodNode): Promise<StartedPod> {
  const name = `${spec.namespace}.${spec.name}`;
  const route = podPath(spec);
  await api.apply(route, podObject(spec, node.name));
  const { uid, addresses } = await runningPod(api, route);
  const namespace = run.namespace(name);
  await ip([`netns attach ${namespace} ${String(await processOf(uid))}`]);
  // Hosts outside reach pods through the router of the fabric.
  await ip(
    addresses.map((address) => `route replace ${address} via ${node.address}`),
    run.namespace('router'),
  );
  const agent = startAgent(run, namespace, name);
  const endpoint = startEndpoint(name, addresses, agent);
  await endpoint.listen((spec.ports ?? []).filter(({ echo }) => echo !== false));
  await isProgrammed(node, spec, true);
  return {
    ...endpoint,
    namespace: spec.namespace,
    node: node.name,
    delete: async () => {
      agent.child.process.kill('SIGKILL');
      await agent.child.ended;
      await api.delete(`${route}?gracePeriodSeconds=0`);
      await ip([`netns delete ${namespace}`]);
      await isProgrammed(node, spec, false);
    },
  };
}

const podPath = (spec: PodSpec): string => `/api/v1/namespaces/${spec.namespace}/pods/${spec.name}`;

function podObject(spec: PodSpec, node: string): object {
  const probed = (spec.ports ?? []).find(({ protocol, echo }) => protocol !== 'UDP' && echo !== false);
  const ports = (spec.ports ?? []).map(({ port, protocol = 'TCP', name }) => ({
    containerPort: port,
    protocol,
    ...(name === undefined ? {} : { name }),
  }));
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: spec.name, namespace: spec.namespace, labels: spec.labels ?? {} },
    spec: {
      nodeSelector: { 'kubernetes.io/hostname': node },
      automountServiceAccountToken: false,
      terminationGracePeriodSeconds: 0,
      containers: [
        {
          name: 'pause',
          image: PAUSE_IMAGE,
          imagePullPolicy: 'Never',
          ports,
          ...(probed === undefined ? {} : { readinessProbe: readinessProbe(probed.port) }),
        },
      ],
    },
  };
}

/** kubelet connects from the node. A single failure makes the pod unready. */
const readinessProbe = (port: number): object => ({
  tcpSocket: { port },
  periodSeconds: 2,
  timeoutSeconds: 5,
  failureThreshold: 1,
});

async function runningPod(
  api: Api,
  route: string,
): Promise<{ readonly uid: string; readonly addresses: readonly string[] }> {
  let last: PodStatus | undefined;
  return waitFor(
    async () => {
      last = (await api.get(route)) as PodStatus;
      const { phase, podIPs = [] } = last.status;
      if (phase !== 'Running' || podIPs.length === 0) return undefined;
      return { uid: last.metadata.uid, addresses: podIPs.map((each) => each.ip) };
    },
    {
      what: `${route} to run`,
      within: WITHIN,
      every: EVERY,
      explain: () => Promise.resolve(JSON.stringify(last?.status, undefined, 1)),
    },
  );
}

/**
 * A process of the pod, as this machine numbers it. All of them have the pod's network, and are in a control
 * group with the pod's identifier in its name.
 */
async function processOf(uid: string): Promise<number> {
  return waitFor(
    async () => {
      for (const pid of (await readdir('/proc')).filter((name) => /^\d+$/.test(name))) {
        const groups = await readFile(`/proc/${pid}/cgroup`, 'utf8').catch(() => '');
        if (groups.includes(`pod${uid}`)) return Number(pid);
      }
      return undefined;
    },
    { what: `a process of pod ${uid}`, within: WITHIN, every: EVERY },
  );
}

/** Felix keeps a file on the node for each of its pods whose policy is programmed. */
async function isProgrammed(node: PodNode, { namespace, name }: PodSpec, wanted: boolean): Promise<void> {
  const folder = path.join('/proc', String(node.pid), 'root/run/calico/endpoint-status');
  const file = `k8s ${encodeURIComponent(`${namespace}/${name}`)} eth0`;
  await waitFor(
    async () => {
      const files: readonly string[] = await readdir(folder).catch(() => []);
      return files.includes(file) === wanted || undefined;
    },
    { what: `Felix on ${node.name} to know of pod ${namespace}/${name}: ${String(wanted)}`, within: WITHIN },
  );
}
