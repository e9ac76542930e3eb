const NUMBER = /^\d+$/;

/**
 * True when the first resourceVersion is the second or a later one of the same kind. They are comparable as numbers (Kubernetes API
 * concepts, 1.35); of others, any is taken to be late enough.
 */
export function isAtLeast(version: string, wanted: string): boolean {
  if (!NUMBER.test(version) || !NUMBER.test(wanted)) return true;
  return BigInt(version) >= BigInt(wanted);
}
