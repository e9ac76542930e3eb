/** An outage of the API server in the middle of a transition. */
import { afterAll, describe, expect, test } from '@jest/globals';
import { setTimeout as delay } from 'node:timers/promises';
import { eventually, firewall, rule, type Rig, type Write } from './controller-harness.ts';

/** Enough that the kill happens before the last of them is gone. */
const RULES = 20;
const observeOrEnforce = (mode: 'Observe' | 'Enforce'): object => {
  const ingress = Array.from({ length: RULES }, (_, index) => rule(`r${String(index)}`));
  return firewall({ mode, namespaces: [{ name: 'blog', namespaces: ['wordpress'], ingress }] });
};

/** A starting API server turns clients away for this long. Each watch of a node waits for it. */
const NODES_WAIT_MS = 5000;

const isBridge = ({ target }: Write): boolean => target.includes('-defaults-bridge-');
const isRemovedAllow = ({ target, verb }: Write): boolean =>
  verb === 'delete' && /^(global)?networkpolicies\/cfw-default-blog-/.test(target);

export const outage = (rig: () => Rig): void => {
  describe('after an outage of the API server in the middle of a transition', () => {
    afterAll(() => rig().clear(), 60_000);

    test('nodes get time to receive new objects before the next wave relies on these', async () => {
      const { faults } = rig().cluster;
      await rig().apply(observeOrEnforce('Enforce'));
      await rig().ready();
      const before = (await rig().writes()).length;
      const written = async (): Promise<readonly Write[]> => (await rig().writes()).slice(before);
      await rig().apply(observeOrEnforce('Observe'));
      await eventually(async () => (await written()).some(isBridge), 'a bridge to be written');
      await faults.killApiServer();
      // Longer than a wave settles without an outage.
      await delay(2000);
      const startedAt = Date.now();
      await faults.startApiServer();
      await rig().ready();
      const removed = (await written())
        .filter(isRemovedAllow)
        .map(({ receivedAt }) => Date.parse(receivedAt))
        .filter((at) => at > startedAt);
      expect(removed.length).toBeGreaterThan(0);
      expect(Math.min(...removed) - startedAt).toBeGreaterThan(NODES_WAIT_MS);
    });
  });
};
