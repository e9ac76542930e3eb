/** A cluster with the operator's manifests in it, and the questions that the controller's tests ask of it. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { Status } from '../../src/api/status.ts';
import type { KubernetesObject } from '../../src/cluster/resource.ts';
import type { CalicoMode, StartedCluster } from '../cluster.ts';
import { waitFor } from '../local/wait.ts';
import {
  installManifests,
  startOperator,
  type OperatorIdentity,
  type StartedOperator,
} from '../operator-process.ts';
import { localCluster } from '../providers/local.ts';

const WITHIN = 60_000;

/** Writes of the operator only, in the order in which they were answered. */
const auditPolicy = ({ namespace, serviceAccount }: OperatorIdentity): object => ({
  apiVersion: 'audit.k8s.io/v1',
  kind: 'Policy',
  omitStages: ['RequestReceived'],
  rules: [
    {
      level: 'Metadata',
      users: [`system:serviceaccount:${namespace}:${serviceAccount}`],
      verbs: ['create', 'update', 'patch', 'delete'],
    },
    { level: 'None' },
  ],
});

/** As config/manager has it; checked against the manifests once they are installed. */
const IDENTITY: OperatorIdentity = { namespace: 'clusterfirewall-system', serviceAccount: 'clusterfirewall' };

const GENERATED =
  'tiers.projectcalico.org,globalnetworksets.projectcalico.org,globalnetworkpolicies.projectcalico.org,networkpolicies.projectcalico.org,stagedglobalnetworkpolicies.projectcalico.org,stagednetworkpolicies.projectcalico.org';

export interface Write {
  readonly verb: string;
  /** For example `globalnetworkpolicies/cfw-default-…` or `clusterfirewalls/default/status`. */
  readonly target: string;
  readonly code: number;
}

export interface Rig extends AsyncDisposable {
  readonly cluster: StartedCluster;
  readonly operator: StartedOperator;
  /** Stops the operator with SIGTERM and starts it anew. Resolves to how it ended. */
  restart(): Promise<string>;
  stopOperator(): Promise<string>;
  apply(...objects: readonly object[]): Promise<void>;
  list(kinds: string, ...args: readonly string[]): Promise<readonly KubernetesObject[]>;
  /** Generated objects that carry the firewall's label. */
  generated(firewall?: string): Promise<readonly KubernetesObject[]>;
  status(firewall?: string): Promise<Status | undefined>;
  /** Waits until the status of the present generation fulfils `wanted`. */
  statusThat(wanted: (status: Status) => boolean, what: string, firewall?: string): Promise<Status>;
  ready(firewall?: string): Promise<Status>;
  /** What the operator has written since it was first started. */
  writes(): Promise<readonly Write[]>;
  /** Lines of the operator's log with this message. */
  logged(message: string): Promise<readonly Readonly<Record<string, unknown>>[]>;
}

/** Starts the cluster and, under its own ServiceAccount with the RBAC of config/default, the operator. */
export async function startRig(calico: CalicoMode): Promise<Rig> {
  const folder = await mkdtemp(path.join(tmpdir(), 'controller-rig-'));
  const [policy, audit] = [path.join(folder, 'policy.json'), path.join(folder, 'audit.log')];
  await writeFile(policy, JSON.stringify(auditPolicy(IDENTITY)));
  const apiServerArgs = [`--audit-policy-file=${policy}`, `--audit-log-path=${audit}`];
  const cluster = await localCluster({ calico, nodes: [], apiServerArgs }).start();
  try {
    const identity = await installManifests(cluster);
    if (JSON.stringify(identity) !== JSON.stringify(IDENTITY))
      throw new Error('config/default runs as somebody else: change IDENTITY');
    await cluster.createNamespace('wordpress');
    return rig({ cluster, identity, audit, folder, operator: await startOperator(cluster, identity) });
  } catch (error) {
    await cluster.stop();
    throw error;
  }
}

interface Parts {
  readonly cluster: StartedCluster;
  readonly identity: OperatorIdentity;
  readonly audit: string;
  readonly folder: string;
  operator: StartedOperator;
}

