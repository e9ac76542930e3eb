import { expect, test } from '@jest/globals';
import { parseProtocol, PROTOCOL_PATTERN } from './protocols.ts';

test.each([
  ['vrrp', 112],
  ['VRRP', 112],
  ['gre', 47],
  ['ospfigp', 89],
  ['ipv4', 4],
  ['47', 47],
  [47, 47],
  [255, 255],
])('%s is protocol %d', (text, number) => {
  expect(parseProtocol(text)).toBe(number);
  expect(String(text)).toMatch(new RegExp(PROTOCOL_PATTERN));
});

test.each([
  ['ipip', 'write 4 or 94'],
  ['tcp', 'write them in ports, as 1-65535/TCP for all'],
  [17, 'write them in ports, as 1-65535/UDP for all'],
  ['132', '1-65535/SCTP'],
  ['carpet', 'write a number from 1 to 255, or one of'],
  [0, 'a number from 1 to 255'],
  [256, 'a number from 1 to 255'],
  ['047', 'a number from 1 to 255'],
  [4.5, 'a number from 1 to 255'],
  ['constructor', 'one of'],
])('%s is none, and the message says what to write', (text, remedy) => {
  expect(() => parseProtocol(text)).toThrow(remedy);
});
