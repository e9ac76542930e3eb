/** The kinds of objects in a spec, as far as messages tell them apart. */
import type { Path } from './path.ts';

export type Place =
  | 'spec'
  | 'defaults'
  | 'peer'
  | 'guardrail'
  | 'group'
  | 'rule'
  | 'connection'
  | 'end'
  | 'podsOfEnd'
  | 'ipBlock'
  | 'nodes'
  | 'zone'
  | 'allow'
  | 'labels';

const ENDS = ['from', 'to', 'onlyFrom', 'onlyTo', 'blocked', 'breakGlass', 'controlPlane', 'etcd'];
const LABELS = ['podSelector', 'namespaceSelector', 'nodeSelector', 'fromPods', 'toPods'];
const ITEMS: Readonly<Record<string, Place>> = {
  peers: 'peer',
  guardrails: 'guardrail',
  namespaces: 'group',
  ingress: 'rule',
  metrics: 'rule',
  egress: 'rule',
  connections: 'connection',
  zones: 'zone',
};

/** @param path below spec */
export function placeOf(path: Path): Place | undefined {
  const [last, before] = [path.at(-1), path.at(-2)];
  if (last === undefined) return 'spec';
  if (typeof last === 'number') return ENDS.includes(String(before)) ? 'end' : ITEMS[String(before)];
  if (LABELS.includes(last)) return 'labels';
  switch (last) {
    case 'pods':
      return placeOfPods(path.slice(0, -1));
    case 'ipBlock':
    case 'allow':
      return last;
    case 'nodes':
      return path.length === 1 ? 'nodes' : 'labels';
    default:
      return path[0] === 'defaults' ? 'defaults' : undefined;
  }
}

/** Two selectors, except in a rule, where it is the selector of labels itself. */
function placeOfPods(holder: Path): Place {
  return placeOf(holder) === 'rule' ? 'labels' : 'podsOfEnd';
}
