/** The objects of a cluster that questions are about: from a file, or live. */
import { isRecord, valueAt } from '../../json.ts';
import type { Lack } from '../../snapshot/file.ts';
import { SNAPSHOT_KINDS } from '../../snapshot/kinds.ts';
import type { Names } from '../../questions/ends.ts';
import type { KubeConfigChoice } from '../../cluster/http/kubeconfig-file.ts';
import { withCluster } from '../commands/cluster.ts';
import type { CommandIO } from '../io.ts';
import type { ClusterObjects } from '../live/read-cluster.ts';
import type { Diagnostic } from '../manifests/diagnostics.ts';
import { loadDocuments, unfold, type Document } from '../manifests/load.ts';

export interface LoadedCluster {
  readonly documents: readonly Document[];
  readonly lacks: readonly Lack[];
  /** Kinds of which a file of kubectl has no object. They are taken as if there were none. */
  readonly assumedEmpty: readonly string[];
  readonly diagnostics: readonly Diagnostic[];
  readonly files: readonly string[];
}

export const LIVE = 'the cluster';

/** A file, or the cluster of a kubeconfig. */
export interface ClusterChoice extends KubeConfigChoice {
  readonly inventory?: string;
}

export const loadCluster = (choice: ClusterChoice, io: CommandIO): Promise<LoadedCluster> =>
  choice.inventory === undefined ? readLive(choice, io) : readFile(choice.inventory, io);

export async function readLiveObjects(choice: KubeConfigChoice, io: CommandIO): Promise<ClusterObjects> {
  const { readCluster } = await import('../live/read-cluster.ts');
  return withCluster(choice, io, ({ transport }) =>
    readCluster(transport, (text) => {
      io.stderr(`${text}\n`);
    }),
  );
}

async function readLive(choice: KubeConfigChoice, io: CommandIO): Promise<LoadedCluster> {
  const { objects, lacks } = await readLiveObjects(choice, io);
  const documents = objects.map((value, before) => ({
    value,
    lineOf: () => 0,
    file: LIVE,
    index: before + 1,
    within: [],
  }));
  return { documents, lacks, assumedEmpty: [], diagnostics: [], files: [LIVE] };
}

async function readFile(file: string, io: CommandIO): Promise<LoadedCluster> {
  const { documents, diagnostics, files, lacks } = await loadDocuments([file], io.stdin);
  const objects = documents.flatMap(unfold);
  const unreadable = diagnostics.map((each) => ({ ...each, reason: 'BadInventory' }));
  if (lacks !== undefined)
    return { documents: objects, lacks, assumedEmpty: [], diagnostics: unreadable, files };
  const kinds = new Set(objects.map(({ value }) => kindOf(value)));
  const absent = SNAPSHOT_KINDS.filter((each) => !kinds.has(`${each.group}/${each.kind}`));
  return {
    documents: objects,
    lacks: absent.flatMap(({ kind, isEverywhere }) =>
      isEverywhere === true ? [{ kind, because: 'the file has none, and every cluster has some' }] : [],
    ),
    assumedEmpty: absent.flatMap(({ kind, group, decides }) =>
      decides === true ? [group === 'networking.k8s.io' ? `Kubernetes' ${kind}` : kind] : [],
    ),
    diagnostics: unreadable,
    files,
  };
}

/** `group/Kind`. The group that Calico stores its objects in counts as the one that it serves them in. */
function kindOf(value: unknown): string {
  if (!isRecord(value)) return '';
  const [group, version] = String(value['apiVersion']).split('/');
  const name = version === undefined ? '' : (group ?? '').replace(/^crd\./, '');
  return `${name}/${String(value['kind'])}`;
}

/** The names of all pods. Policies see one in the network of its node as the node. */
export function namesOfPods(documents: readonly Document[]): Names {
  const pods = documents.flatMap(({ value }) => {
    if (!isRecord(value) || value['kind'] !== 'Pod') return [];
    const [namespace, name] = ['namespace', 'name'].map((key) => String(valueAt(value, 'metadata', key)));
    return [{ name: `${namespace ?? ''}/${name ?? ''}`, spec: valueAt(value, 'spec') }];
  });
  return {
    pods: new Set(pods.map(({ name }) => name)),
    hostNetwork: new Map(
      pods.flatMap(({ name, spec }): readonly (readonly [string, string])[] =>
        valueAt(spec, 'hostNetwork') === true ? [[name, String(valueAt(spec, 'nodeName'))]] : [],
      ),
    ),
  };
}
