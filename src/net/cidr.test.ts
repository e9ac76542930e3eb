import { describe, expect, test } from '@jest/globals';
import * as cidrTools from 'cidr-tools';
import fc from 'fast-check';
import ipaddr from 'ipaddr.js';
import type { Cidr } from './cidr.ts';
import {
  AddressError,
  compareCidr,
  containsCidr,
  distinctCidrs,
  formatAddress,
  formatCidr,
  overlapsCidr,
  parseAddress,
  parseCidr,
  subtractCidrs,
  unionCidrs,
} from './cidr.ts';

const BITS = { 4: 32, 6: 128 } as const;

function cidrOf(family: 4 | 6, value: bigint, prefix: number): Cidr {
  const host = BigInt(BITS[family] - prefix);
  return { family, value: (value >> host) << host, prefix };
}

const isMapped = (cidr: Cidr): boolean =>
  cidr.family === 6 && cidr.prefix >= 96 && cidr.value >> 32n === 0xffffn;

/** Any valid CIDR. */
const anyCidr = fc.constantFrom<4 | 6>(4, 6).chain((family) =>
  fc
    .tuple(fc.bigInt({ min: 0n, max: (1n << BigInt(BITS[family])) - 1n }), fc.nat({ max: BITS[family] }))
    .map(([value, prefix]) => cidrOf(family, value, prefix))
    .filter((cidr) => !isMapped(cidr)),
);

/** CIDRs of one family within 64 neighbouring addresses, so they often overlap. */
const neighbours = (family: 4 | 6) =>
  fc
    .tuple(fc.bigInt({ min: 0n, max: 63n }), fc.integer({ min: BITS[family] - 6, max: BITS[family] }))
    .map(([low, prefix]) => cidrOf(family, (family === 4 ? 0x0a000000n : 0x20010db8n << 96n) + low, prefix));

const neighbourhood = fc
  .constantFrom<4 | 6>(4, 6)
  .chain((family) =>
    fc.record({ base: neighbours(family), others: fc.array(neighbours(family), { maxLength: 8 }) }),
  );

const texts = (cidrs: readonly Cidr[]): string[] => cidrs.map(formatCidr);
const sortedTexts = (list: readonly string[]): string[] =>
  texts(list.map((text) => (text.includes('/') ? parseCidr(text) : parseAddress(text))).sort(compareCidr));

