/**
 * CustomResourceDefinitions of `projectcalico.org/v3`: Calico's own where they are available, otherwise
 * minimal ones for the operator.
 */
import { existsSync, readdirSync } from 'node:fs';
import { cp, mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';

interface Kind {
  readonly kind: string;
  readonly plural: string;
  readonly scope: 'Cluster' | 'Namespaced';
  readonly spec?: object;
}

const open = { type: 'object', 'x-kubernetes-preserve-unknown-fields': true };
/** As in Calico 3.32: entries that others add to a set stay under server-side apply. */
const stringSet = { type: 'array', items: { type: 'string' }, 'x-kubernetes-list-type': 'set' };
const policy = { ...open, properties: { types: stringSet, tier: { type: 'string', default: 'default' } } };

const KINDS: readonly Kind[] = [
  { kind: 'Tier', plural: 'tiers', scope: 'Cluster' },
  {
    kind: 'GlobalNetworkSet',
    plural: 'globalnetworksets',
    scope: 'Cluster',
    spec: { type: 'object', properties: { nets: stringSet } },
  },
  { kind: 'GlobalNetworkPolicy', plural: 'globalnetworkpolicies', scope: 'Cluster', spec: policy },
  { kind: 'NetworkPolicy', plural: 'networkpolicies', scope: 'Namespaced', spec: policy },
  {
    kind: 'StagedGlobalNetworkPolicy',
    plural: 'stagedglobalnetworkpolicies',
    scope: 'Cluster',
    spec: policy,
  },
  { kind: 'StagedNetworkPolicy', plural: 'stagednetworkpolicies', scope: 'Namespaced', spec: policy },
  { kind: 'HostEndpoint', plural: 'hostendpoints', scope: 'Cluster' },
  { kind: 'IPPool', plural: 'ippools', scope: 'Cluster' },
  { kind: 'FelixConfiguration', plural: 'felixconfigurations', scope: 'Cluster' },
  { kind: 'BGPPeer', plural: 'bgppeers', scope: 'Cluster' },
  { kind: 'KubeControllersConfiguration', plural: 'kubecontrollersconfigurations', scope: 'Cluster' },
  { kind: 'ClusterInformation', plural: 'clusterinformations', scope: 'Cluster' },
];

export const nativeCrds: readonly object[] = KINDS.map(({ kind, plural, scope, spec = open }) => ({
  apiVersion: 'apiextensions.k8s.io/v1',
  kind: 'CustomResourceDefinition',
  metadata: { name: `${plural}.projectcalico.org` },
  spec: {
    group: 'projectcalico.org',
    scope,
    names: { kind, plural, singular: kind.toLowerCase(), listKind: `${kind}List` },
    versions: [
      {
        name: 'v3',
        served: true,
        storage: true,
        schema: { openAPIV3Schema: { type: 'object', properties: { spec }, required: ['metadata', 'spec'] } },
      },
    ],
  },
}));

/** Calico's CRDs are not part of this repository. They are in a folder next to it, one for each version. */
const SHARED = path.resolve(import.meta.dirname, '../../../shared/calico');

const isVersion = (name: string): boolean => /^v\d+\.\d+\.\d+-crds$/.test(name);
const newestFirst = (a: string, b: string): number => b.localeCompare(a, 'en', { numeric: true });

/** The folder name of Calico's newest available CRDs. */
const [calicosOwn] = existsSync(SHARED) ? readdirSync(SHARED).filter(isVersion).toSorted(newestFirst) : [];

const nativeTitle =
  calicosOwn !== undefined
    ? `Calico's own CRDs, ${calicosOwn.replace(/-crds$/, '')}`
    : "minimal CRDs: Calico's own are absent, ../shared/calico/vX.Y.Z-crds";

export type ApiMode = 'aggregated' | 'native';

/** Both ways in which Calico's API is served, for names of tests. */
export const API_MODES: Readonly<Record<ApiMode, string>> = {
  aggregated: "Calico's API server",
  native: nativeTitle,
};

/** Fills the folder with Calico's own CRDs, and with ours for each kind that they lack. Returns the folder. */
export async function nativeCrdsFolder(folder: string): Promise<string> {
  await mkdir(folder, { recursive: true });
  const own = calicosOwn === undefined ? undefined : path.join(SHARED, calicosOwn);
  if (own !== undefined) await cp(own, folder, { recursive: true });
  const isCalicos = (plural: string): boolean =>
    own !== undefined && existsSync(path.join(own, `projectcalico.org_${plural}.yaml`));
  const items = nativeCrds.filter((_, index) => !isCalicos(KINDS[index]?.plural ?? ''));
  const list = { apiVersion: 'v1', kind: 'List', items };
  await writeFile(path.join(folder, 'crds.json'), JSON.stringify(list));
  return folder;
}
