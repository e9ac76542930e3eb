/** Repeats packets until they have the expected verdicts. */
import type { ProbeResult } from '../cluster.ts';
import { waitFor } from '../wait.ts';

/**
 * Expected answers get a long time, because a busy machine is slow. Other probes get less than a second, so
 * each is one SYN.
 */
export const TIMEOUT = { allowed: 3000, refused: 800 } as const;
const MATCHES_WITHIN = 90_000;

export interface Seen {
  readonly expected: keyof typeof TIMEOUT;
  readonly result: ProbeResult;
}

interface Matching<Tried, Outcome extends Tried & Seen> {
  readonly look: (some: readonly Tried[]) => Promise<readonly Outcome[]>;
  readonly describe: (wrong: readonly Outcome[]) => string;
}

/**
 * Waits until packets have the expected verdicts, and then checks all of them once more. Resolves to the
 * verdicts of that check.
 * @throws with all unexpected verdicts
 */
export async function settle<Tried, Outcome extends Tried & Seen>(
  all: readonly Tried[],
  { look, describe }: Matching<Tried, Outcome>,
): Promise<readonly Outcome[]> {
  let wrong: readonly Outcome[] = [];
  let pending: readonly Tried[] = all;
  await waitFor(
    async () => {
      wrong = (await look(pending)).filter(isWrong);
      pending = wrong;
      return wrong.length === 0 || undefined;
    },
    {
      what: 'packets to match the table',
      within: MATCHES_WITHIN,
      explain: () => Promise.resolve(describe(wrong)),
    },
  );
  const seen = await look(all);
  wrong = seen.filter(isWrong);
  if (wrong.length > 0)
    throw new Error(`packets matched the table once, but not a second time:\n${describe(wrong)}`);
  return seen;
}

const isWrong = ({ expected, result }: Seen): boolean => result.verdict !== expected;
