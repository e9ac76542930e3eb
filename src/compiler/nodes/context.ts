/** The input that the parts of the node firewall share, and the results that they pass to each other. */
import type { ClusterFirewall, PortValue } from '../../api/schema.ts';
import type { ResolveScope } from '../flows/flow-ends.ts';
import type { ProblemCollector, RulePlace } from '../problems.ts';
import type { Enforcement } from '../namespaces/enforcement.ts';
import type { Known } from '../../inventory/known.ts';
import type { Inventory, NodeInfo } from '../../inventory/types.ts';
import type { ClusterPorts } from './cluster-ports.ts';
import type { NodeFirewall } from './node-firewall.ts';
import type { Services } from './services.ts';
import type { NodeSources, SourceScope } from './sources.ts';
import type { RuleId } from '../names.ts';

export interface NodeContext {
  readonly main: ClusterFirewall;
  readonly firewalls: readonly ClusterFirewall[];
  readonly nodeFirewall: NodeFirewall;
  readonly enforcement: Enforcement;
  readonly inventory: Inventory;
  readonly resolveScope: ResolveScope;
  readonly sourceScope: SourceScope;
  readonly services: Services;
  readonly clusterPorts: ClusterPorts;
  readonly collector: ProblemCollector;
  /** The place of spec.nodes as a whole. */
  readonly place: RulePlace;
  /** The nodes that spec.nodes selects, sorted by name. */
  readonly selected: Known<readonly NodeInfo[]>;
  /** Those that it would select if Calico had host endpoints there. */
  readonly unsupported: readonly NodeInfo[];
}

/** A port that a node lets in. pod-guard.ts and failsafes.ts read it. */
export interface OpenPort {
  readonly id: RuleId;
  readonly ports: readonly PortValue[];
  readonly sources: NodeSources | 'anyone';
  /** False where it is open on some of the nodes, or at some addresses, only. */
  readonly isEverywhere: boolean;
  /** True for everything but something: it takes the ports from nobody else. */
  readonly isBroad?: true;
}
