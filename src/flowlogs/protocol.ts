/** Protocols as Calico's flow logs write them. */
import { PROTOCOL } from '../calico/read/protocols.ts';
import { FlowLogError } from './flow.ts';

const NUMBERS: ReadonlyMap<string, number> = new Map(
  Object.entries({ ...PROTOCOL, 'icmp-v6': PROTOCOL.ICMPv6, IPv6ICMP: PROTOCOL.ICMPv6 }).map(
    ([name, number]) => [name.toLowerCase(), number],
  ),
);

/** @throws FlowLogError */
export function protocolOf(text: string): number {
  const number = NUMBERS.get(text.toLowerCase()) ?? (/^\d{1,3}$/.test(text) ? Number(text) : undefined);
  if (number === undefined || number > 255)
    throw new FlowLogError(`has an unknown protocol, "${text}": give the flows as Calico wrote them`);
  return number;
}
