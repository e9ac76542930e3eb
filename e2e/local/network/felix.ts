import { mkdir, readdir } from 'node:fs/promises';
import path from 'node:path';
import type { Dataplane } from '../../cluster.ts';
import type { Agent } from '../probes/agent-client.ts';
import { parseMetrics, type Metrics } from './metrics.ts';
import { inPrivate, type Binding } from './in-private.ts';
import type { Run } from '../process/run.ts';
import { startSupervised } from '../process/supervised.ts';
import { waitFor } from '../../wait.ts';

export interface FelixSpec {
  readonly node: string;
  readonly namespace: string;
  readonly dataplane: Dataplane;
  readonly file: string;
  readonly kubeconfig: string;
  /** Further variables of its environment. */
  readonly env: Readonly<Record<string, string>>;
  /** Folders of this machine in its /run. */
  readonly bindings: readonly Binding[];
  /** Serves Felix's metrics to us. They are on the namespace's loopback. */
  readonly agent: Agent;
}

/** Felix on one node. It is restarted whenever it ends because its configuration changed. */
export interface Felix {
  /** Rejects when it ended for another reason. */
  readonly failed: Promise<never>;
  tail(): Promise<string>;
  ready(): Promise<void>;
  /** Resolves when the pod's policy is in the packet filter. */
  programmed(namespace: string, pod: string): Promise<void>;
  /** Resolves when the packet filter contains nothing of the pod any more. */
  forgotten(namespace: string, pod: string): Promise<void>;
}

const METRICS_PORT = 9091;
const READY_WITHIN = 180_000;
/** The metric's value for "in sync with the datastore". */
const IN_SYNC = 3;

export async function startFelix(run: Run, spec: FelixSpec): Promise<Felix> {
  const statusDir = path.join(run.dir, spec.node);
  await mkdir(statusDir, { recursive: true });
  const { failed, tail } = startSupervised(run, {
    name: `felix-${spec.node}`,
    namespace: spec.namespace,
    file: process.execPath,
    args: inPrivate(spec.file, [], spec.bindings),
    env: { ...environment(spec, statusDir), ...spec.env },
  });
  // Felix keeps a file here for each local pod whose policy is programmed. Calico's CNI plugin waits for it
  // too.
  const isNoted = async (namespace: string, pod: string): Promise<boolean> => {
    const files: string[] = await readdir(path.join(statusDir, 'endpoint-status')).catch(() => []);
    return files.includes(`k8s ${encodeURIComponent(`${namespace}/${pod}`)} eth0`);
  };
  const metrics = async (): Promise<Metrics> =>
    parseMetrics(await spec.agent.ask({ op: 'get', port: METRICS_PORT, path: '/metrics' }));
  return {
    failed,
    tail,
    programmed: async (namespace, pod) => {
      await waitFor(async () => (await isNoted(namespace, pod)) || undefined, {
        what: `Felix on ${spec.node} to have programmed pod ${namespace}/${pod}`,
        within: READY_WITHIN,
        every: 20,
        abort: failed,
        explain: tail,
      });
    },
    forgotten: async (namespace, pod) => {
      await waitFor(async () => !(await isNoted(namespace, pod)) || undefined, {
        what: `Felix on ${spec.node} to have removed pod ${namespace}/${pod}`,
        within: READY_WITHIN,
        every: 20,
        abort: failed,
        explain: tail,
      });
    },
    ready: async () => {
      await waitFor(async () => isReady(await metrics()) || undefined, {
        what: `Felix on ${spec.node} to have programmed its first state`,
        within: READY_WITHIN,
        abort: failed,
        explain: tail,
      });
    },
  };
}

function isReady(metrics: Metrics): boolean {
  const inSync = metrics.get('felix_resync_state') === IN_SYNC;
  return inSync && (metrics.get('felix_int_dataplane_apply_time_seconds_count') ?? 0) > 0;
}

function environment(spec: FelixSpec, statusDir: string): Readonly<Record<string, string>> {
  return {
    DATASTORE_TYPE: 'kubernetes',
    KUBECONFIG: spec.kubeconfig,
    FELIX_DATASTORETYPE: 'kubernetes',
    FELIX_FELIXHOSTNAME: spec.node,
    FELIX_NFTABLESMODE: spec.dataplane === 'nftables' ? 'Enabled' : 'Disabled',
    FELIX_IPV6SUPPORT: 'true',
    // It would remove the routes that replace its own for IPv6 (fabric.ts).
    FELIX_REMOVEEXTERNALROUTES: 'false',
    // Without cgo, Felix panics when it cleans up after a BPF dataplane. The name is case-sensitive.
    FELIX_DebugSkipCTLBCleanup: 'true',
    FELIX_XDPENABLED: 'false',
    FELIX_LOGFILEPATH: 'none',
    FELIX_LOGSEVERITYFILE: 'none',
    FELIX_LOGSEVERITYSYS: 'none',
    FELIX_LOGSEVERITYSCREEN: 'info',
    FELIX_USAGEREPORTINGENABLED: 'false',
    FELIX_PROMETHEUSMETRICSENABLED: 'true',
    FELIX_PROMETHEUSMETRICSHOST: '127.0.0.1',
    FELIX_PROMETHEUSMETRICSPORT: String(METRICS_PORT),
    FELIX_ENDPOINTSTATUSPATHPREFIX: statusDir,
  };
}
