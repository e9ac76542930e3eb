/** The state of a packet on its way between two places. */
import type { Decision } from './decision.ts';
import type { Interface } from './hosts.ts';
import type { HostChains } from './prepared.ts';
import type { Route } from './routes.ts';
import type { Next } from './trail.ts';
import type { Pod } from './world.ts';

export interface Entry {
  readonly from: Interface;
  /** The sender, where the packet comes straight from its interface. */
  readonly pod?: Pod;
  /** True where NAT has seen the connection on this node already. */
  readonly isTranslated?: boolean;
}

export interface Forwarding {
  readonly accepted: boolean;
  readonly masquerade: boolean;
}

export interface Sending {
  /** The way before the destination was translated. */
  readonly before: Route;
  readonly masquerade: boolean;
  readonly isTranslated: boolean;
}

export interface FoundEndpoint {
  readonly name: string;
  readonly chains: HostChains;
  readonly unknown?: Decision;
}

export interface HostJudgement {
  readonly next: Next;
  /** True where policies or a profile have accepted the packet, which Felix marks (static.go, MarkAccept). */
  readonly isMarked: boolean;
}
