/**
 * Calls `run` for every item, at most `limit` at a time, in the order of the items. After the first failure
 * or an abort no further call starts. Calls in progress are awaited, so nothing still runs when this returns.
 * @throws the error of the first failed call, or the signal's reason
 */
export async function forEachLimit<T>(
  items: Iterable<T>,
  limit: number,
  run: (item: T) => Promise<void>,
  signal?: AbortSignal,
): Promise<void> {
  if (!(limit >= 1)) throw new RangeError(`limit must be at least 1, not ${String(limit)}`);
  const queue = items[Symbol.iterator]();
  let failure: { readonly error: unknown } | undefined;
  const worker = async (): Promise<void> => {
    for (let item = queue.next(); item.done !== true; item = queue.next()) {
      try {
        signal?.throwIfAborted();
        await run(item.value);
      } catch (error) {
        failure ??= { error };
      }
      if (failure !== undefined) return;
    }
  };
  await Promise.all(Array.from({ length: Math.floor(limit) }, worker));
  if (failure !== undefined) throw failure.error;
}
