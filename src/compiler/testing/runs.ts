/**
 * Fewer runs for properties whose examples take tens of milliseconds each, so all unit tests together take
 * half a minute. `make fuzz` tries as many of these as of all others (hack/fast-check-setup.ts).
 */
export const FEWER = { numRuns: Number(process.env['FUZZ_RUNS'] ?? 14) } as const;
