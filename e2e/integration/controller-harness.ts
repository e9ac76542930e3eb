/** A cluster with the operator's manifests, and the queries of the controller's tests. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { Status } from '../../src/api/status.ts';
import { get, list } from '../../src/cluster/objects/apply.ts';
import { isNotFound } from '../../src/cluster/errors.ts';
import type { KubernetesObject } from '../../src/cluster/resource.ts';
import type { Transport } from '../../src/cluster/http/transport.ts';
import { FIREWALLS } from '../../src/controller/observe/firewalls.ts';
import { generatedKinds, kindResource } from '../../src/controller/objects/kinds.ts';
import type { CalicoMode, StartedCluster } from '../cluster.ts';
import { waitFor } from '../wait.ts';
import {
  installManifests,
  startOperator,
  type OperatorIdentity,
  type StartedOperator,
} from '../harness/operator-process.ts';
import { localCluster } from '../providers/local.ts';
import { connect } from '../harness/connect.ts';
import { MUTATING_POLICIES } from '../harness/mutating-policies.ts';
import { nativeCrdsFolder } from '../harness/native-crds.ts';

const WITHIN = 120_000;
const AUDIT_SETTLES_MS = 250;

/** Writes of the operator only, in the order of their answers. */
const auditPolicy = (identity: OperatorIdentity, rules: readonly object[]): object => ({
  apiVersion: 'audit.k8s.io/v1',
  kind: 'Policy',
  omitStages: ['RequestReceived'],
  rules: [
    ...rules,
    { level: 'Metadata', users: [userOf(identity)], verbs: ['create', 'update', 'patch', 'delete'] },
    { level: 'None' },
  ],
});

/** The name of a ServiceAccount for RBAC. */
export const userOf = ({ namespace, serviceAccount }: OperatorIdentity): string =>
  `system:serviceaccount:${namespace}:${serviceAccount}`;

/** The same as in config/manager. It is checked against the manifests after they are installed. */
export const IDENTITY: OperatorIdentity = {
  namespace: 'clusterfirewall-system',
  serviceAccount: 'clusterfirewall',
};

export interface Write {
  readonly verb: string;
  /** For example `globalnetworkpolicies/cfw-default-…` or `clusterfirewalls/default/status`. */
  readonly target: string;
  readonly code: number;
  /** POD_NAME of the writing operator, from its User-Agent. */
  readonly instance: string;
  /** Time at which the API server received it: RFC 3339 with six digits, so texts compare like times. */
  readonly receivedAt: string;
}

export interface RigOptions {
  /** The folder of config that is installed. Default `default`. */
  readonly manifests?: string;
  /** Rules of the audit policy, before the one for the operator's writes. */
  readonly audit?: readonly object[];
  /** Controllers of kube-controller-manager. */
  readonly controllers?: readonly string[];
}

export interface Rig extends AsyncDisposable {
  readonly cluster: StartedCluster;
  /** The administrator's client. */
  readonly transport: Transport;
  readonly operator: StartedOperator;
  /** Stops the operator with SIGTERM and starts it again. Resolves to the way in which it ended. */
  restart(): Promise<string>;
  stopOperator(): Promise<string>;
  apply(...objects: readonly object[]): Promise<void>;
  list(kinds: string, ...args: readonly string[]): Promise<readonly KubernetesObject[]>;
  /** Generated objects that carry the firewall's label. */
  generated(firewall?: string): Promise<readonly KubernetesObject[]>;
  status(firewall?: string): Promise<Status | undefined>;
  /** Waits until the status of the current generation satisfies `wanted`. */
  statusThat(wanted: (status: Status) => boolean, what: string, firewall?: string): Promise<Status>;
  ready(firewall?: string): Promise<Status>;
  /** Writes of the operator since its first start, without renewals of its lease. */
  writes(): Promise<readonly Write[]>;
  /** Everything that was audited, as it was logged. */
  audited(): Promise<readonly AuditEvent[]>;
  /** Renewals of the lease, and attempts to take it. */
  leaseWrites(): Promise<readonly Write[]>;
  /** Deletes all ClusterFirewalls. Resolves when no generated object is left. */
  clear(): Promise<void>;
  /** Lines of the operator's log with this message, since its first start. */
  logged(message: string): Promise<readonly Readonly<Record<string, unknown>>[]>;
}

/**
 * The way in which Calico is served. `native` uses Calico's own CRDs if they are available: see
 * native-crds.ts.
 */
export type RigMode = CalicoMode['mode'];

