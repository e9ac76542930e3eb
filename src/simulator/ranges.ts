/** Runs of addresses. */
import type { Cidr } from '../net/cidr.ts';

/** Both ends included. */
export interface Range {
  readonly from: bigint;
  readonly to: bigint;
}

const BITS = { 4: 32n, 6: 128n } as const;
/** No packet has an address among these (RFC 4291, section 2.5.5.2), and this project does not read them. */
const MAPPED = { from: 0xffff_0000_0000n, to: 0xffff_ffff_ffffn } as const;

/** Cuts all addresses of a family where one of the CIDRs begins or ends. Sorted. */
export function cutSpace(family: 4 | 6, cidrs: Iterable<Cidr>): readonly Range[] {
  const end = 1n << BITS[family];
  const cuts = new Set<bigint>([0n]);
  if (family === 6) cuts.add(MAPPED.from).add(MAPPED.to + 1n);
  for (const cidr of cidrs) {
    if (cidr.family !== family) continue;
    cuts.add(cidr.value);
    cuts.add(cidr.value + (1n << (BITS[family] - BigInt(cidr.prefix))));
  }
  cuts.delete(end);
  const sorted = [...cuts].sort((a, b) => (a < b ? -1 : 1));
  return sorted
    .map((from, index) => ({ from, to: (sorted[index + 1] ?? end) - 1n }))
    .filter(({ from }) => family === 4 || from !== MAPPED.from);
}