describe('reading a CIDR', () => {
  test.each([
    ['10.0.0.0/8', '10.0.0.0/8'],
    ['0.0.0.0/0', '0.0.0.0/0'],
    ['255.255.255.255/32', '255.255.255.255/32'],
    ['::/0', '::/0'],
    ['::1/128', '::1/128'],
    ['2001:DB8::/48', '2001:db8::/48'],
    ['2001:0db8:0000:0000:0000:0000:0000:0000/32', '2001:db8::/32'],
    ['2001:db8:0:0:1:0:0:1/128', '2001:db8::1:0:0:1/128'],
    ['2001:db8:0:1:1:1:1:1/128', '2001:db8:0:1:1:1:1:1/128'],
    ['1:2:3:4:5:6:7::/128', '1:2:3:4:5:6:7:0/128'],
    ['::2:3:4:5:6:7:8/128', '0:2:3:4:5:6:7:8/128'],
    ['64:ff9b::192.0.2.0/120', '64:ff9b::c000:200/120'],
    ['64:ff9b:0:0:0:0:192.0.2.0/120', '64:ff9b::c000:200/120'],
  ])('%s is %s', (written, canonical) => {
    expect(formatCidr(parseCidr(written))).toBe(canonical);
  });

  test.each([
    ['10.0.0.1', 'has no mask: write 10.0.0.1/32 for one address'],
    ['2001:db8::1', 'has no mask: write 2001:db8::1/128 for one address'],
    ['10.0.0.1/8', '10.0.0.1/8 has host bits: did you mean 10.0.0.0/8?'],
    ['2001:db8::1/64', 'has host bits: did you mean 2001:db8::/64?'],
    ['10.0.0.0/0', 'has host bits: did you mean 0.0.0.0/0?'],
    ['010.0.0.0/8', 'has leading zeros, which some programs read as octal: did you mean 10.0.0.0'],
    ['10.0.0.00/8', 'has leading zeros'],
    ['10.0.0.0/33', 'mask that is too long: IPv4 ends at /32'],
    ['2001:db8::/129', 'mask that is too long: IPv6 ends at /128'],
    ['10.0.0.0/', 'has no valid mask: write /0 to /32'],
    ['10.0.0.0/08', 'has no valid mask'],
    ['10.0.0.0/-1', 'has no valid mask'],
    ['10.0.0.0/8/8', 'has no valid mask'],
    ['10.0.0.0/255.0.0.0', 'has no valid mask'],
    ['::ffff:1.2.3.4/128', 'is an IPv4-mapped IPv6 address, which no packet carries: write 1.2.3.4/32'],
    ['::ffff:10.0.0.1/104', 'write 10.0.0.0/8'],
    ['::ffff:a00:0/104', 'write 10.0.0.0/8'],
    ['::ffff:0:0/96', 'write 0.0.0.0/0'],
    ['fe80::1%eth0/64', 'has a zone, which a firewall cannot match'],
    ['256.0.0.0/8', '256.0.0.0 is not an IPv4 address: 256 is more than 255'],
    ['10.0.0/8', '"10.0.0" is not an IP address'],
    ['10.0.0.0.0/8', 'is not an IP address'],
    ['10.0.0.x/8', 'is not an IP address'],
    ['10.0.0.0x/8', 'is not an IP address'],
    [' 10.0.0.0/8', 'is not an IP address'],
    ['/8', 'an empty text is not an IP address'],
    ['', 'an empty text is not an IP address'],
    ['office', '"office" is not an IP address'],
    ['2001:db8/32', 'is not an IPv6 address: write eight groups'],
    ['1:2:3:4:5:6:7:8:9/128', 'is not an IPv6 address'],
    ['1:2:3:4:5:6:7::8/128', 'is not an IPv6 address'],
    ['1::2::3/128', 'is not an IPv6 address'],
    [':::/0', 'is not an IPv6 address'],
    ['12345::/16', '"12345" is not a group of one to four hex digits'],
    ['g::/16', '"g" is not a group'],
    ['1.2.3.4::/16', '"1.2.3.4" is not a group'],
    ['::1.2.3.4:5/128', '"1.2.3.4" is not a group'],
    ['::1.2.3.04/128', 'has leading zeros'],
    [':1::/16', 'an empty text is not a group'],
  ])('%s is refused', (written, message) => {
    expect(() => parseCidr(written)).toThrow(AddressError);
    expect(() => parseCidr(written)).toThrow(message);
  });

  test('the address part of a bare address without a mask may itself be wrong', () => {
    expect(() => parseCidr('010.0.0.1')).toThrow('has leading zeros');
  });

  test('its text reads back as the same CIDR, and ipaddr.js reads the same bytes', () => {
    fc.assert(
      fc.property(anyCidr, (cidr) => {
        const text = formatCidr(cidr);
        expect(parseCidr(text)).toEqual(cidr);
        const [address, prefix] = ipaddr.parseCIDR(text);
        const bytes = address.toByteArray().reduce((value, byte) => (value << 8n) | BigInt(byte), 0n);
        expect({ value: bytes, prefix }).toEqual({ value: cidr.value, prefix: cidr.prefix });
      }),
    );
  });

  test('IPv6 text follows RFC 5952, as in ipaddr.js', () => {
    const fewGroups = fc.array(fc.constantFrom(0, 0, 1, 0xabc), { minLength: 8, maxLength: 8 });
    fc.assert(
      fc.property(fewGroups, fc.boolean(), (groups, upper) => {
        const long = groups.map((group) => group.toString(16).padStart(4, '0')).join(':');
        expect(formatAddress(parseAddress(upper ? long.toUpperCase() : long))).toBe(
          new ipaddr.IPv6(groups).toRFC5952String(),
        );
      }),
    );
  });
});

describe('reading an address', () => {
  test('it is a CIDR of full prefix', () => {
    expect(formatCidr(parseAddress('169.254.20.10'))).toBe('169.254.20.10/32');
    expect(formatAddress(parseAddress('FD00:EC2::254'))).toBe('fd00:ec2::254');
  });

  test.each([
    ['10.0.0.1/32', 'has a mask: write the address alone'],
    ['::ffff:1.2.3.4', /IPv4-mapped IPv6 address, which no packet carries: write 1\.2\.3\.4$/],
    ['fe80::1%eth0', 'has a zone'],
    ['010.0.0.1', 'did you mean 10.0.0.1?'],
  ])('%s is refused', (written, message) => {
    expect(() => parseAddress(written)).toThrow(message);
  });
});