/** Starts the cluster and the operator, under its own ServiceAccount with the RBAC of config/default. */
export async function startRig(mode: RigMode, options: RigOptions = {}): Promise<Rig> {
  const { manifests = 'default', controllers = [] } = options;
  const folder = await mkdtemp(path.join(tmpdir(), 'controller-rig-'));
  const [policy, audit] = [path.join(folder, 'policy.json'), path.join(folder, 'audit.log')];
  await writeFile(policy, JSON.stringify(auditPolicy(IDENTITY, options.audit ?? [])));
  const apiServerArgs = [`--audit-policy-file=${policy}`, `--audit-log-path=${audit}`, ...MUTATING_POLICIES];
  const calico: CalicoMode =
    mode === 'native' ? { mode, crds: await nativeCrdsFolder(path.join(folder, 'crds')) } : { mode };
  const cluster = await localCluster({ calico, nodes: [], apiServerArgs, controllers }).start();
  try {
    const identity = await installManifests(cluster, manifests);
    if (JSON.stringify(identity) !== JSON.stringify(IDENTITY))
      throw new Error('config/manager runs as somebody else: change IDENTITY');
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
  const transport = connect(cluster.kubeconfig);
  const questions = questionsTo(cluster, transport);
  return {
    ...questions,
    cluster,
    transport,
    get operator() {
      return parts.operator;
    },
    stopOperator: () => parts.operator.stop(),
    async restart() {
      const how = await parts.operator.stop();
      parts.operator = await startOperator(cluster, identity);
      return how;
    },
    audited: () => readAudit(audit),
    writes: async () => (await readAudit(audit)).map(writeOf).filter((write) => !isLease(write)),
    leaseWrites: async () => (await readAudit(audit)).map(writeOf).filter(isLease),
    async logged(message) {
      const text = await readFile(parts.operator.logFile, 'utf8');
      const lines = text.split('\n').filter((line) => line.startsWith('{'));
      return lines
        .map((line) => JSON.parse(line) as Record<string, unknown>)
        .filter(({ msg }) => msg === message);
    },
    async [Symbol.asyncDispose]() {
      await parts.operator.stop();
      await transport.close();
      await cluster.stop();
      await rm(folder, { recursive: true });
    },
  };
}

type Questions = Pick<Rig, 'apply' | 'list' | 'generated' | 'status' | 'statusThat' | 'ready' | 'clear'>;

function questionsTo(cluster: StartedCluster, transport: Transport): Questions {
  const firewall = (name: string): Promise<KubernetesObject | undefined> => get(transport, FIREWALLS, name);
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
    async list(kinds, ...args) {
      const all = ['--all-namespaces', '--show-managed-fields', '-o', 'json'];
      const text = await cluster.kubectl(['get', kinds, ...all, ...args]);
      return (JSON.parse(text) as { readonly items: readonly KubernetesObject[] }).items;
    },
    generated: (name = 'default') => labelled(transport, `clusterfirewall.io/firewall=${name}`),
    status: async (name = 'default') => (await firewall(name))?.['status'] as Status | undefined,
    statusThat,
    ready: (name = 'default') => statusThat((status) => isTrue(status, 'Ready'), 'Ready', name),
    async clear() {
      await cluster.kubectl(['delete', 'clusterfirewalls', '--all', '--timeout=60s']);
      const left = await labelled(transport, 'clusterfirewall.io/firewall');
      if (left.length > 0)
        throw new Error(`left behind: ${left.map(({ metadata }) => metadata.name).join()}`);
    },
  };
}

/** Stored objects of the generated kinds. A kind that is not served has none. */
async function labelled(transport: Transport, labelSelector: string): Promise<readonly KubernetesObject[]> {
  const lists = generatedKinds.map(async (kind) => {
    try {
      const items = await list(transport, kindResource(kind), { labelSelector });
      return items.map((item) => ({ ...item, kind }));
    } catch (error) {
      if (isNotFound(error)) return [];
      throw error;
    }
  });
  return (await Promise.all(lists)).flat();
}

/** An entry of the API server's audit log. */
export interface AuditEvent {
  readonly verb: string;
  readonly user: { readonly username: string };
  readonly objectRef: {
    readonly apiGroup?: string;
    readonly resource: string;
    readonly namespace?: string;
    readonly name?: string;
    readonly subresource?: string;
  };
  readonly requestObject?: unknown;
  readonly responseStatus?: { readonly code: number };
  readonly userAgent?: string;
  readonly requestReceivedTimestamp: string;
}

const isLease = ({ target }: Write): boolean => target.startsWith('leases');

/**
 * The server logs a request after its answer, and the stored result can be visible earlier. Read the log when
 * no more lines arrive.
 */
async function readAudit(file: string): Promise<readonly AuditEvent[]> {
  const read = () => readFile(file, 'utf8').catch(() => '');
  let text = await read();
  for (let before = ''; text.length !== before.length;) {
    before = text;
    await delay(AUDIT_SETTLES_MS);
    text = await read();
  }
  return parseAudit(text);
}

/** Parses whole lines, because the last one may be incomplete. */
const parseAudit = (text: string): readonly AuditEvent[] =>
  text
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line) as AuditEvent);

const writeOf = ({
  verb,
  objectRef: { resource, name, subresource },
  responseStatus,
  ...event
}: AuditEvent): Write => ({
  verb,
  target: [resource, name, subresource].filter((part) => part !== undefined).join('/'),
  code: responseStatus?.code ?? 0,
  instance: /^clusterfirewall \((.*)\)$/.exec(event.userAgent ?? '')?.[1] ?? '',
  receivedAt: event.requestReceivedTimestamp,
});

export const conditionOf = (status: Status, type: string) =>
  status.conditions?.find((each) => each.type === type);

export const isTrue = (status: Status, type: string): boolean => conditionOf(status, type)?.status === 'True';

/** Waits until `look` is true. */
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
