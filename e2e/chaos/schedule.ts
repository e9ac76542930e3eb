/** Chooses the faults of a campaign. Pure: the seed decides. */
import { FAULT_CLASSES } from './faults/all.ts';
import type { FaultClass } from './faults/fault.ts';
import { seeded } from '../harness/random.ts';

export interface Turn {
  /** Starts at 1. */
  readonly number: number;
  readonly fault: FaultClass;
  /**
   * Seed for the draws of this turn. A turn depends on earlier ones only through the state that they left.
   */
  readonly seed: number;
}

/** Minimum number of turns for each class, as far as there are enough. */
const LEAST = 5;

export function schedule(
  count: number,
  seed: number,
  classes: readonly FaultClass[] = FAULT_CLASSES,
): readonly Turn[] {
  const random = seeded(seed);
  const least = Array.from({ length: LEAST }, () => random.shuffle(classes))
    .flat()
    .slice(0, count);
  const weighted = classes.flatMap((fault) => Array.from({ length: fault.weight }, () => fault));
  const pool = weighted.length > 0 ? weighted : classes;
  const rest = Array.from({ length: count - least.length }, () => random.pick(pool));
  return random
    .shuffle([...least, ...rest])
    .map((fault, i) => ({ number: i + 1, fault, seed: random.between(0, 2 ** 31) }));
}
