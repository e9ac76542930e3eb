/** Addresses as iptables writes them. */
import { AddressError, type Cidr, formatCidr, parseAddress, parseCidr } from '../../net/cidr.ts';
import { type Family, ofCidr, ofRange } from '../addresses.ts';
import { type Spans, union } from '../spans.ts';

/** The message says which criterion is wrong. */
export class MatchError extends Error {
  override readonly name = 'MatchError';
}

/** @throws MatchError for an address of the other family */
export function networks(text: string, family: Family): Spans {
  return union(
    ...text.split(',').map((each) => {
      const cidr = readNetwork(each);
      if (cidr.family !== family)
        throw new MatchError(
          `${each} is an address of IPv${String(cidr.family)} in a table of IPv${String(family)}`,
        );
      return ofCidr(cidr);
    }),
  );
}

/** @throws MatchError */
export function readNetwork(text: string): Cidr {
  const [address = '', mask] = text.split('/');
  try {
    const { family, value } = parseAddress(address);
    const bits = family === 4 ? 32 : 128;
    const prefix = mask === undefined ? bits : prefixOf(mask, text);
    if (prefix > bits) throw new MatchError(`${text} has a mask that is too long`);
    const host = BigInt(bits - prefix);
    return { family, value: (value >> host) << host, prefix };
  } catch (error) {
    if (!(error instanceof AddressError)) throw error;
    throw new MatchError(error.message);
  }
}

function prefixOf(mask: string, text: string): number {
  if (/^\d{1,3}$/.test(mask)) return Number(mask);
  const bits = mask
    .split('.')
    .map((octet) => Number(octet).toString(2).padStart(8, '0'))
    .join('');
  if (/^1*0*$/.test(bits) && bits.length === 32) return bits.replaceAll('0', '').length;
  throw new MatchError(
    `${text} has a mask that is no prefix: write it as ${formatCidr(parseCidr('192.0.2.0/24'))} is written`,
  );
}

/** @throws MatchError */
export function rangeOf(text: string): Spans {
  const [from = '', to = from] = text.split('-');
  const ends = [readNetwork(from), readNetwork(to)] as const;
  if (ends[0].family !== ends[1].family || ends[0].value > ends[1].value)
    throw new MatchError(`${text} is no range of addresses`);
  return ofRange(ends);
}
