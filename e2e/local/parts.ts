import type { Binaries } from './build/binaries.ts';
import type { AggregatedApiServer } from './control-plane/calico.ts';
import type { ControlPlane } from './control-plane/control-plane.ts';
import type { Joining } from './joining.ts';
import type { Felix } from './network/felix.ts';
import type { LocalNode } from './network/node.ts';
import type { Run } from './process/run.ts';

/** The parts of a started cluster. */
export interface Parts {
  readonly run: Run;
  readonly binaries: Binaries;
  readonly controlPlane: ControlPlane;
  /** Present where Calico's API is aggregated. */
  readonly calicoApiServer: AggregatedApiServer | undefined;
  readonly nodes: readonly LocalNode[];
  readonly joining: Joining;
  /** Keyed by node name; empty unless Calico is served by its API server. Nodes that join are added. */
  readonly felixes: Map<string, Felix>;
}
