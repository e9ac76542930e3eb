import { expect } from '@jest/globals';
import type { ProbeResult, ProbeTarget } from '../../cluster.ts';
import type { NodeStage } from './stage.ts';

/** Expected answers get a long time. Other probes get less than a second, so each is one SYN. */
const TIMEOUT = { allowed: 3000, refused: 800 } as const;

export interface Attempt extends Omit<ProbeTarget, 'host'> {
  readonly from: string;
  readonly to: readonly string[];
}

/**
 * Everything that was written must have been programmed.
 * @throws where one of the addresses has an unexpected verdict
 */
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
