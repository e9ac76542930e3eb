/**
 * Reads what the end of a tier dropped at pods, from the same dumps. Felix has a chain for each interface and
 * direction, `cali-tw-` to the pod and `cali-fw-` from it, and comments the line (felix/rules/endpoints.go).
 */
import { createHash } from 'node:crypto';

export interface TierEnd {
  /** Name of the pod's interface on its node. */
  readonly interface: string;
  readonly direction: 'ingress' | 'egress';
  readonly tier: string;
  readonly packets: number;
  readonly bytes: number;
}

/** Sums by interface, direction and tier; the largest first. Lines without a packet are left out. */
export function tierEnds(text: string): readonly TierEnd[] {
  const sums = new Map<string, TierEnd>();
  let nftChain = '';
  for (const line of text.split('\n')) {
    nftChain = /^\tchain (\S+) \{/.exec(line)?.[1] ?? nftChain;
    const found = endIn(line, nftChain);
    if (found === undefined || found.packets === 0) continue;
    const key = `${found.interface} ${found.direction} ${found.tier}`;
    const { packets = 0, bytes = 0 } = sums.get(key) ?? {};
    sums.set(key, { ...found, packets: packets + found.packets, bytes: bytes + found.bytes });
  }
  return [...sums.values()].sort(
    (a, b) =>
      b.packets - a.packets || (`${a.interface}${a.direction}` < `${b.interface}${b.direction}` ? -1 : 1),
  );
}

const DROPS = / -j (?:DROP|REJECT)\b| (?:drop|reject)\b/;

function endIn(line: string, nftChain: string): TierEnd | undefined {
  const tier = /End of tier (\S+)\. (?:Drop|Reject) if no policies passed packet/.exec(line)?.[1];
  if (tier === undefined || !DROPS.test(line)) return undefined;
  const iptables = /^\[(\d+):(\d+)\] -A (\S+) /.exec(line);
  const counted = iptables ?? /\bcounter packets (\d+) bytes (\d+) /.exec(line);
  const [, way, name] = /(?:^|-)cali-(tw|fw)-(\S+)$/.exec(iptables?.[3] ?? nftChain) ?? [];
  if (counted === null || way === undefined || name === undefined) return undefined;
  return {
    interface: name,
    direction: way === 'tw' ? 'ingress' : 'egress',
    tier,
    packets: Number(counted[1]),
    bytes: Number(counted[2]),
  };
}

/** libcalico-go, conversion/workload_endpoint_default.go: `cali` and eleven digits of a hash. */
export const interfaceOf = (namespace: string, pod: string): string =>
  `cali${createHash('sha1').update(`${namespace}.${pod}`).digest('hex').slice(0, 11)}`;
