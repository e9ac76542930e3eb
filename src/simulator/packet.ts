/** A packet at one place of its way. */
import { parseAddress } from '../net/cidr.ts';

/** `established` stands for every later packet of a connection, `invalid` for one that belongs to none. */
export type ConnectionState = 'new' | 'established' | 'invalid';

export interface Header {
  readonly family: 4 | 6;
  /** IANA's number. */
  readonly protocol: number;
  /** 0 for protocols without ports. */
  readonly sourcePort: number;
  readonly port: number;
  readonly icmpType: number;
  readonly icmpCode: number;
  readonly state: ConnectionState;
}

export const familyOf = (address: string): 4 | 6 => (address.includes(':') ? 6 : 4);

export const valueOf = (address: string): bigint => parseAddress(address).value;

/**
 * Types of ICMPv6 that Felix lets a pod send to its node, whatever policies say: queries and reports of multicast
 * listeners, solicitations and advertisements of neighbours.
 */
export const NEIGHBOUR_DISCOVERY: ReadonlySet<number> = new Set([130, 131, 132, 133, 135, 136]);
