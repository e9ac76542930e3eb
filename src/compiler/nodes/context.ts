/** What the parts of the node firewall are compiled against, and what they tell one another. */
import type { ClusterFirewall, PortValue } from '../../api/schema.ts';
import type { ResolveScope } from '../flows/flow-ends.ts';
import type { ProblemCollector, RulePlace } from '../problems.ts';
import type { Enforcement } from '../namespaces/enforcement.ts';
import type { Inventory, NodeInfo } from '../../inventory/types.ts';
import type { NodeFirewall } from './node-firewall.ts';
import type { Services } from './services.ts';
import type { NodeSources, SourceScope } from './sources.ts';

export interface NodeContext {
  readonly main: ClusterFirewall;
  readonly firewalls: readonly ClusterFirewall[];
  readonly nodeFirewall: NodeFirewall;
  readonly enforcement: Enforcement;
  readonly inventory: Inventory;
  readonly resolveScope: ResolveScope;
  readonly sourceScope: SourceScope;
  readonly services: Services;
  readonly collector: ProblemCollector;
  /** Of spec.nodes as a whole. */
  readonly place: RulePlace;
  /** Nodes that spec.nodes selects, sorted by name; undefined while nodes are not known. */
  readonly selected: readonly NodeInfo[] | undefined;
}

/** Something that a node lets in: what guard.ts and failsafes.ts ask about. */
export interface OpenPort {
  readonly id: string;
  readonly ports: readonly PortValue[];
  readonly sources: NodeSources | 'anyone';
  /** False where it holds on some of the nodes only. */
  readonly isEverywhere: boolean;
}
