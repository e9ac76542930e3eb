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