function rig(parts: Parts): Rig {
  const { cluster, identity, audit, folder } = parts;
  const questions = questionsTo(cluster);
  return {
    ...questions,
    cluster,
    get operator() {
      return parts.operator;
    },
    stopOperator: () => parts.operator.stop(),
    async restart() {
      const how = await parts.operator.stop();
      parts.operator = await startOperator(cluster, identity);
      return how;
    },
    writes: async () => parseAudit(await readFile(audit, 'utf8').catch(() => '')),
    async logged(message) {
      const text = await readFile(parts.operator.logFile, 'utf8');
      const lines = text.split('\n').filter((line) => line.startsWith('{'));
      return lines
        .map((line) => JSON.parse(line) as Record<string, unknown>)
        .filter(({ msg }) => msg === message);
    },
    async [Symbol.asyncDispose]() {
      await parts.operator.stop();
      await cluster.stop();
      await rm(folder, { recursive: true });
    },
  };
}

type Questions = Pick<Rig, 'apply' | 'list' | 'generated' | 'status' | 'statusThat' | 'ready'>;

function questionsTo(cluster: StartedCluster): Questions {
  const list: Rig['list'] = async (kinds, ...args) => {
    const all = ['--all-namespaces', '--show-managed-fields', '-o', 'json'];
    const text = await cluster.kubectl(['get', kinds, ...all, ...args]);
    return (JSON.parse(text) as { readonly items: readonly KubernetesObject[] }).items;
  };
  const firewall = async (name: string): Promise<KubernetesObject | undefined> =>
    (await list('clusterfirewalls')).find(({ metadata }) => metadata.name === name);
  const statusThat: Rig['statusThat'] = (wanted, what, name = 'default') =>
    waitFor(
      async () => {
        const object = await firewall(name);
        const status = object?.['status'] as Status | undefined;
        const isCurrent = status?.observedGeneration === object?.metadata.generation;
        return status !== undefined && isCurrent && wanted(status) ? status : undefined;
      },
      {
        what: `the status of ${name}: ${what}`,
        within: WITHIN,
        explain: async () => JSON.stringify((await firewall(name))?.['status'], null, 1),
      },
    );
  return {
    async apply(...objects) {
      const input = JSON.stringify({ apiVersion: 'v1', kind: 'List', items: objects });
      await cluster.kubectl(['apply', '--server-side', '--force-conflicts', '-f', '-'], { input });
    },
    list,
    generated: (name = 'default') => list(GENERATED, '-l', `clusterfirewall.io/firewall=${name}`),
    status: async (name = 'default') => (await firewall(name))?.['status'] as Status | undefined,
    statusThat,
    ready: (name = 'default') => statusThat((status) => isTrue(status, 'Ready'), 'Ready', name),
  };
}

interface AuditEvent {
  readonly verb: string;
  readonly objectRef: { readonly resource: string; readonly name?: string; readonly subresource?: string };
  readonly responseStatus?: { readonly code: number };
}

const parseAudit = (text: string): readonly Write[] =>
  text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as AuditEvent)
    .map(({ verb, objectRef: { resource, name, subresource }, responseStatus }) => ({
      verb,
      target: [resource, name, subresource].filter((part) => part !== undefined).join('/'),
      code: responseStatus?.code ?? 0,
    }));

export const conditionOf = (status: Status, type: string) =>
  status.conditions?.find((each) => each.type === type);

export const isTrue = (status: Status, type: string): boolean => conditionOf(status, type)?.status === 'True';

/** Waits until `look` is true of what there is. */
export const eventually = async (look: () => Promise<boolean>, what: string): Promise<void> => {
  await waitFor(async () => ((await look()) ? true : undefined), { what, within: WITHIN });
};

export const rule = (name: string, from: object = { peer: 'ingress' }) => ({
  name,
  pods: { matchLabels: { app: 'wordpress' } },
  from: [from],
  ports: [80],
});

/** A firewall with a rule in one namespace, a connection, and the default deny. */
export const firewall = (spec: object = {}, name = 'default') => ({
  apiVersion: 'clusterfirewall.io/v1alpha1',
  kind: 'ClusterFirewall',
  metadata: { name },
  spec: {
    mode: 'Enforce',
    peers: [{ name: 'ingress', pods: { namespaceSelector: { matchLabels: { role: 'ingress' } } } }],
    namespaces: [{ name: 'blog', namespaces: ['wordpress'], ingress: [rule('web')] }],
    ...spec,
  },
});
