/**
 * Runs before every test file: lets the environment say how many examples fast-check tries and where it begins.
 * Without it fast-check's own defaults hold, and a failure prints the seed that repeats it.
 *   FUZZ_RUNS=10000   examples a property
 *   SEED=42           the same examples again
 *   SHRINK=0          the first example that fails is reported as it is
 */
const runs = process.env['FUZZ_RUNS'];
const seed = process.env['SEED'];

if (runs !== undefined || seed !== undefined) {
  // Only then: loading it costs every test file a fraction of a second.
  const { configureGlobal } = await import('fast-check');
  configureGlobal({
    ...(runs !== undefined && { numRuns: wholeNumber('FUZZ_RUNS', runs) }),
    ...(seed !== undefined && { seed: wholeNumber('SEED', seed) }),
    endOnFailure: process.env['SHRINK'] === '0',
  });
}

function wholeNumber(name: string, text: string): number {
  const value = Number(text);
  if (text.trim() === '' || !Number.isSafeInteger(value))
    throw new Error(`${name} must be a whole number, not "${text}"`);
  return value;
}
