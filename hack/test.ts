/**
 * Runs the phases named on the command line, or all phases of `make test`. A failed phase does not stop the
 * others. The last line on standard output is `N passed, N failed`.
 *   node hack/test.ts unit
 */
import { ALL, NEEDS, PHASES } from './phases.ts';
import type { PhaseName } from './phases.ts';
import { summary } from './summary.ts';
import type { PhaseResult } from './summary.ts';

const names = process.argv.slice(2);
const unknown = names.filter((name) => !isPhase(name));
if (unknown.length > 0) {
  console.error(`no such phase: ${unknown.join(', ')}; there are ${Object.keys(PHASES).join(', ')}`);
  process.exit(2);
}

// The terminal sends Ctrl-C to the whole group. The running phase cleans up and ends, and then we do.
const interruption = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.on(signal, () => {
    interruption.abort();
  });
}

const results: PhaseResult[] = [];
const started = performance.now();
for (const row of names.length > 0 ? names.filter(isPhase).map((name) => [name]) : ALL) {
  if (interruption.signal.aborted) break;
  results.push(...(await Promise.all(row.map(runPhase))));
}
console.log(`\n${summary(results, secondsSince(started))}`);
process.exitCode = interruption.signal.aborted ? 130 : results.some((each) => each.failed > 0) ? 1 : 0;

function isPhase(name: string): name is PhaseName {
  return Object.hasOwn(PHASES, name);
}

async function runPhase(name: PhaseName): Promise<PhaseResult> {
  const need = NEEDS[name];
  if (need !== undefined && results.some((each) => each.name === need && each.failed > 0)) {
    return { name, seconds: 0, passed: 0, failed: 1, remark: `not run: ${need} failed` };
  }
  console.error(`\n── ${name}`);
  const started = performance.now();
  try {
    return { name, ...(await PHASES[name]()), seconds: secondsSince(started) };
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    return { name, passed: 0, failed: 1, seconds: secondsSince(started) };
  }
}

function secondsSince(started: number): number {
  return (performance.now() - started) / 1000;
}
