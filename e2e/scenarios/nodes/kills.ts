/** Draws the transitions that the operator does not survive, and the time of its death, anew in each run. */
import { seeded } from '../../harness/random.ts';

/** The latest moment of a kill: a transition takes about four seconds when the operator lives. */
const LATEST_MS = 4000;

/** Keyed by transition: the number of milliseconds from its begin until the operator is killed. */
export type Kills = ReadonlyMap<string, number>;

/**
 * `KILLS` (default 1) transitions of each kind, at `SEED` (default a random one), which is printed.
 * @throws RangeError when either is no whole number
 */
export function drawKills(kinds: Readonly<Record<string, readonly string[]>>): Kills {
  const kills = fromEnvironment('KILLS', 1);
  const seed = fromEnvironment('SEED', Math.floor(Math.random() * 2 ** 31));
  const random = seeded(seed);
  const drawn = Object.values(kinds)
    .flatMap((names) => random.shuffle(names).slice(0, kills))
    .map((name) => [name, random.between(0, LATEST_MS)] as const);
  const list = drawn.map(([name, ms]) => `${name} (${String(ms)} ms)`).join(', ');
  process.stderr.write(`\nKILLS=${String(kills)} SEED=${String(seed)} kills the operator amid: ${list}\n`);
  return new Map(drawn);
}

function fromEnvironment(name: string, otherwise: number): number {
  const value = Number(process.env[name] ?? otherwise);
  if (!Number.isSafeInteger(value) || value < 0)
    throw new RangeError(`${name} must be a whole number, not "${process.env[name] ?? ''}"`);
  return value;
}
