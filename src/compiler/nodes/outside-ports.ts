/** The ports that egress rules name by number for destinations outside of the cluster. */
import type { ClusterFirewall, EgressRule, Peer } from '../../api/schema.ts';
import type { Cidr } from '../../net/cidr.ts';
import { parseCidr, subtractCidrs } from '../../net/cidr.ts';
import { netsOf } from '../flows/flow-ends.ts';
import { enoughNets } from '../meter.ts';
import { namedRangesOf, type PortRange } from './port-ranges.ts';

export interface OutsidePorts {
  readonly ranges: readonly PortRange[];
  /** True for a rule to World or Internet, which say no addresses. */
  readonly isAnywhere: boolean;
  readonly nets: readonly Cidr[];
}

/** `All` names no port: whoever writes it need not have meant those of nodes. */
export function outsidePorts(firewalls: readonly ClusterFirewall[]): readonly OutsidePorts[] {
  return firewalls.flatMap(({ spec }) => {
    const peers = new Map((spec.peers ?? []).map((peer) => [peer.name, peer]));
    return (spec.namespaces ?? [])
      .flatMap(({ egress = [] }) => egress)
      .map((rule) => outsideOf(rule, peers))
      .filter(({ ranges, isAnywhere, nets }) => ranges.length > 0 && (isAnywhere || nets.length > 0));
  });
}

const ANYWHERE: ReadonlySet<string | undefined> = new Set(['World', 'Internet']);

function outsideOf({ to, ports }: EgressRule, peers: ReadonlyMap<string, Peer>): OutsidePorts {
  const ranges = namedRangesOf(ports);
  if (ranges.length === 0) return { ranges, isAnywhere: false, nets: [] };
  return {
    ranges,
    isAnywhere: to.some(({ entity }) => ANYWHERE.has(entity)),
    nets: to.flatMap(({ peer, ipBlock }) => {
      const named = peer === undefined ? undefined : peers.get(peer);
      if (named !== undefined) return netsOf(named);
      if (ipBlock === undefined) return [];
      return subtractCidrs(parseCidr(ipBlock.cidr), (ipBlock.except ?? []).map(parseCidr), enoughNets());
    }),
  };
}
