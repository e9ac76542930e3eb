/** How Calico's API is served, and whether that is enough. */
import type { GeneratedKind } from '../../calico/types.ts';
import { ADMIN_POLICY_GROUP, ADMIN_POLICY_KINDS } from '../../inventory/admin-policies.ts';
import { SERVICE_CIDRS } from '../../inventory/api-server.ts';
import type { AdminPolicyKind } from '../../inventory/types.ts';
import type { AdminPolicyVersions } from './other-policies.ts';
import { get } from '../../cluster/objects/apply.ts';
import {
  apiService,
  servedGroups,
  servedResources,
  type ServedResource,
} from '../../cluster/objects/discovery.ts';
import { ApiError, isForbidden } from '../../cluster/errors.ts';
import { isRecord } from '../../json.ts';
import type { Transport } from '../../cluster/http/transport.ts';
import {
  CALICO_GROUP,
  CALICO_VERSION,
  GENERATED_KINDS,
  generatedKinds,
  READ_KINDS,
  type ReadKind,
} from '../objects/kinds.ts';

/** Calico's storage group behind the aggregated API: not validated, not ours to write (calico.md 2.6). */
const STORAGE_GROUP = 'crd.projectcalico.org';
/** Tiers are open source since v3.29 (projectcalico/calico#9085). */
const OLDEST: readonly [number, number] = [3, 29];
/** Since v3.30 (projectcalico/calico#9746); only Observe needs them. */
const STAGED: ReadonlySet<GeneratedKind> = new Set(['StagedGlobalNetworkPolicy', 'StagedNetworkPolicy']);

const readKinds: readonly ReadKind[] = [
  'IPPool',
  'FelixConfiguration',
  'BGPPeer',
  'KubeControllersConfiguration',
];

export interface ServedCalico {
  readonly served: true;
  /**
   * Aggregated: by Calico's API server. Native: from CustomResourceDefinitions. Unknown: RBAC keeps us from
   * seeing it.
   */
  readonly mode: 'Aggregated' | 'Native' | 'Unknown';
  /** The version in Calico's ClusterInformation, for example `v3.31.0`. */
  readonly version: string | undefined;
  readonly kinds: ReadonlySet<GeneratedKind>;
  /** The served ones of those that are only read. Calico without its own IPAM can do without IPPools. */
  readonly read: ReadonlySet<ReadKind>;
  /** Kinds of the group policy.networking.k8s.io that are served. */
  readonly adminPolicies: AdminPolicyVersions;
  /** True where the Tigera operator has installed Calico. */
  readonly isInstallation: boolean;
  /** True where the API server has ServiceCIDRs, as it does since Kubernetes 1.33. */
  readonly hasServiceCIDRs: boolean;
}

export interface UnservedCalico {
  readonly served: false;
  readonly reason: 'CalicoNotInstalled' | 'CalicoAPIServerMissing' | 'CalicoTooOld' | 'CalicoUnavailable';
  /** Names what is missing, and the remedy. */
  readonly message: string;
}

export type CalicoApi = ServedCalico | UnservedCalico;

const unserved = (reason: UnservedCalico['reason'], message: string): UnservedCalico => ({
  served: false,
  reason,
  message,
});

/**
 * Looks at what the API server serves of Calico.
 * @throws TransportError or ApiError when the API server itself does not answer: that says nothing about
 * Calico.
 */
export async function detectCalico(transport: Transport, signal: AbortSignal): Promise<CalicoApi> {
  let resources: readonly ServedResource[] | undefined;
  try {
    resources = await servedResources(transport, CALICO_GROUP, CALICO_VERSION, { signal });
  } catch (error) {
    if (!(error instanceof ApiError) || error.code < 500) throw error;
    return unserved(
      'CalicoUnavailable',
      "Calico's API server does not answer; what is enforced stays enforced. Look at the pods behind the APIService v3.projectcalico.org",
    );
  }
  if (resources === undefined) return absent(transport, signal);
  const missing = missingKinds(resources);
  if (missing.length > 0) return tooOld(`projectcalico.org/v3 has no ${missing.join(', ')}`);
  const version = await calicoVersion(transport, signal);
  if (version !== undefined && isTooOld(version)) return tooOld(`this is ${version}`);
  const names = new Set(resources.map(({ name }) => name));
  const kinds = new Set(generatedKinds.filter((kind) => names.has(GENERATED_KINDS[kind].plural)));
  const [mode, adminPolicies, isInstallation, hasServiceCIDRs] = await Promise.all([
    servedBy(transport, signal),
    adminPolicyVersions(transport, signal),
    hasInstallation(transport, signal),
    servesServiceCIDRs(transport, signal),
  ]);
  return {
    served: true,
    mode,
    version,
    kinds,
    read: new Set(readKinds.filter((kind) => names.has(READ_KINDS[kind]))),
    adminPolicies,
    isInstallation,
    hasServiceCIDRs,
  };
}

