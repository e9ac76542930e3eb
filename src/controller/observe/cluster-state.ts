/** Namespaces, nodes and what the API server calls, as plain data for the compiler. */
import { readFileSync } from 'node:fs';
import { readNamespace } from '../../inventory/namespaces.ts';
import { readNode } from '../../inventory/nodes.ts';
import type { StoredObject } from '../../cluster/resource.ts';
import { ifChanged } from '../../cluster/informer/store.ts';
import { DEFAULT_OPERATOR_NAMESPACE } from '../../compiler/names.ts';
import { UNKNOWN_CLUSTER, type Inventory, type NamespaceInfo, type NodeInfo } from '../../inventory/types.ts';
import type { Reading, Unreadable } from '../../inventory/unreadable.ts';
import { ApiServerCallees, type IsNamed } from './api-server-callees.ts';
import { both, LastKnown, type Remembered } from './last-known.ts';
import { Informer, type InformerContext } from '../../cluster/informer/informer.ts';
import { InformerGroup, type Informers } from '../../cluster/informer/informer-group.ts';

const SERVICE_ACCOUNT_NAMESPACE = '/var/run/secrets/kubernetes.io/serviceaccount/namespace';

/**
 * POD_NAMESPACE (the downward API), else the namespace of the mounted ServiceAccount, else
 * clusterfirewall-system.
 */
export function operatorNamespace(env: NodeJS.ProcessEnv, file = SERVICE_ACCOUNT_NAMESPACE): string {
  const fromEnv = env['POD_NAMESPACE'];
  if (fromEnv !== undefined && fromEnv !== '') return fromEnv;
  try {
    const text = readFileSync(file, 'utf8').trim();
    return text === '' ? DEFAULT_OPERATOR_NAMESPACE : text;
  } catch {
    return DEFAULT_OPERATOR_NAMESPACE;
  }
}

export interface StoredNode extends NodeInfo {
  readonly uid: string;
}

function readStoredNode(object: StoredObject): Reading<StoredNode> {
  const { value, flaws } = readNode(object);
  return { value: { ...value, uid: object.metadata.uid }, flaws };
}

type ClusterSnapshot = Omit<Inventory, 'operatorNamespace'> & {
  readonly nodes: readonly StoredNode[];
  readonly unreadable: readonly Unreadable[];
};

/** The parts of the cluster that decide on policies, kept up to date. */
export class ClusterState {
  readonly informers: Informers;
  readonly #namespaces: Informer<NamespaceInfo>;
  readonly #nodes: Informer<Remembered<StoredNode>>;
  readonly #apiServer: ApiServerCallees;

  /**
   * @param isNamed true for a Service that a rule names
   * @param onChange called when something that the compiler sees changed, and not for a node's heartbeat
   */
  constructor(context: InformerContext, isNamed: IsNamed, onChange: () => void) {
    const core = { group: '', version: 'v1' };
    this.#namespaces = new Informer(context, {
      kind: 'Namespace',
      resource: { ...core, plural: 'namespaces' },
      project: readNamespace,
      onChange: ifChanged(onChange),
      onSynced: onChange,
    });
    const lastKnown = new LastKnown<StoredNode>({
      read: readStoredNode,
      keep: (now, before) => ({ ...now, addresses: both(now.addresses, before.addresses) }),
      log: context.log,
    });
    this.#nodes = lastKnown.informer(context, {
      kind: 'Node',
      resource: { ...core, plural: 'nodes' },
      onChange: ifChanged(onChange),
      onSynced: onChange,
    });
    this.#apiServer = new ApiServerCallees(context, isNamed, onChange);
    this.informers = new InformerGroup([this.#namespaces, this.#nodes, this.#apiServer.informers]);
  }

  /** Namespaces and nodes are sorted by name. Calico's configuration is unknown here. */
  snapshot(): ClusterSnapshot {
    const nodes = this.#nodes.store.list();
    const apiServer = this.#apiServer.snapshot();
    return {
      ...UNKNOWN_CLUSTER,
      namespaces: this.#namespaces.store.list(),
      nodes: nodes.map(({ value }) => value),
      ...apiServer,
      unreadable: [...nodes.flatMap(({ unreadable }) => unreadable), ...apiServer.unreadable],
    };
  }

  /** True where nothing can be created: the namespace is absent or being deleted. */
  isClosed(namespace: string): boolean {
    const known = this.#namespaces.store.get(namespace);
    return known === undefined || known.terminating === true;
  }
}
