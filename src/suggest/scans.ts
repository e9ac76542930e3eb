/** Sources that look as if they tried doors: nobody answered most of what they asked for. */
import type { Counted } from '../traffic/tally.ts';

/** A source that is refused by so many ends and ports, most of which never answered, is no client of them. */
const FEWEST_TARGETS = 8;

interface Attempts {
  targets: number;
  unanswered: number;
}

/** The sources that scan: addresses outside, and keys of ends of the cluster. */
export function scannersIn(flows: readonly Counted[]): ReadonlySet<string> {
  const attempts = new Map<string, Attempts>();
  const note = (source: string, isUnanswered: boolean): void => {
    const known = attempts.get(source) ?? { targets: 0, unanswered: 0 };
    known.targets += 1;
    if (isUnanswered) known.unanswered += 1;
    attempts.set(source, known);
  };
  for (const { from, connections, unanswered, addresses } of flows) {
    if (from.address === undefined) note(from.key, unanswered >= connections);
    else for (const [address, count] of addresses) note(address, count.unanswered >= count.connections);
  }
  const scanners = [...attempts].filter(
    ([, { targets, unanswered }]) => targets >= FEWEST_TARGETS && unanswered * 2 > targets,
  );
  return new Set(scanners.map(([source]) => source));
}
