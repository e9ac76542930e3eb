/** Protocols as Calico's flow logs write them. */
import { PROTOCOL } from '../calico/read/protocols.ts';
import { FlowLogError, type Flow } from './flow.ts';

/** felix/collector/utils/utils.go has the names of flow logs. Others are numbers there. */
const NUMBERS: ReadonlyMap<string, number> = new Map(
  Object.entries({
    ...PROTOCOL,
    'icmp-v6': PROTOCOL.ICMPv6,
    icmp6: PROTOCOL.ICMPv6,
    IPv6ICMP: PROTOCOL.ICMPv6,
    ipip: 4,
    esp: 50,
  }).map(([name, number]) => [name.toLowerCase(), number]),
);

/** @throws FlowLogError */
export function protocolOf(text: string): number {
  const number = NUMBERS.get(text.toLowerCase()) ?? (/^\d{1,3}$/.test(text) ? Number(text) : undefined);
  if (number === undefined || number > 255)
    throw new FlowLogError(`has an unknown protocol, "${text}": give the flows as Calico wrote them`);
  return number;
}

/** For ICMP of IPv4, flow logs have type and code in place of the port (felix/collector/iptables.go). */
export const portOf = (protocol: number, port: number): Pick<Flow, 'port' | 'icmpType'> =>
  protocol === PROTOCOL.ICMP && port > 0 ? { port: 0, icmpType: port >> 8 } : { port };
