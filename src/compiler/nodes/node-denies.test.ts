import { expect, test } from '@jest/globals';
import { parseCidr } from '../../net/cidr.ts';
import { familiesWithoutPools } from './node-denies.ts';

test.each([
  [[], [4, 6]],
  [['10.244.0.0/16', '10.245.0.0/16'], [6]],
  [['fd00:244::/48'], [4]],
  [['10.244.0.0/16', 'fd00:244::/48'], []],
])('families without a pool among %j: %j', (pools, families) => {
  expect(familiesWithoutPools(pools.map(parseCidr))).toEqual(families);
});
