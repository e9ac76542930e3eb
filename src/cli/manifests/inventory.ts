/**
 * Reads manifests of a cluster, as `kubectl get namespaces,nodes,… -o yaml` prints them, into the compiler's
 * inventory.
 */
import { LABEL_MANAGED_BY, MANAGED_BY } from '../../compiler/names.ts';
import {
  BACKEND_SOURCES,
  readApiServerSlice,
  readBackends,
  portsOfServices,
  readNodePorts,
  readService,
  readServiceCIDR,
} from '../../inventory/api-server.ts';
import {
  makesHostEndpoints,
  readBGPPeer,
  readFelixConfiguration,
  readGlobalNetworkPolicy,
  readHostEndpoint,
  readIPPool,
  readTier,
} from '../../inventory/calico.ts';
import { readNamespace } from '../../inventory/namespaces.ts';
import { readNode } from '../../inventory/nodes.ts';
import { readPod, type PodInfo } from '../../inventory/pods.ts';
import type { KubernetesObject } from '../../inventory/object.ts';
import { UNKNOWN } from '../../inventory/known.ts';
import type { Inventory } from '../../inventory/types.ts';
import type { Flaw, Reading } from '../../inventory/unreadable.ts';
import { AddressError, parseCidr } from '../../net/cidr.ts';
import type { Lack } from '../../snapshot/file.ts';
import type { Diagnostic } from './diagnostics.ts';
import { Item, ItemError } from './inventory-items.ts';
import { type Document, unfold } from './load.ts';

interface ReadInventory {
  readonly inventory: Inventory;
  readonly pods: readonly PodInfo[];
  /** NodePorts of Services, as `30080/TCP`. */
  readonly nodePorts: readonly string[];
  readonly diagnostics: readonly Diagnostic[];
}

/**
 * Other kinds are ignored. A kind that does not occur is known to be empty, unless a snapshot says that it lacks
 * the kind.
 */
export function readInventory(documents: readonly Document[], lacks: readonly Lack[] = []): ReadInventory {
  const items = documents.flatMap(unfold).map((document) => new Item(document));
  const diagnostics: Diagnostic[] = [];
  const readAll = <T>(kind: string, read: (item: Item) => T): T[] =>
    items
      .filter((item) => item.at('kind') === kind)
      .flatMap((item) => {
        try {
          return [read(item)];
        } catch (error) {
          if (!(error instanceof ItemError)) throw error;
          diagnostics.push(item.diagnostic(kind, error));
          return [];
        }
      });
  const flaws: Flaw[] = [];
  const noting = <T>(reading: Reading<T>): T => {
    flaws.push(...reading.flaws);
    return reading.value;
  };
  const objects = readAll('Service', (item) => item.namespacedObject());
  const services = objects.map((object) => noting(readService(object)));
  const slices = readAll('EndpointSlice', (item) => noting(readApiServerSlice(item.namespacedObject())));
  const targets = slices.flatMap((slice) => slice.targets);
  const inventory: Inventory = {
    namespaces: readAll('Namespace', (item) => readNamespace(item.object())),
    nodes: readAll('Node', (item) => noting(readNode(nodeIn(item)))),
    ipPools: readAll('IPPool', (item) => noting(readIPPool(poolIn(item)))).flat(),
    hostEndpoints: readAll('HostEndpoint', foreignIn).flat().map(readHostEndpoint),
    foreignPolicies: readAll('GlobalNetworkPolicy', foreignIn).flat().map(readGlobalNetworkPolicy),
    foreignTiers: readAll('Tier', foreignIn).flat().map(readTier),
    felixConfigurations: readAll('FelixConfiguration', (item) =>
      noting(readFelixConfiguration(item.object())),
    ),
    bgpPeers: readAll('BGPPeer', (item) => noting(readBGPPeer(item.object()))).flat(),
    automaticHostEndpoints: readAll('KubeControllersConfiguration', (item) =>
      makesHostEndpoints(item.object()),
    ).includes(true),
    apiServerBackends: BACKEND_SOURCES.flatMap((source) =>
      readAll(source.kind, (item) => readBackends(source, item.object())).flat(),
    ),
    services,
    externalIPs: services.flatMap(({ externalIPs = [] }) => externalIPs).sort(),
    clusterIPs: services.flatMap(({ clusterIPs }) => clusterIPs).sort(),
    serviceCIDRs: readAll('ServiceCIDR', (item) => noting(readServiceCIDR(item.object()))).flat(),
    apiServerEndpoints: slices.flatMap(({ addresses }) => addresses),
    ...(targets.length > 0 && { apiServerTargets: targets }),
    ...portsOfServices(services),
  };
  const unreadable = flaws.map((flaw) => ({ ...flaw, isLost: true }));
  const nodePorts = objects.flatMap(readNodePorts);
  const pods = readAll('Pod', (item) => readPod(item.namespacedObject()));
  const known = { ...inventory, ...(unreadable.length > 0 && { unreadable }), ...unknownOf(lacks) };
  return { pods, nodePorts, inventory: known, diagnostics };
}

/** The parts of the inventory that a snapshot lacks. */
function unknownOf(lacks: readonly Lack[]): Partial<Inventory> {
  const kinds = new Set(lacks.map(({ kind }) => kind));
  const unlistedKinds = BACKEND_KINDS.filter((kind) => kinds.has(kind));
  return {
    ...(kinds.has('Namespace') && { namespaces: UNKNOWN }),
    ...(kinds.has('Node') && { nodes: UNKNOWN }),
    ...(kinds.has('IPPool') && { ipPools: UNKNOWN }),
    ...(kinds.has('EndpointSlice') && { apiServerEndpoints: UNKNOWN }),
    ...(kinds.has('KubeControllersConfiguration') && { automaticHostEndpoints: UNKNOWN }),
    ...(unlistedKinds.length > 0 && { unlistedKinds }),
  };
}

const BACKEND_KINDS = ['Service', ...BACKEND_SOURCES.map(({ kind }) => kind)];

/* The readers take what they find. A file may be written by hand, so a field that decides on rules is checked here first. */

function nodeIn(item: Item): KubernetesObject {
  for (const index of item.list('status', 'addresses').keys()) {
    item.text('status', 'addresses', index, 'type');
    item.text('status', 'addresses', index, 'address');
  }
  const object = item.object();
  return { ...object, metadata: { ...object.metadata, annotations: item.texts('metadata', 'annotations') } };
}

function poolIn(item: Item): KubernetesObject {
  try {
    parseCidr(item.text('spec', 'cidr'));
  } catch (error) {
    if (error instanceof AddressError) throw new ItemError(['spec', 'cidr'], error.message);
    throw error;
  }
  item.list('spec', 'allowedUses');
  return item.object();
}

/** Returns nothing for an object that the operator made, because it does not conflict with itself. */
function foreignIn(item: Item): readonly KubernetesObject[] {
  const object = item.object();
  return object.metadata.labels?.[LABEL_MANAGED_BY] === MANAGED_BY ? [] : [object];
}
