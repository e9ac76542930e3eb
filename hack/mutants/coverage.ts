/** Reads V8's counts: which positions of a file ran. Pure. */
import type { Profiler } from 'node:inspector';

/** @returns the indexes of positions that ran in any copy of the script: each test file loads its own */
export function coveredPositions(
  scripts: readonly Profiler.ScriptCoverage[],
  positions: readonly number[],
): readonly number[] {
  return [...positions.keys()].filter((index) =>
    scripts.some((script) => hasRun(script, positions[index] ?? 0)),
  );
}

/**
 * The innermost range decides. V8 gives a range to each function, and inside it to each branch with another
 * count.
 */
function hasRun({ functions }: Profiler.ScriptCoverage, position: number): boolean {
  const [innermost] = functions
    .flatMap(({ ranges }) => ranges)
    .filter(({ startOffset, endOffset }) => startOffset <= position && position < endOffset)
    .sort((a, b) => a.endOffset - a.startOffset - (b.endOffset - b.startOffset));
  return innermost !== undefined && innermost.count > 0;
}
