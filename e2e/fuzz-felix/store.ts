/** Writes and reads the stored objects of one round. */
import { isRecord } from '../../src/json.ts';
import { isNotFound } from '../../src/cluster/errors.ts';
import type { Transport } from '../../src/cluster/http/transport.ts';
import type { KubernetesObject } from '../../src/cluster/resource.ts';
import { forEachLimit } from '../../src/cluster/parallel.ts';

/** An object that a round writes. */
export interface RoundObject extends KubernetesObject {
  readonly apiVersion: string;
  readonly kind: string;
}

/** Only the objects of a round have it. */
export const ROUND_LABEL = 'fuzz-felix/round';
const AT_ONCE = 8;

interface Kind {
  readonly apiVersion: string;
  readonly plural: string;
  readonly namespaced: boolean;
}

const CRD = 'crd.projectcalico.org/v1';
const POLICY = 'policy.networking.k8s.io/v1alpha1';
const kind = (apiVersion: string, plural: string, namespaced = false): Kind => ({
  apiVersion,
  plural,
  namespaced,
});

/** Kinds that rounds write. */
const WRITTEN: Readonly<Record<string, Kind>> = {
  Tier: kind(CRD, 'tiers'),
  GlobalNetworkSet: kind(CRD, 'globalnetworksets'),
  'crd NetworkSet': kind(CRD, 'networksets', true),
  HostEndpoint: kind(CRD, 'hostendpoints'),
  GlobalNetworkPolicy: kind(CRD, 'globalnetworkpolicies'),
  'crd NetworkPolicy': kind(CRD, 'networkpolicies', true),
  StagedGlobalNetworkPolicy: kind(CRD, 'stagedglobalnetworkpolicies'),
  'k8s NetworkPolicy': kind('networking.k8s.io/v1', 'networkpolicies', true),
  AdminNetworkPolicy: kind(POLICY, 'adminnetworkpolicies'),
  BaselineAdminNetworkPolicy: kind(POLICY, 'baselineadminnetworkpolicies'),
  FelixConfiguration: kind(CRD, 'felixconfigurations'),
  Service: kind('v1', 'services', true),
  EndpointSlice: kind('discovery.k8s.io/v1', 'endpointslices', true),
};

/** Kinds that the simulator reads in addition. */
const READ: readonly Kind[] = [
  ...Object.values(WRITTEN),
  kind('v1', 'namespaces'),
  kind('v1', 'serviceaccounts', true),
  kind('v1', 'pods', true),
  kind('v1', 'nodes'),
  kind(CRD, 'ippools'),
];

const root = (apiVersion: string): string =>
  apiVersion.includes('/') ? `/apis/${apiVersion}` : `/api/${apiVersion}`;

function kindOf({ kind: name, apiVersion }: RoundObject): Kind {
  const prefix = apiVersion.startsWith('crd.') ? 'crd' : 'k8s';
  const found = WRITTEN[name] ?? WRITTEN[`${prefix} ${name}`];
  if (found === undefined) throw new Error(`rounds do not write objects of kind ${name}`);
  return found;
}

function collection({ apiVersion, plural }: Kind, namespace?: string): string {
  return `${root(apiVersion)}${namespace === undefined ? '' : `/namespaces/${namespace}`}/${plural}`;
}

function pathOf(object: RoundObject): string {
  return `${collection(kindOf(object), object.metadata.namespace)}/${object.metadata.name}`;
}

export async function createAll(client: Transport, objects: readonly RoundObject[]): Promise<void> {
  await forEachLimit(objects, AT_ONCE, async (object) => {
    const path = collection(kindOf(object), object.metadata.namespace);
    await client.request({ method: 'POST', path, body: object });
  });
}

/** One that is not there is what was wanted: a write before it may have failed, which is the error to show. */
export async function removeAll(client: Transport, objects: readonly RoundObject[]): Promise<void> {
  await forEachLimit(objects, AT_ONCE, async (object) => {
    await client.request({ method: 'DELETE', path: pathOf(object) }).catch((error: unknown) => {
      if (!isNotFound(error)) throw error;
    });
  });
}

/** Replaces labels of an object that stays. */
export async function label(
  client: Transport,
  path: string,
  labels: Readonly<Record<string, string | null>>,
): Promise<void> {
  await client.request({
    method: 'PATCH',
    path,
    body: { metadata: { labels } },
    contentType: 'application/merge-patch+json',
  });
}

/** Everything that is stored now, as the API server gives it. */
export async function readAll(client: Transport): Promise<readonly RoundObject[]> {
  const lists = await Promise.all(
    READ.map(async (each): Promise<readonly RoundObject[]> => {
      const { body } = await client.request({ method: 'GET', path: collection(each) });
      const {
        kind: list,
        apiVersion,
        items,
      } = body as { kind: string; apiVersion: string; items: RoundObject[] };
      return items
        .filter((item) => isRecord(item))
        .map((item) => ({ ...item, apiVersion, kind: list.replace(/List$/, '') }));
    }),
  );
  return lists.flat();
}
