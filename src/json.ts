/** Values of JSON or YAML with an unknown shape. */

/** True for an object with fields. A list is not one. */
export function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The value at a path of keys and list positions; undefined where the path leads nowhere. */
export const valueAt = (value: unknown, ...path: readonly (string | number)[]): unknown =>
  path.reduce<unknown>(step, value);

function step(value: unknown, key: string | number): unknown {
  if (typeof key === 'string') return isRecord(value) ? value[key] : undefined;
  const list: readonly unknown[] = Array.isArray(value) ? value : [];
  return list[key];
}