const tooOld = (why: string): UnservedCalico =>
  unserved(
    'CalicoTooOld',
    `Calico ${OLDEST.join('.')} or later is needed, for its tiers, and ${why}: upgrade Calico`,
  );

async function absent(transport: Transport, signal: AbortSignal): Promise<UnservedCalico> {
  const groups = new Set((await servedGroups(transport, { signal })).map(({ name }) => name));
  if (groups.has(STORAGE_GROUP)) {
    return unserved(
      'CalicoAPIServerMissing',
      `Calico is here but its API projectcalico.org/v3 is not served: install Calico's API server (with the Tigera operator, an APIServer resource called default)`,
    );
  }
  return unserved(
    'CalicoNotInstalled',
    'this cluster serves neither projectcalico.org/v3 nor crd.projectcalico.org: install Calico with its API server',
  );
}

function missingKinds(resources: readonly ServedResource[]): readonly string[] {
  const names = new Set(resources.map(({ name }) => name));
  return generatedKinds
    .filter((kind) => !STAGED.has(kind))
    .map((kind) => GENERATED_KINDS[kind].plural)
    .filter((plural) => !names.has(plural));
}

async function calicoVersion(transport: Transport, signal: AbortSignal): Promise<string | undefined> {
  const resource = { group: CALICO_GROUP, version: CALICO_VERSION, plural: 'clusterinformations' };
  try {
    const spec = (await get(transport, resource, 'default', { signal }))?.['spec'];
    const version = isRecord(spec) ? spec['calicoVersion'] : undefined;
    return typeof version === 'string' && version !== '' ? version : undefined;
  } catch (error) {
    if (isForbidden(error)) return undefined;
    throw error;
  }
}

/** Each kind has moved from one version to the next, and the group may serve several. */
const ADMIN_POLICY_VERSIONS = ['v1alpha1', 'v1alpha2'];

async function adminPolicyVersions(transport: Transport, signal: AbortSignal): Promise<AdminPolicyVersions> {
  const found: Partial<Record<AdminPolicyKind, string>> = {};
  for (const version of ADMIN_POLICY_VERSIONS) {
    const resources = await servedResources(transport, ADMIN_POLICY_GROUP, version, { signal });
    for (const { kind } of resources ?? []) if (isAdminPolicyKind(kind)) found[kind] = version;
  }
  return found;
}

const isAdminPolicyKind = (kind: string): kind is AdminPolicyKind => Object.hasOwn(ADMIN_POLICY_KINDS, kind);

async function servesServiceCIDRs(transport: Transport, signal: AbortSignal): Promise<boolean> {
  const { group, version, plural } = SERVICE_CIDRS;
  const resources = await servedResources(transport, group, version, { signal });
  return resources?.some(({ name }) => name === plural) === true;
}

const INSTALLATIONS = { group: 'operator.tigera.io', version: 'v1', plural: 'installations' };

/** The Tigera operator has one Installation, which is called default. */
async function hasInstallation(transport: Transport, signal: AbortSignal): Promise<boolean> {
  try {
    return (await get(transport, INSTALLATIONS, 'default', { signal })) !== undefined;
  } catch (error) {
    if (isForbidden(error)) return false;
    throw error;
  }
}

/** False for what is no version of the form `v3.29.1`: builds from a branch carry other names. */
function isTooOld(version: string): boolean {
  const [, major, minor] = /^v?(\d+)\.(\d+)/.exec(version) ?? [];
  if (major === undefined || minor === undefined) return false;
  return Number(major) < OLDEST[0] || (Number(major) === OLDEST[0] && Number(minor) < OLDEST[1]);
}

async function servedBy(transport: Transport, signal: AbortSignal): Promise<ServedCalico['mode']> {
  try {
    const service = await apiService(transport, CALICO_GROUP, CALICO_VERSION, { signal });
    return service.served === 'Aggregated' ? 'Aggregated' : 'Native';
  } catch (error) {
    if (isForbidden(error)) return 'Unknown';
    throw error;
  }
}
