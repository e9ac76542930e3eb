/** Which faults a campaign consists of. Pure: the seed decides. */
import { FAULT_CLASSES } from './faults/all.ts';
import type { FaultClass } from './faults/fault.ts';
import { seeded } from '../harness/random.ts';

export interface Turn {
  /** From 1. */
  readonly number: number;
  readonly fault: FaultClass;
  /** Of what is drawn in this turn: a turn does not depend on those before it, but for the state they left. */
  readonly seed: number;
}

/** Every class this often before any gets more, as far as there are turns. */
const LEAST = 5;

export function programme(
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
