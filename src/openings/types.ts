import type { KnownServices } from '../assertions/types.ts';
import type { Cidr } from '../net/cidr.ts';
import type { World } from '../simulator/world.ts';

/** The worlds that questions about openings compare. */
export interface OpeningWorlds {
  /** Everything that others have. Pods need not be known. */
  readonly others: World;
  /** The same policies, with what the operator would write. */
  readonly inForce: World;
  readonly services: KnownServices;
  /** Networks of pods; undefined where any address may be one of a pod. */
  readonly podNets: readonly Cidr[] | undefined;
}

/** The answer about one object of others. */
export type OpeningJudgement =
  /** No flow that the firewall refuses is open through it, whatever pods there are. */
  | { readonly is: 'Nothing' }
  /** It opens a flow that the firewall alone refuses, and nothing else stands in the way of that flow. */
  | { readonly is: 'Opens'; readonly example: string }
  /** It may open something. */
  | { readonly is: 'Undecided' };

/** One end of a flow: a pod that need not exist, or an address that may have a pod. */
export interface FlowEnd {
  readonly address: string;
  /** With the label of its ServiceAccount, as Calico has it. */
  readonly pod?: { readonly namespace: string; readonly labels: Readonly<Record<string, string>> };
}

/** A flow that the policies of one pod open because of an object of others. */
export interface OpenedFlow {
  readonly from: FlowEnd;
  readonly to: FlowEnd;
  readonly protocol: number;
  readonly port: number;
}
