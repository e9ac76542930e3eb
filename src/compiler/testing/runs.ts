/**
 * For properties of which one example takes tens of milliseconds: fewer by default, that all unit tests together take less than a minute.
 * `make fuzz` tries as many of these as of all others (hack/fast-check-setup.ts).
 */
export const FEWER = { numRuns: Number(process.env['FUZZ_RUNS'] ?? 40) } as const;