describe('sets of addresses', () => {
  const parsed = (list: readonly string[]) => list.map(parseCidr);

  test('contains and overlaps agree with cidr-tools', () => {
    fc.assert(
      fc.property(neighbourhood, ({ base, others }) => {
        for (const other of others) {
          const [a, b] = [formatCidr(base), formatCidr(other)];
          expect(containsCidr(base, other)).toBe(cidrTools.containsCidr(a, b));
          expect(overlapsCidr(base, other)).toBe(cidrTools.overlapCidr(a, b));
        }
      }),
    );
  });

  test('families never overlap, not even as everything', () => {
    expect(containsCidr(parseCidr('::/0'), parseCidr('10.0.0.0/8'))).toBe(false);
    expect(overlapsCidr(parseCidr('0.0.0.0/0'), parseCidr('::/0'))).toBe(false);
    expect(texts(subtractCidrs(parseCidr('0.0.0.0/0'), parsed(['::/0'])))).toEqual(['0.0.0.0/0']);
  });

  test('sorting puts IPv4 first, then the lower address, then the larger block', () => {
    const sorted = ['9.0.0.0/8', '10.0.0.0/8', '10.0.0.0/16', '10.1.0.0/16', '::/0', '::/64', '1::/16'];
    expect(texts(parsed([...sorted].reverse()).sort(compareCidr))).toEqual(sorted);
    expect(compareCidr(parseCidr('10.0.0.0/8'), parseCidr('9.0.0.0/8'))).toBeGreaterThan(0);
  });

  test.each([
    ['203.0.113.0/24', ['203.0.113.128/25'], ['203.0.113.0/25']],
    ['10.0.0.0/30', ['10.0.0.1/32'], ['10.0.0.0/32', '10.0.0.2/31']],
    ['10.0.0.0/24', ['10.0.0.0/25', '10.0.0.128/25'], []],
    ['10.0.0.0/24', ['10.0.0.0/8'], []],
    ['10.0.0.0/24', ['192.0.2.0/24'], ['10.0.0.0/24']],
    ['10.0.0.0/24', [], ['10.0.0.0/24']],
    ['2001:db8::/62', ['2001:db8:0:1::/64'], ['2001:db8::/64', '2001:db8:0:2::/63']],
  ])('%s without %j is %j', (base, excepts, left) => {
    expect(texts(subtractCidrs(parseCidr(base), parsed(excepts)))).toEqual(left);
  });

  test('subtraction ends at as many CIDRs as it is told, the lowest', () => {
    fc.assert(
      fc.property(neighbourhood, fc.nat(20), ({ base, others }, most) => {
        expect(subtractCidrs(base, others, most)).toEqual(subtractCidrs(base, others).slice(0, most));
      }),
    );
  });

  test('subtraction agrees with cidr-tools and is the fewest CIDRs, sorted', () => {
    fc.assert(
      fc.property(neighbourhood, ({ base, others }) => {
        const left = subtractCidrs(base, others);
        expect(texts(left)).toEqual(sortedTexts(cidrTools.excludeCidr(formatCidr(base), texts(others))));
        expect(unionCidrs(left)).toEqual(left);
      }),
    );
  });

  test('a result from all of IPv6 never contains the IPv4-mapped block, which Calico would read as 0.0.0.0/0', () => {
    const left = texts(subtractCidrs(parseCidr('::/0'), parsed(['::fffe:0:0/96', '2001:db8::/32'])));
    expect(left).toContain('8000::/1');
    expect(left).not.toContain('::ffff:0:0/96');
  });

  test.each([
    [['10.0.0.0/25', '10.0.0.128/25'], ['10.0.0.0/24']],
    [['10.0.0.128/25', '10.0.1.0/24', '10.0.0.0/25'], ['10.0.0.0/23']],
    [
      ['9.0.0.0/16', '10.0.0.0/25', '10.0.0.128/25'],
      ['9.0.0.0/16', '10.0.0.0/24'],
    ],
    [
      ['10.0.0.0/25', '10.0.0.128/26'],
      ['10.0.0.0/25', '10.0.0.128/26'],
    ],
    [
      ['9.0.0.0/16', '10.0.0.0/25', '10.0.1.0/25'],
      ['9.0.0.0/16', '10.0.0.0/25', '10.0.1.0/25'],
    ],
    [
      ['10.0.1.0/24', '10.0.2.0/24'],
      ['10.0.1.0/24', '10.0.2.0/24'],
    ],
    [['10.0.0.0/8', '10.1.0.0/16', '10.0.0.0/8'], ['10.0.0.0/8']],
    [
      ['::/1', '8000::/1', '0.0.0.0/1', '128.0.0.0/1'],
      ['0.0.0.0/0', '::/0'],
    ],
    [
      ['0.0.0.0/0', '0.0.0.0/0', '::/0'],
      ['0.0.0.0/0', '::/0'],
    ],
    [[], []],
  ])('the union of %j is %j', (list, union) => {
    expect(texts(unionCidrs(parsed(list)))).toEqual(union);
  });

  test('distinct CIDRs cover the same addresses, and one more removes only those that it contains', () => {
    fc.assert(
      fc.property(
        fc.array(fc.oneof(neighbours(4), neighbours(6)), { maxLength: 12 }),
        fc.oneof(neighbours(4), neighbours(6)),
        (list, more) => {
          const distinct = distinctCidrs(list);
          expect(unionCidrs(distinct)).toEqual(unionCidrs(list));
          const kept = distinct.filter((each) => !containsCidr(more, each));
          expect(texts(distinctCidrs([...list, more]))).toEqual(expect.arrayContaining(texts(kept)));
        },
      ),
    );
  });

  test('union agrees with cidr-tools, whatever the order, and leaves its argument alone', () => {
    fc.assert(
      fc.property(fc.array(fc.oneof(neighbours(4), neighbours(6)), { maxLength: 12 }), (list) => {
        const before = [...list];
        expect(texts(unionCidrs(list))).toEqual(sortedTexts(cidrTools.mergeCidr(texts(list))));
        expect(unionCidrs([...list].reverse())).toEqual(unionCidrs(list));
        expect(list).toEqual(before);
      }),
    );
  });
});
