/**
 * The value below which the given share (0 to 1) of the samples lies. It is the nearest rank, so always a
 * measured value.
 */
export function percentile(samples: readonly number[], share: number): number {
  const sorted = samples.toSorted((a, b) => a - b);
  const value = sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)];
  if (value === undefined) throw new RangeError('there are no samples');
  return value;
}

export const median = (samples: readonly number[]): number => percentile(samples, 0.5);

/** `min / median / max`, each printed by `format`. One number if all look the same. */
export function spread(samples: readonly number[], format: (value: number) => string): string {
  const parts = [Math.min(...samples), median(samples), Math.max(...samples)].map(format);
  return new Set(parts).size === 1 ? (parts[0] ?? '') : parts.join(' / ');
}

/** `p50, p99 (max)` of the samples. */
export function tail(samples: readonly number[], format: (value: number) => string): string {
  const [p50, p99, max] = [percentile(samples, 0.5), percentile(samples, 0.99), Math.max(...samples)].map(
    format,
  );
  return `${p50 ?? ''}, ${p99 ?? ''} (${max ?? ''})`;
}

/** Three significant digits, as milliseconds or seconds. */
export function duration(milliseconds: number): string {
  if (milliseconds < 1000) return `${digits(milliseconds)} ms`;
  return `${digits(milliseconds / 1000)} s`;
}

const digits = (value: number): string =>
  Math.abs(value) >= 100 || Number.isInteger(value)
    ? String(Math.round(value))
    : String(Number(value.toPrecision(3)));

export const ratio = (value: number): string => value.toFixed(2);

export const megabytes = (bytes: number): string => `${Math.round(bytes / 1e6)} MB`;
