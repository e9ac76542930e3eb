/** Compiles spec.nodes for the cluster of unit tests. Other helpers look at the compilation. */
import { expect } from '@jest/globals';
import { type ClusterFirewall, type Nodes, type Spec, spec as schema } from '../../api/schema.ts';
import type { GeneratedObject, GlobalNetworkPolicy, Rule } from '../../calico/types.ts';
import { compile } from '../compile.ts';
import type { Inventory } from '../../inventory/types.ts';
import type { Compilation } from '../types.ts';
import { cluster } from './inventories.ts';
import { flawsOf } from './wellformed.ts';
import { ruleId } from '../names.ts';

export const compiled = (
  nodes: Partial<Nodes>,
  { inventory = cluster, ...rest }: Partial<Spec> & { inventory?: Inventory } = {},
): Compilation => {
  const spec: Spec = { mode: 'Enforce', ...rest, nodes: { mode: 'Enforce', ...nodes } };
  schema.parse(spec);
  const firewall: ClusterFirewall = { metadata: { name: 'default' }, spec };
  const compilation = compile([firewall], inventory);
  expect(flawsOf(objects(compilation))).toEqual([]);
  return compilation;
};
export const objects = (compilation: Compilation): readonly GeneratedObject[] =>
  compilation.objects.map(({ object }) => object);
export const carrying = (compilation: Compilation, id: string): readonly GeneratedObject[] =>
  compilation.objects.filter(({ rules }) => rules.includes(ruleId(id))).map(({ object }) => object);
export const policies = (compilation: Compilation, id: string): readonly GlobalNetworkPolicy[] =>
  carrying(compilation, id).filter((object) => object.kind === 'GlobalNetworkPolicy');
export const rulesOf = (compilation: Compilation, id: string, layer: 'ports' | 'host'): readonly Rule[] =>
  policies(compilation, id)
    .filter(({ spec }) => (spec.preDNAT === true) === (layer === 'ports'))
    .flatMap(({ spec }) => spec.ingress ?? [])
    .filter(({ metadata }) => metadata?.annotations['clusterfirewall.io/rule'] === id);
export const bare = (rules: readonly Rule[]) =>
  rules.map(({ action, protocol, source, destination }) => ({ action, protocol, source, destination }));
export const reasons = ({ problems }: Compilation) => problems.map(({ reason }) => reason);

/** Selector, protocol and ports of the denies at pods, those for all pods first. */
export const guardOf = (compilation: Compilation) =>
  policies(compilation, 'default/nodes/pods')
    .map(
      ({ spec }) =>
        [spec.selector, (spec.egress ?? []).map((rule) => [rule.protocol, rule.destination?.ports])] as const,
    )
    .sort(([a], [b]) => (a === 'all()' || (b !== 'all()' && a < b) ? -1 : 1));
