/** Nodes by label, as ends of rules. */
import type { LabelSelector } from '../../api/schema.ts';
import { fromLabelSelector, matchesSelector, printSelector } from '../../calico/selector.ts';
import type { NodeInfo } from '../../inventory/types.ts';
import { contentTag, LABELLED_NODES } from '../names.ts';

export interface LabelledNodes {
  readonly kind: 'labelledNodes';
  readonly labels: LabelSelector;
  /** Short for the selector. */
  readonly tag: string;
  /** The label of the set with their addresses (labelled-node-sets.ts). */
  readonly value: string;
}

export function labelledNodes(labels: LabelSelector): LabelledNodes {
  const tag = contentTag(printSelector(fromLabelSelector(labels)));
  return { kind: 'labelledNodes', labels, tag, value: `${LABELLED_NODES}-${tag}` };
}

export function nodesWith(labels: LabelSelector, nodes: readonly NodeInfo[]): readonly NodeInfo[] {
  const where = fromLabelSelector(labels);
  return nodes.filter((node) => matchesSelector(where, node.labels));
}
