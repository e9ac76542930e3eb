import { expect, test } from '@jest/globals';
import ipaddr from 'ipaddr.js';
import { containsCidr, parseAddress } from './cidr.ts';
import { NOT_INTERNET } from './internet.ts';

const isInternet = (address: string): boolean =>
  !NOT_INTERNET.some((net) => containsCidr(net, parseAddress(address)));

test.each(['1.1.1.1', '9.9.9.9', '172.15.255.255', '172.32.0.0', '192.0.1.0', '223.255.255.255'])(
  '%s is of the Internet',
  (address) => {
    expect(isInternet(address)).toBe(true);
  },
);

test.each(['2600::1', '2620:fe::9', '2a00::1', '64:ff9b::808:808', '2001:200::1'])(
  '%s is of the Internet, over IPv6',
  (address) => {
    expect(isInternet(address)).toBe(true);
  },
);

test.each([
  ['0.0.0.0', 'unspecified'],
  ['10.1.2.3', 'private'],
  ['100.64.0.1', 'carrierGradeNat'],
  ['127.0.0.1', 'loopback'],
  ['169.254.169.254', 'linkLocal'],
  ['172.16.0.1', 'private'],
  ['172.31.255.255', 'private'],
  ['192.0.0.9', 'reserved'],
  ['192.0.2.1', 'reserved'],
  ['192.88.99.1', 'reserved'],
  ['192.168.1.1', 'private'],
  ['198.51.100.7', 'reserved'],
  ['203.0.113.9', 'reserved'],
  ['224.0.0.1', 'multicast'],
  ['239.255.255.250', 'multicast'],
  ['240.0.0.1', 'reserved'],
  ['255.255.255.255', 'broadcast'],
  ['::', 'unspecified'],
  ['::1', 'loopback'],
  ['100::1', 'discard'],
  ['2001::1', 'teredo'],
  ['2001:db8::7', 'reserved'],
  ['2002::1', '6to4'],
  ['fc00::1', 'uniqueLocal'],
  ['fd00:ec2::254', 'uniqueLocal'],
  ['fe80::1', 'linkLocal'],
  ['ff02::1', 'multicast'],
])('%s is not: ipaddr.js calls it %s', (address, range) => {
  expect(isInternet(address)).toBe(false);
  expect(ipaddr.parse(address).range()).toBe(range);
});

test.each(['64:ff9b:1::1', '100:0:0:1::1', '198.18.0.1', '3fff::1', '5f00::1', '2001:1ff::1'])(
  '%s is not',
  (address) => {
    expect(isInternet(address)).toBe(false);
  },
);
