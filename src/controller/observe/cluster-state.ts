/** Namespaces, nodes and what the API server calls, as plain data for the compiler. */
import { readFileSync } from 'node:fs';
import { readNamespace } from '../../inventory/namespaces.ts';
import { readNode } from '../../inventory/nodes.ts';
import type { StoredObject } from '../../cluster/resource.ts';
import { ifChanged } from '../../cluster/informer/store.ts';
import { DEFAULT_OPERATOR_NAMESPACE } from '../../compiler/names.ts';
import { UNKNOWN_CLUSTER, type Inventory, type NamespaceInfo, type NodeInfo } from '../../inventory/types.ts';
import { ApiServerCallees } from './api-server-callees.ts';
import { Informer, type InformerContext } from '../../cluster/informer/informer.ts';
import { InformerGroup, type Informers } from '../../cluster/informer/informer-group.ts';

const SERVICE_ACCOUNT_NAMESPACE = '/var/run/secrets/kubernetes.io/serviceaccount/namespace';

/** POD_NAMESPACE (the downward API), else the namespace of the mounted ServiceAccount, else clusterfirewall-system. */
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

const projectNode = (object: StoredObject): StoredNode => ({
  ...readNode(object),
  uid: object.metadata.uid,
});

/** The parts of the cluster that decide on policies, kept up to date. */
export class ClusterState {
  readonly informers: Informers;
  readonly #namespaces: Informer<NamespaceInfo>;
  readonly #nodes: Informer<StoredNode>;
  readonly #apiServer: ApiServerCallees;

  /** @param onChange called when something that the compiler sees changed, and not for a node's heartbeat */
  constructor(context: InformerContext, onChange: () => void) {
    const core = { group: '', version: 'v1' };
    this.#namespaces = new Informer(context, {
      kind: 'Namespace',
      resource: { ...core, plural: 'namespaces' },
      project: readNamespace,
      onChange: ifChanged(onChange),
      onSynced: onChange,
    });
    this.#nodes = new Informer(context, {
      kind: 'Node',
      resource: { ...core, plural: 'nodes' },
      project: projectNode,
      onChange: ifChanged(onChange),
      onSynced: onChange,
    });
    this.#apiServer = new ApiServerCallees(context, onChange);
    this.informers = new InformerGroup([this.#namespaces, this.#nodes, this.#apiServer]);
  }

  /** Namespaces and nodes are sorted by name. Calico's configuration is unknown here. */
  snapshot(): Omit<Inventory, 'operatorNamespace'> & { readonly nodes: readonly StoredNode[] } {
    return {
      ...UNKNOWN_CLUSTER,
      namespaces: this.#namespaces.store.list(),
      nodes: this.#nodes.store.list(),
      ...this.#apiServer.snapshot(),
    };
  }

  /** True where nothing can be created: the namespace is absent or being deleted. */
  isClosed(namespace: string): boolean {
    const known = this.#namespaces.store.get(namespace);
    return known === undefined || known.terminating === true;
  }
}
