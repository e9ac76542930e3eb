/** Counts the results of the phases of a run and lays them out. Pure. */

/** The numbers of a run of tests that matter here, as in Jest's `--json`. */
export interface JestResult {
  readonly numPassedTests: number;
  readonly numFailedTests: number;
  /** Files that could not be loaded at all. */
  readonly numRuntimeErrorTestSuites: number;
  readonly numPendingTests: number;
  readonly numTodoTests: number;
}

export interface Count {
  readonly passed: number;
  readonly failed: number;
  /** The fault, unless a failed test names it. */
  readonly remark?: string;
}

export interface PhaseResult extends Count {
  readonly name: string;
  readonly seconds: number;
}

/** @param filtered  true when a name filter leaves tests out on purpose, which are pending then. */
export function countTests(result: JestResult, exitCode: number, filtered: boolean): Count {
  const left = filtered ? 0 : result.numPendingTests + result.numTodoTests;
  const failed = result.numFailedTests + result.numRuntimeErrorTestSuites + left;
  const passed = result.numPassedTests;
  if (left > 0) return { passed, failed, remark: `${left} skipped, which counts as failed` };
  if (failed > 0) return { passed, failed };
  if (passed === 0) return { passed, failed: 1, remark: 'no test ran' };
  if (exitCode !== 0) return { passed, failed: 1, remark: `jest ended with ${exitCode}` };
  return { passed, failed };
}

/**
 * A table of phases and times, and as its last line the sum: `N passed, N failed`.
 * @param seconds of all, which is less than the sum where phases ran side by side
 */
export function summary(results: readonly PhaseResult[], seconds: number): string {
  const width = Math.max(...results.map((each) => each.name.length), 'total'.length);
  const line = (name: string, time: number, text: string): string =>
    `${name.padEnd(width)}  ${duration(time).padStart(10)}  ${text}`.trimEnd();
  const sum = (key: 'passed' | 'failed'): number => results.reduce((total, each) => total + each[key], 0);
  return [
    ...results.map((each) => line(each.name, each.seconds, outcome(each))),
    line('total', seconds, ''),
    '',
    `${sum('passed')} passed, ${sum('failed')} failed`,
  ].join('\n');
}

function outcome({ passed, failed, remark }: Count): string {
  const tests = passed > 0 ? `, ${passed} passed` : '';
  const why = remark === undefined ? '' : ` (${remark})`;
  return failed > 0 ? `FAILED${tests}, ${failed} failed${why}` : `ok${tests}`;
}

function duration(seconds: number): string {
  if (seconds < 60) return `${seconds.toFixed(1)} s`;
  return `${Math.floor(seconds / 60)} min ${Math.floor(seconds % 60)
    .toString()
    .padStart(2, '0')} s`;
}
