/** The counters of a node's packet filter, read in the way of `clusterfirewall counters`. */
import type { StartedNode } from '../../cluster.ts';
import { countByRule, type RuleCounter } from '../../../src/cli/packet-filter/counters.ts';
import { readPacketFilter } from '../../../src/cli/packet-filter/lines.ts';
import { waitFor } from '../../wait.ts';

const WITHIN = 90_000;

/** Waits until packets were counted there. */
export async function counted(
  node: StartedNode,
  wanted: Pick<RuleCounter, 'rule' | 'verdict'> & Partial<Pick<RuleCounter, 'where'>>,
): Promise<void> {
  let seen: readonly RuleCounter[] = [];
  await waitFor(
    async () => {
      seen = countByRule(readPacketFilter(await node.packetFilter()));
      return seen.some((each) => each.packets > 0 && matches(each, wanted)) || undefined;
    },
    {
      what: `${node.name} to count packets: ${JSON.stringify(wanted)}`,
      within: WITHIN,
      explain: () => Promise.resolve(JSON.stringify(seen)),
    },
  );
}

const matches = (counter: RuleCounter, wanted: Partial<RuleCounter>): boolean =>
  Object.entries(wanted).every(([key, value]) => counter[key as keyof RuleCounter] === value);
