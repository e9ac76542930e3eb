/** Finds a rule in its manifest. */
import type { ClusterFirewall } from '../api/schema.ts';
import { isRuleOfNodes, partsOf, type RuleId } from './names.ts';

const indexOf = (list: readonly { readonly name: string }[] | undefined, name: string | undefined): number =>
  (list ?? []).findIndex((item) => item.name === name);

/**
 * The path of a rule by its id (`FIREWALL/GROUP/LIST/NAME`, `FIREWALL/guardrails/NAME`, …), or of the nearest
 * field that is known.
 */
export function rulePath({ spec }: ClusterFirewall, rule: RuleId): string {
  const [, first, second, name] = partsOf(rule);
  if (name === undefined && (first === 'guardrails' || first === 'peers')) {
    const index = indexOf(spec[first], second);
    return index < 0 ? `spec.${first}` : `spec.${first}[${String(index)}]`;
  }
  if (isRuleOfNodes(rule)) return pathAtNodes(spec.nodes, second, name);
  // `default/nodes` is a set that firewalls share, and no group that is called so: rules of groups have more
  // parts.
  const groupIndex = second === undefined ? -1 : indexOf(spec.namespaces, first);
  const group = spec.namespaces?.[groupIndex];
  if (group === undefined) return first === 'defaults' ? 'spec.defaults' : 'spec';
  const path = `spec.namespaces[${String(groupIndex)}]`;
  switch (second) {
    case 'ingress':
    case 'metrics':
    case 'connections':
    case 'egress': {
      const index = indexOf(group[second], name);
      return index < 0 ? `${path}.${second}` : `${path}.${second}[${String(index)}]`;
    }
    default:
      return path;
  }
}

function pathAtNodes(
  nodes: ClusterFirewall['spec']['nodes'],
  field: string | undefined,
  name: string | undefined,
): string {
  if (nodes === undefined) return 'spec';
  const index = field === 'zones' ? indexOf(nodes.zones, name) : -1;
  if (index >= 0) return `spec.nodes.zones[${String(index)}]`;
  return field !== undefined && field in nodes ? `spec.nodes.${field}` : 'spec.nodes';
}
