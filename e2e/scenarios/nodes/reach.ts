import { expect } from '@jest/globals';
import type { ProbeResult, ProbeTarget } from '../../cluster.ts';
import type { NodeStage } from './stage.ts';

/** Long for what must be answered, below a second for what must not, so that it is one SYN. */
const TIMEOUT = { allowed: 3000, refused: 800 } as const;

export interface Attempt extends Omit<ProbeTarget, 'host'> {
  readonly from: string;
  readonly to: readonly string[];
}

/** What has been written must have been programmed. @throws where one of the addresses is not as expected */
export async function reaches(
  stage: NodeStage,
  expected: 'allowed' | 'refused',
  { from, to, ...target }: Attempt,
): Promise<readonly ProbeResult[]> {
  const timeout = TIMEOUT[expected];
  const results = await Promise.all(
    to.map((host) => stage.endpoint(from).probe({ ...target, host }, { timeout })),
  );
  const seen = Object.fromEntries(
    results.map(({ verdict }, i) => [`${from} → ${to[i]} ${target.port}`, verdict]),
  );
  expect(seen).toEqual(Object.fromEntries(Object.keys(seen).map((key) => [key, expected])));
  return results;
}
