/** Manifests of a cluster, as `kubectl get namespaces,nodes,… -o yaml` prints them → what the compiler knows of it. */
import { type Path, formatPath } from '../../api/path.ts';
import { hasFlannel, nodeAddresses } from '../../calico/node-addresses.ts';
import {
  BACKEND_SOURCES,
  backendsOf,
  isApiServerSlice,
  projectService,
  sliceAddresses,
} from '../../cluster/backends.ts';
import {
  makesHostEndpoints,
  readBgpPeer,
  readFelixConfiguration,
  readGlobalPolicy,
  readHostEndpoint,
} from '../../cluster/host-sources.ts';
import type { KubernetesObject } from '../../cluster/resource.ts';
import { LABEL_MANAGED_BY, MANAGED_BY } from '../../compiler/names.ts';
import type { Inventory, NamespaceInfo, NodeInfo } from '../../compiler/types.ts';
import { isRecord, valueAt } from '../../json.ts';
import { AddressError, parseCidr } from '../../net/cidr.ts';
import type { Diagnostic } from './findings.ts';
import type { Document } from './load.ts';

/** Kinds that decide on nothing are ignored; of the others, a kind that does not occur is known to be empty. */
export function readInventory(documents: readonly Document[]): {
  readonly inventory: Inventory;
  readonly findings: readonly Diagnostic[];
} {
  const items = documents.flatMap(itemsOf);
  const findings: Diagnostic[] = [];
  const readAll = <T>(kind: string, read: (item: Item) => T): T[] =>
    items
      .filter((item) => item.at('kind') === kind)
      .flatMap((item) => {
        try {
          return [read(item)];
        } catch (error) {
          if (!(error instanceof ItemError)) throw error;
          findings.push(item.finding(kind, error));
          return [];
        }
      });
  const inventory: Inventory = {
    namespaces: readAll('Namespace', readNamespace),
    nodes: readAll('Node', readNode),
    ipPools: readAll('IPPool', readPool).flat(),
    hostEndpoints: readAll('HostEndpoint', (item) => foreign(item, readHostEndpoint)).flat(),
    foreignPolicies: readAll('GlobalNetworkPolicy', (item) => foreign(item, readGlobalPolicy)).flat(),
    felixConfigurations: readAll('FelixConfiguration', (item) => readFelixConfiguration(item.named())),
    bgpPeers: readAll('BGPPeer', (item) => readBgpPeer(item.named())).flat(),
    automaticHostEndpoints: readAll('KubeControllersConfiguration', (item) =>
      makesHostEndpoints(item.named()),
    ).includes(true),
    apiServerBackends: BACKEND_SOURCES.flatMap((source) =>
      readAll(source.kind, (item) => backendsOf(source, item.named())).flat(),
    ),
    services: readAll('Service', (item) => projectService(item.inNamespace())),
    apiServerEndpoints: readAll('EndpointSlice', readSlice).flat(),
  };
  return { inventory, findings };
}

function readNamespace(item: Item): NamespaceInfo {
  const name = item.text('metadata', 'name');
  const labels = item.texts('metadata', 'labels');
  const going = item.at('metadata', 'deletionTimestamp') !== undefined;
  return { name, labels, ...(going && { terminating: true }) };
}

function readNode(item: Item): NodeInfo {
  const count = item.list('status', 'addresses').length;
  const addresses = Array.from({ length: count }, (_, index) => ({
    type: item.text('status', 'addresses', index, 'type'),
    address: item.text('status', 'addresses', index, 'address'),
  }));
  const annotations = item.texts('metadata', 'annotations');
  return {
    name: item.text('metadata', 'name'),
    labels: item.texts('metadata', 'labels'),
    addresses: nodeAddresses({ metadata: { annotations }, status: { addresses } }),
    ...(hasFlannel({ metadata: { annotations } }) && { flannel: true }),
  };
}

/** Nothing for what the operator itself made: it would stand in its own way. */
function foreign<T>(item: Item, read: (object: KubernetesObject) => T): readonly T[] {
  const object = item.named();
  return object.metadata.labels?.[LABEL_MANAGED_BY] === MANAGED_BY ? [] : [read(object)];
}

/** Nothing for a pool that gives pods no addresses: its are those of tunnels, or of Services. */
function readPool(item: Item): readonly string[] {
  const cidr = item.text('spec', 'cidr');
  try {
    parseCidr(cidr);
  } catch (error) {
    if (error instanceof AddressError) throw new ItemError(['spec', 'cidr'], error.message);
    throw error;
  }
  const uses = item.list('spec', 'allowedUses');
  return uses.length === 0 || uses.includes('Workload') ? [cidr] : [];
}

function readSlice(item: Item): readonly string[] {
  const slice = item.inNamespace();
  return isApiServerSlice(slice) ? sliceAddresses(slice) : [];
}

/** `kind: List`, or the typed lists that API servers give. */
function itemsOf(document: Document): Item[] {
  const whole = new Item(document, [], document.value);
  if (!String(whole.at('kind')).endsWith('List')) return [whole];
  const items = whole.at('items');
  if (!Array.isArray(items)) return [whole];
  return items.map((value: unknown, index) => new Item(document, ['items', index], value));
}

/** One thing is not as an API server prints it. */
class ItemError extends Error {
  override readonly name = 'ItemError';
  readonly path: Path;

  constructor(path: Path, message: string) {
    super(message);
    this.path = path;
  }
}

/** One object of an inventory, read with care: the file may be written by hand. */
class Item {
  readonly #document: Document;
  /** In its document: below `items` in a list. */
  readonly #path: Path;
  readonly #value: unknown;

  constructor(document: Document, path: Path, value: unknown) {
    this.#document = document;
    this.#path = path;
    this.#value = value;
  }

  at(...path: Path): unknown {
    return valueAt(this.#value, ...path);
  }

  /** @throws ItemError unless it is a string */
  text(...path: Path): string {
    const value = this.at(...path);
    if (typeof value === 'string') return value;
    throw new ItemError(path, value === undefined ? 'is missing' : 'must be a string');
  }

  /** Absent is empty. @throws ItemError unless every value is a string */
  texts(...path: Path): Readonly<Record<string, string>> {
    const value = this.at(...path) ?? {};
    if (!isRecord(value)) throw new ItemError(path, 'must be a mapping');
    return Object.fromEntries(Object.keys(value).map((key) => [key, this.text(...path, key)]));
  }

  /** Absent is empty. @throws ItemError unless it is a list */
  list(...path: Path): readonly unknown[] {
    const value = this.at(...path) ?? [];
    if (Array.isArray(value)) return value as readonly unknown[];
    throw new ItemError(path, 'must be a list');
  }

  /** The object as it is, for readers that take of it what they find. @throws ItemError without a name */
  named(): KubernetesObject {
    const metadata = { name: this.text('metadata', 'name'), labels: this.texts('metadata', 'labels') };
    return { ...(isRecord(this.#value) ? this.#value : {}), metadata };
  }

  /** The same of a kind that is in a namespace. @throws ItemError without one */
  inNamespace(): KubernetesObject {
    const object = this.named();
    return { ...object, metadata: { ...object.metadata, namespace: this.text('metadata', 'namespace') } };
  }

  finding(kind: string, { path, message }: ItemError): Diagnostic {
    const full = [...this.#path, ...path];
    return {
      severity: 'problem',
      file: this.#document.file,
      line: this.#document.lineOf(full),
      path: formatPath(full),
      message: `${message} in a ${kind}: give what kubectl get -o yaml prints`,
    };
  }
}
