/**
 * Limits of Calico's own CRDs from v3.33 on. Older versions accept more. Generated objects stay within these
 * limits, so an upgrade of Calico refuses nothing.
 */

/** Rules in one direction of one policy. */
export const MAX_RULES = 1024;
/** Entries of `nets` or `notNets` of one rule. Longer lists belong in a GlobalNetworkSet. */
export const MAX_NETS = 256;
/** Entries of `ports` or `notPorts` of one rule. */
export const MAX_PORTS = 50;
/** Characters of one selector, namespaceSelector or notSelector. */
export const MAX_SELECTOR = 1024;

/**
 * Cuts `items` into consecutive runs of at most `size`. Without items there are no runs. It is only for lists
 * in which each entry allows something by itself: a negation that is cut in two excludes nobody.
 * @throws RangeError when `size` is not a positive integer
 */
export function chunk<T>(items: readonly T[], size: number): readonly (readonly T[])[] {
  if (!Number.isInteger(size) || size < 1)
    throw new RangeError(`chunk size must be a positive integer, not ${String(size)}`);
  const chunks: T[][] = [];
  for (let start = 0; start < items.length; start += size) chunks.push(items.slice(start, start + size));
  return chunks;
}
