/** Everything that ClusterFirewall has written into a cluster, as it is stored now. */
import { isNotFound } from '../cluster/errors.ts';
import type { Transport } from '../cluster/http/transport.ts';
import { get, list } from '../cluster/objects/apply.ts';
import type { Resource, StoredObject } from '../cluster/resource.ts';
import { LABEL_ENFORCED } from '../compiler/names.ts';
import { FIREWALLS } from '../controller/observe/firewalls.ts';
import { readFailsafes, type StoredFailsafes } from '../controller/observe/stored-failsafes.ts';
import {
  CALICO_GROUP,
  CALICO_VERSION,
  generatedKinds,
  kindResource,
  READ_KINDS,
} from '../controller/objects/kinds.ts';
import { projectLive, type OwnedObject } from '../controller/objects/live.ts';

export interface Remnants {
  /** ClusterFirewalls, those that are being deleted included. */
  readonly firewalls: readonly StoredObject[];
  readonly objects: readonly OwnedObject[];
  /** Names of Nodes with the label that brings their automatic endpoints under our policies. */
  readonly labelledNodes: readonly string[];
  /** Undefined where FelixConfiguration `default` has nothing of ours. */
  readonly failsafes: StoredFailsafes | undefined;
}

export const NODES: Resource = { group: '', version: 'v1', plural: 'nodes' };
const FELIX: Resource = {
  group: CALICO_GROUP,
  version: CALICO_VERSION,
  plural: READ_KINDS.FelixConfiguration,
};

/**
 * Kinds that are not served have no objects.
 * @throws ApiError or TransportError: whoever removes must see everything
 */
export async function remnants(transport: Transport): Promise<Remnants> {
  const [firewalls, nodes, felix, ...objects] = await Promise.all([
    listServed(transport, FIREWALLS),
    list(transport, NODES, { metadataOnly: true }),
    get(transport, FELIX, 'default'),
    ...generatedKinds.map(async (kind) => {
      const project = projectLive(kind, new Set());
      const live = (await listServed(transport, kindResource(kind))).map(project);
      return live.filter((each) => each.ours);
    }),
  ]);
  const failsafes = felix === undefined ? undefined : readFailsafes(felix);
  const narrowed = (failsafes?.former ?? failsafes?.written) !== undefined;
  return {
    firewalls,
    objects: objects.flat(),
    labelledNodes: nodes
      .filter(({ metadata: { labels = {} } }) => labels[LABEL_ENFORCED] !== undefined)
      .map(({ metadata }) => metadata.name),
    failsafes: narrowed ? failsafes : undefined,
  };
}

async function listServed(transport: Transport, resource: Resource): Promise<readonly StoredObject[]> {
  try {
    return await list(transport, resource);
  } catch (error) {
    if (isNotFound(error)) return [];
    throw error;
  }
}
