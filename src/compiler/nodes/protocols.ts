/** Protocols without ports, and everything but some traffic, as Calico rules match them. */
import type { PortValue } from '../../api/schema.ts';
import type { Protocol } from '../../calico/types.ts';
import { otherPorts, parsePort } from '../../net/ports.ts';
import { parseProtocol } from '../../net/protocols.ts';
import { matchPorts, type PortMatch } from '../flows/rules.ts';

export interface ProtocolMatch {
  readonly protocol: Protocol;
  readonly ipVersion?: 4 | 6;
}

const ICMP = 1;
const ICMPV6 = 58;

export function protocolMatch(number: number): ProtocolMatch {
  if (number === ICMP) return { protocol: 'ICMP', ipVersion: 4 };
  if (number === ICMPV6) return { protocol: 'ICMPv6', ipVersion: 6 };
  return { protocol: number };
}

export const matchProtocols = (values: readonly (number | string)[]): readonly ProtocolMatch[] =>
  [...new Set(values.map(parseProtocol))].map(protocolMatch);

const TRANSPORTS = { TCP: 6, UDP: 17, SCTP: 132 } as const;
const BY_NUMBER: ReadonlyMap<number, Protocol> = new Map(
  Object.entries(TRANSPORTS).map(([name, number]) => [number, name as keyof typeof TRANSPORTS]),
);
const LAST_PROTOCOL = 255;

/** Everything but these ports and protocols. */
export function matchOthers(
  ports: readonly PortValue[],
  protocols: readonly (number | string)[],
): readonly PortMatch[] {
  const parsed = ports.map(parsePort);
  const transports = new Set(
    parsed.flatMap((port) => (port.kind === 'range' ? [TRANSPORTS[port.protocol]] : [])),
  );
  const isIcmp = parsed.some(({ kind }) => kind === 'icmp');
  const left = (family: 4 | 6): readonly number[] => [
    ...new Set([
      ...transports,
      ...protocols.map(parseProtocol),
      ...(isIcmp ? [family === 4 ? ICMP : ICMPV6] : []),
    ]),
  ];
  const open = matchPorts(otherPorts(ports)).filter(({ protocol }) =>
    [...transports].some((number) => BY_NUMBER.get(number) === protocol),
  );
  if (!isIcmp) return [...open, ...allBut(left(4))];
  return [
    ...open,
    ...([4, 6] as const).flatMap((ipVersion) =>
      allBut(left(ipVersion)).map((match) => ({ ...match, ipVersion })),
    ),
  ];
}

/** A Calico rule can leave out one protocol. With more of them, each of the others has a rule. */
function allBut(left: readonly number[]): readonly PortMatch[] {
  const [only, ...more] = left;
  if (only === undefined) return [{}];
  if (more.length === 0) return [{ notProtocol: BY_NUMBER.get(only) ?? only }];
  return Array.from({ length: LAST_PROTOCOL }, (_, index) => index + 1)
    .filter((number) => !left.includes(number))
    .map((number) => ({ protocol: BY_NUMBER.get(number) ?? number }));
}
