/** The layers at a host endpoint after the one before DNAT. */
import type { Chain } from './chains.ts';
import type { HostChains } from './prepared.ts';
import type { Layer } from './trail.ts';

export type HostLayer = Extract<
  Layer,
  'host ingress' | 'host egress' | 'host forward in' | 'host forward out'
>;

interface HostLayerRules {
  readonly chain: (chains: HostChains) => Chain;
  /** Forwarded traffic has no failsafes. */
  readonly early: 'inbound' | 'outbound' | 'forward';
}

export const HOST_LAYERS: Readonly<Record<HostLayer, HostLayerRules>> = {
  'host ingress': { chain: ({ ingress }) => ingress, early: 'inbound' },
  'host egress': { chain: ({ egress }) => egress, early: 'outbound' },
  'host forward in': { chain: ({ forwardIngress }) => forwardIngress, early: 'forward' },
  'host forward out': { chain: ({ forwardEgress }) => forwardEgress, early: 'forward' },
};
