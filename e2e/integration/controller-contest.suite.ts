/** Another client that changes our objects again and again. */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { conditionOf, eventually, firewall, isTrue, type Rig } from './controller-harness.ts';
import { generatedThings } from './controller-objects.ts';

export const contest = (rig: () => Rig): void => {
  describe('a contested object', () => {
    const { patch } = generatedThings(rig);
    beforeAll(async () => {
      await rig().apply(firewall());
      await rig().ready();
    }, 60_000);
    afterAll(() => rig().clear(), 60_000);

    test('is repaired with growing delays, and the status reports it', async () => {
      let order = 5000;
      await eventually(async () => {
        await patch('GlobalNetworkPolicy', { spec: { order: ++order } }, 'another-operator');
        const status = await rig().status();
        return status !== undefined && conditionOf(status, 'Programmed')?.reason === 'DriftContested';
      }, 'reason DriftContested');
      const status = await rig().status();
      expect(status !== undefined && isTrue(status, 'Stalled')).toBe(true);
    });
  });
};
