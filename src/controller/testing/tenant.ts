/** A tenant with every right in namespace `evil`. Namespace `victim` is another's. The server is one that the test owns. */
import type { Group, Spec } from '../../api/schema.ts';
import type { GeneratedKind } from '../../calico/types.ts';
import type { KubernetesObject, StoredObject } from '../../cluster/resource.ts';
import type { FakeApiServer } from '../../cluster/testing/fake-api-server.ts';
import { isRecord } from '../../json.ts';
import { Authorship } from '../objects/authorship.ts';
import { kindResource } from '../objects/kinds.ts';
import {
  calicoServer,
  firewallObject,
  namespaceObject,
  NAMESPACES,
  nodeObject,
  NODES,
  OPERATOR_NAMESPACE,
} from './calico-server.ts';
import { API_SERVER_SLICES, SERVICES } from '../../inventory/api-server.ts';
import { FIREWALLS } from '../observe/firewalls.ts';
import { Rounds } from './rounds.ts';

export const EVIL = 'evil';
export const VICTIM = 'victim';
/** A label that only the tenant writes, wherever he can. */
export const MARK = 'tenants-mark';
export const LABELS = {
  'app.kubernetes.io/managed-by': 'clusterfirewall',
  'clusterfirewall.io/firewall': 'default',
};
export const RULES = 'clusterfirewall.io/rules';
/** Native CRDs take any text for a selector. In brackets, this one is everything. */
export const ESCAPE = `has(${MARK})) || (all()`;

/** Both tenants' namespaces, whose pods may talk among themselves. */
export const team: Group = {
  name: 'team',
  namespaceSelector: { matchLabels: { team: 'yes' } },
  isolation: 'SameNamespace',
  connections: [
    {
      name: 'web',
      fromPods: { matchLabels: { app: 'web' } },
      toPods: { matchLabels: { app: 'db' } },
      ports: [80],
    },
  ],
};
export const victims: Group = {
  name: 'victims',
  namespaces: [VICTIM],
  isolation: 'SameNamespace',
  connections: [{ name: 'db', fromPods: {}, toPods: { matchLabels: { app: 'db' } }, ports: [5432] }],
  egress: [{ name: 'out', pods: {}, to: [{ entity: 'World' }], ports: [443] }],
};

export function tenantsCluster(spec: Partial<Spec> = { namespaces: [team, victims] }): FakeApiServer {
  const server = calicoServer();
  for (const name of ['default', 'kube-system', OPERATOR_NAMESPACE])
    server.put(NAMESPACES, namespaceObject(name));
  for (const name of [EVIL, VICTIM]) labelNamespace(server, name, { team: 'yes' });
  server.put(NODES, nodeObject('a', '10.0.0.1', { 'node-role.kubernetes.io/control-plane': '' }));
  server.put(FIREWALLS, firewallObject(spec));
  return server;
}

export const labelNamespace = (
  server: FakeApiServer,
  name: string,
  labels: Readonly<Record<string, string>>,
): StoredObject => server.put(NAMESPACES, { metadata: { name, labels } });

export type NamespacedKind = Extract<GeneratedKind, 'NetworkPolicy' | 'StagedNetworkPolicy'>;

export interface Forged {
  readonly kind?: NamespacedKind;
  readonly name: string;
  readonly rules?: readonly string[];
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly finalizers?: readonly string[];
  readonly manager?: string;
  readonly spec?: object;
}

/** Whatever Calico's kinds in his own namespace let a tenant do. */
export class Tenant {
  readonly #server: FakeApiServer;
  #made = 0;

  constructor(server: FakeApiServer) {
    this.#server = server;
  }

  /** Makes or changes a policy, so that it opens all it can. Ours, too. */
  forge({ kind = 'NetworkPolicy', name, rules = [], manager = 'tenant', ...rest }: Forged): void {
    const { labels = LABELS, annotations = {}, finalizers = [], spec = OPENS } = rest;
    const before = this.#find(kind, name);
    const metadata = {
      name,
      namespace: EVIL,
      uid: before?.metadata.uid ?? `tenants-${String((this.#made += 1))}`,
      labels,
      annotations: { [RULES]: rules.join(','), ...annotations },
      finalizers,
    };
    this.#server.put(kindResource(kind), { ...before, metadata, spec }, manager);
  }

  /** Makes or changes a Service of his namespace, or an EndpointSlice that claims to be behind one. */
  serve(kind: 'Service' | 'EndpointSlice', name: string, fields: object): void {
    const resource = kind === 'Service' ? SERVICES : { ...API_SERVER_SLICES, namespace: EVIL };
    const labels = { 'kubernetes.io/service-name': name, [MARK]: 'yes' };
    this.#server.put(resource, { metadata: { name, namespace: EVIL, labels }, ...fields }, 'tenant');
  }

  /** Changes a stored policy in his namespace in place. */
  edit(
    object: StoredObject,
    change: Partial<KubernetesObject>,
    kind: NamespacedKind = 'NetworkPolicy',
  ): void {
    this.#server.put(kindResource(kind), { ...object, ...change }, 'tenant');
  }

  /** Deletes a policy. One with finalizers only says so. */
  delete({ metadata }: StoredObject, kind: NamespacedKind = 'NetworkPolicy'): void {
    this.#server.collection(kindResource(kind)).delete(`${EVIL}/${metadata.name}`);
  }

  /** The same policy again, which only the server can tell from the first. */
  replay(object: StoredObject, kind: NamespacedKind = 'NetworkPolicy'): void {
    const uid = `tenants-${String((this.#made += 1))}`;
    this.delete(object, kind);
    this.#server.put(kindResource(kind), { ...object, metadata: { ...object.metadata, uid } }, 'tenant');
  }

  /** The policies that are stored in his namespace. */
  policies(kind: NamespacedKind = 'NetworkPolicy'): readonly StoredObject[] {
    return policiesIn(this.#server, EVIL, kind);
  }

  #find(kind: NamespacedKind, name: string): StoredObject | undefined {
    return this.policies(kind).find(({ metadata }) => metadata.name === name);
  }
}

export const OPENS = {
  tier: 'default',
  order: 1,
  selector: ESCAPE,
  types: ['Ingress', 'Egress'],
  ingress: [{ action: 'Allow' }],
  egress: [{ action: 'Allow', destination: { selector: `has(${MARK})` } }],
};

export const policiesIn = (
  server: FakeApiServer,
  namespace: string,
  kind: NamespacedKind = 'NetworkPolicy',
): readonly StoredObject[] =>
  [...server.collection(kindResource(kind)).objects().values()].filter(
    ({ metadata }) => metadata.namespace === namespace,
  );

export interface TimedWrite {
  /** Milliseconds of the rounds' clock. */
  readonly at: number;
  readonly method: string;
  readonly path: string;
  readonly spec: unknown;
}

/** Rounds whose writes are noted with their times, and that remember the keys of those before them. */
export function watchedRounds(server: FakeApiServer, before?: Authorship) {
  const authorship = new Authorship();
  authorship.learn(before?.keys);
  const rounds = new Rounds(server, { authorship });
  const writes: TimedWrite[] = [];
  server.fault = ({ method, path, body }) => {
    const spec = isRecord(body) ? body['spec'] : undefined;
    if (method !== 'GET' && !path.endsWith('/status'))
      writes.push({ at: rounds.clock.now(), method, path, spec });
    return undefined;
  };
  return { authorship, rounds, writes };
}

/** True for a write in the tenant's namespace. */
export const isTenants = ({ path }: Pick<TimedWrite, 'path'>): boolean =>
  path.includes(`/namespaces/${EVIL}/`);
