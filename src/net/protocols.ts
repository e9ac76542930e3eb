/**
 * IP protocols by name, with IANA's numbers
 * (https://www.iana.org/assignments/protocol-numbers, seen 2026-11). It has common names, too, that IANA does not have.
 */
const NAMES: ReadonlyMap<string, number> = new Map(
  Object.entries({
    icmp: 1,
    igmp: 2,
    ipv4: 4,
    ipencap: 4,
    egp: 8,
    igp: 9,
    dccp: 33,
    ipv6: 41,
    rsvp: 46,
    gre: 47,
    esp: 50,
    ah: 51,
    'ipv6-icmp': 58,
    icmpv6: 58,
    eigrp: 88,
    ospfigp: 89,
    ospf: 89,
    etherip: 97,
    pim: 103,
    ipcomp: 108,
    vrrp: 112,
    carp: 112,
    l2tp: 115,
    'isis-over-ipv4': 124,
    fc: 133,
    udplite: 136,
    'mpls-in-ip': 137,
    hip: 139,
    shim6: 140,
    ethernet: 143,
  }),
);

/** Protocols with ports, by name and by number. */
const WITH_PORTS: ReadonlyMap<string, string> = new Map([
  ['tcp', 'TCP'],
  ['6', 'TCP'],
  ['udp', 'UDP'],
  ['17', 'UDP'],
  ['sctp', 'SCTP'],
  ['132', 'SCTP'],
]);

/** The text is no protocol that can be named. The message says what to write. */
export class ProtocolError extends Error {
  override readonly name = 'ProtocolError';
}

/** Regular expression (RE2 and ECMAScript, anchored). It accepts everything that parseProtocol accepts, and more. */
export const PROTOCOL_PATTERN = '^[A-Za-z0-9-]{1,16}$';

/**
 * The number of a protocol, from its number or its name in either case.
 * @throws ProtocolError with the remedy in its message
 */
export function parseProtocol(value: number | string): number {
  const text = String(value).toLowerCase();
  if (text === 'ipip')
    throw new ProtocolError(
      'ipip is the name of protocol 94 at IANA, and IP-in-IP tunnels have 4: write 4 or 94',
    );
  const withPorts = WITH_PORTS.get(text);
  if (withPorts !== undefined)
    throw new ProtocolError(
      `${String(value)} has ports: write them in ports, as 1-65535/${withPorts} for all`,
    );
  const number = NAMES.get(text) ?? (/^[1-9][0-9]{0,2}$/.test(text) ? Number(text) : undefined);
  if (number === undefined || number > 255)
    throw new ProtocolError(
      `"${String(value)}" is no IP protocol: write a number from 1 to 255, or one of ${[...NAMES.keys()].join(', ')}`,
    );
  return number;
}
