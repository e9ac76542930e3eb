/** fast-check arbitraries for the parts of a spec. */
import fc from 'fast-check';

/** Drops undefined fields: in YAML an undefined field is not the same as an absent one. */
export const given = <T extends object>(value: T): T =>
  Object.fromEntries(Object.entries(value).filter(([, field]) => field !== undefined)) as T;
export const record = <T extends object>(model: { [K in keyof T]: fc.Arbitrary<T[K]> }): fc.Arbitrary<T> =>
  fc.record(model).map((value) => given(value as T));
/** Absent once in `freq` times. */
export const maybe = <T>(arbitrary: fc.Arbitrary<T>, freq = 2): fc.Arbitrary<T | undefined> =>
  fc.option(arbitrary, { nil: undefined, freq });
export const some = <T>(values: readonly T[], maxLength = 3): fc.Arbitrary<T[]> =>
  fc.uniqueArray(fc.constantFrom(...values), { minLength: 1, maxLength });
