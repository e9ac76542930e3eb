/** The commands that gather flows on each node of a cluster. */
import { isRecord, valueAt } from '../../json.ts';
import type { LoadedCluster } from '../questions/cluster.ts';

/** Names go into a shell. */
const SAFE = /^[a-z0-9][a-z0-9.-]*$/;

/** One for each source of each node that has a Pod of calico-node. */
export const gatherCommands = ({ documents }: Pick<LoadedCluster, 'documents'>): readonly string[] =>
  documents.flatMap(({ value }) => {
    if (!isRecord(value) || value['kind'] !== 'Pod') return [];
    if (valueAt(value, 'metadata', 'labels', 'k8s-app') !== 'calico-node') return [];
    const [namespace = '', name = '', node = ''] = [
      valueAt(value, 'metadata', 'namespace'),
      valueAt(value, 'metadata', 'name'),
      valueAt(value, 'spec', 'nodeName'),
    ].map(String);
    if (![namespace, name, node].every((each) => SAFE.test(each))) return [];
    const inPod = `kubectl -n ${namespace} exec ${name} -c calico-node --`;
    return [
      `${inPod} calico-node -flows 1000 > flows-${node}.txt`,
      `${inPod} cat /proc/net/nf_conntrack > conntrack-${node}.txt`,
    ];
  });
