/** Values of JSON or YAML whose shape is not known yet. */

/** True for an object with fields; a list is none. */
export function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The value at a path of keys and, in lists, positions; undefined where the path leads nowhere. */
export const valueAt = (value: unknown, ...path: readonly (string | number)[]): unknown =>
  path.reduce<unknown>(step, value);

function step(value: unknown, key: string | number): unknown {
  if (typeof key === 'string') return isRecord(value) ? value[key] : undefined;
  const list: readonly unknown[] = Array.isArray(value) ? value : [];
  return list[key];
}
