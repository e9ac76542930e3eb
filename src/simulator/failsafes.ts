/** Ports that Felix opens at host endpoints before any policy. Source: felix/rules/static.go. */
import type { Failsafe } from '../calico/read/objects.ts';
import { containsCidr } from '../net/cidr.ts';
import { allowed, type Decision } from './decision.ts';
import type { Header } from './packet.ts';
import type { Prepared } from './prepared.ts';

/** @param far the other machine's address, which the `net` of a failsafe is about */
export function failsafeOf(
  prepared: Prepared,
  failsafes: readonly Failsafe[],
  { protocol, port }: Header,
  far: string,
): Decision | undefined {
  for (const { net, ...of } of failsafes) {
    if (of.protocol !== protocol || of.port !== port) continue;
    const { family, value } = prepared.party(far);
    const full = { family, value, prefix: family === 4 ? 32 : 128 };
    if (net === undefined || containsCidr(net, full)) return allowed({ kind: 'failsafe', protocol, port });
  }
  return undefined;
}
