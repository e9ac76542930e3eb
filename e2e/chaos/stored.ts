/** Compares stored objects with those that the command line renders: the check of a cluster at rest. */
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { compileManifests } from '../../src/cli/manifests/compiled.ts';
import type { KubernetesObject } from '../../src/cluster/resource.ts';
import { contentHash } from '../../src/controller/objects/content-hash.ts';
import type { Api } from '../local/control-plane/api.ts';
import { FIREWALL, type State } from './state.ts';
import { CALICO, FIREWALLS, STORED } from '../harness/paths.ts';

const OURS = 'labelSelector=app.kubernetes.io%2Fmanaged-by%3Dclusterfirewall';
const FINALIZER = 'clusterfirewall.io/finalizer';

const PLURALS = [
  'tiers',
  'globalnetworksets',
  'globalnetworkpolicies',
  'networkpolicies',
  'stagedglobalnetworkpolicies',
  'stagednetworkpolicies',
  'hostendpoints',
] as const;

/** Objects by `Kind/namespace/name`. */
export type Objects = ReadonlyMap<string, KubernetesObject>;

export interface AtRest {
  /** A sentence for each difference. */
  readonly wrong: readonly string[];
  /**
   * resourceVersions of all objects that the operator writes. If they are equal at two times, nothing was
   * written in between.
   */
  readonly versions: string;
}

export interface CheckContext {
  readonly api: Api;
  /** Folder for files. */
  readonly folder: string;
  readonly operatorNamespace: string;
}

/** @param mayBeContested true as long as the operator may report an object as contested: see fight() */
export async function compareAtRest(
  context: CheckContext,
  state: State,
  mayBeContested: boolean,
): Promise<AtRest> {
  const [firewall, stored, strays] = await Promise.all([
    findFirewall(context.api),
    generated(context.api),
    countStored(context.api),
  ]);
  // A firewall that is being deleted leaves no objects, whatever its spec says.
  const desired: Objects =
    firewall === undefined || !state.present ? new Map() : await rendered(context, firewall);
  const versions = [...stored].map(([id, { metadata }]) => `${id} ${metadata.resourceVersion ?? ''}`).sort();
  return {
    wrong: [
      ...wrongFirewall(firewall, state, mayBeContested),
      ...differences(desired, stored),
      ...(strays === stored.size
        ? []
        : [`${String(strays)} objects under our names are stored, ${String(stored.size)} are served`]),
    ],
    versions: [firewall?.metadata.resourceVersion ?? 'none', ...versions].join('\n'),
  };
}

interface List {
  readonly kind: string;
  readonly items: readonly KubernetesObject[];
}

const list = async (api: Api, path: string): Promise<List> => (await api.get(path)) as List;

const findFirewall = async (api: Api): Promise<KubernetesObject | undefined> =>
  (await list(api, FIREWALLS)).items.find(({ metadata }) => metadata.name === FIREWALL);

/** All objects that carry our label, as served by Calico's API. */
export async function generated(api: Api): Promise<Objects> {
  const lists = await Promise.all(PLURALS.map((plural) => list(api, `${CALICO}/${plural}?${OURS}`)));
  return byId(lists.flatMap(itemsOf));
}

/** An object is served only if its Tier exists, but it is stored in any case. */
async function countStored(api: Api): Promise<number> {
  const lists = await Promise.all(PLURALS.map((plural) => list(api, `${STORED}/${plural}`)));
  const names = lists.flatMap(({ items }) => items.map(({ metadata }) => metadata.name));
  return names.filter((name) => /\bcfw-/.test(name) || name === 'clusterfirewall').length;
}

/** Items of a list may lack their kind. */
const itemsOf = ({ kind, items }: List): readonly KubernetesObject[] =>
  items.map((item) => ({ ...item, kind: kind.replace(/List$/, '') }));

const byId = (objects: readonly KubernetesObject[]): Objects =>
  new Map(
    objects.map((object) => [
      [object.kind, object.metadata.namespace, object.metadata.name]
        .filter((part) => part !== undefined)
        .join('/'),
      object,
    ]),
  );

/** The lists that decide what is generated here. */
const INVENTORY = [
  '/api/v1/namespaces',
  '/api/v1/nodes',
  '/api/v1/services',
  '/apis/discovery.k8s.io/v1/endpointslices',
  '/apis/networking.k8s.io/v1/servicecidrs',
  `${CALICO}/ippools`,
  `${CALICO}/felixconfigurations`,
];

/** `clusterfirewall render` for the stored firewall: a second operator, with no past. */
async function rendered(context: CheckContext, firewall: KubernetesObject): Promise<Objects> {
  const { api, folder, operatorNamespace } = context;
  const lists = await Promise.all(INVENTORY.map((path) => list(api, path)));
  const files = {
    firewall: path.join(folder, 'firewall.json'),
    inventory: path.join(folder, 'inventory.json'),
  };
  const inventory = { kind: 'List', items: lists.flatMap(itemsOf) };
  await Promise.all([
    writeFile(files.firewall, JSON.stringify(firewall)),
    writeFile(files.inventory, JSON.stringify(inventory)),
  ]);
  const outcome = await compileManifests(
    { files: [files.firewall], inventory: files.inventory, operatorNamespace },
    () => Promise.reject(new Error('standard input is not read')),
  );
  if (outcome.state === 'invalid')
    throw new Error(`render refuses it: ${JSON.stringify(outcome.diagnostics)}`);
  return byId(outcome.compilation.objects.map(({ object }) => ({ ...object })));
}

function differences(desired: Objects, stored: Objects): readonly string[] {
  const missing = [...desired.keys()].filter((id) => !stored.has(id)).map((id) => `${id} is missing`);
  const extra = [...stored.keys()].filter((id) => !desired.has(id)).map((id) => `${id} should not be there`);
  const different = [...desired].flatMap(([id, object]) => {
    const found = stored.get(id);
    return found === undefined || contentHash(found) === contentHash(object)
      ? []
      : [`${id} differs from render`];
  });
  return [...missing, ...extra, ...different];
}

interface Condition {
  readonly type: string;
  readonly status: string;
  readonly reason?: string;
  readonly observedGeneration?: number;
}

function wrongFirewall(
  firewall: KubernetesObject | undefined,
  { present }: State,
  mayBeContested: boolean,
): readonly string[] {
  if (firewall === undefined) return present ? ['the ClusterFirewall is gone'] : [];
  if (!present) return ['the ClusterFirewall is still there'];
  const { finalizers = [], generation } = firewall.metadata;
  const { conditions = [] } = (firewall['status'] ?? {}) as { readonly conditions?: readonly Condition[] };
  const ready = conditions.find(({ type }) => type === 'Ready');
  const isFine = ready?.status === 'True' || (mayBeContested && ready?.reason === 'DriftContested');
  return [
    ...(finalizers.join() === FINALIZER ? [] : [`its finalizers are [${finalizers.join(', ')}]`]),
    ...(isFine && ready.observedGeneration === generation
      ? []
      : [`it is not Ready at generation ${String(generation)}: ${JSON.stringify(ready)}`]),
  ];
}
