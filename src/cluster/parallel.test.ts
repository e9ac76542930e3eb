import { describe, expect, test } from '@jest/globals';
import { forEachLimit } from './parallel.ts';
import { settle } from './testing/manual-clock.ts';

function gated() {
  const begun: number[] = [];
  const gates = new Map<number, PromiseWithResolvers<undefined>>();
  const run = async (item: number): Promise<void> => {
    begun.push(item);
    const gate = Promise.withResolvers<undefined>();
    gates.set(item, gate);
    await gate.promise;
  };
  return {
    begun,
    run,
    open: (item: number) => gates.get(item)?.resolve(undefined),
    break: (item: number) => gates.get(item)?.reject(new Error(`item ${String(item)}`)),
  };
}

describe('forEachLimit', () => {
  test('keeps to the limit and to the order of the items', async () => {
    const { begun, run, open } = gated();
    const all = forEachLimit([1, 2, 3, 4], 2, run);
    await settle();
    expect(begun).toEqual([1, 2]);
    open(2);
    await settle();
    expect(begun).toEqual([1, 2, 3]);
    for (const item of [1, 3]) open(item);
    await settle();
    open(4);
    await all;
    expect(begun).toEqual([1, 2, 3, 4]);
  });

  test('after a failure begins nothing more, awaits the rest, and throws the first', async () => {
    const { begun, run, open, break: fail } = gated();
    let over = false;
    const all = forEachLimit([1, 2, 3], 2, run).finally(() => (over = true));
    const caught = all.catch((error: unknown) => error);
    await settle();
    fail(1);
    await settle();
    expect(over).toBe(false);
    open(2);
    expect(await caught).toEqual(new Error('item 1'));
    expect(begun).toEqual([1, 2]);
  });

  test('begins nothing more once aborted', async () => {
    const { begun, run, open } = gated();
    const stop = new AbortController();
    const caught = forEachLimit([1, 2], 1, run, stop.signal).catch((error: unknown) => error);
    await settle();
    stop.abort(new Error('enough'));
    open(1);
    expect(await caught).toEqual(new Error('enough'));
    expect(begun).toEqual([1]);
  });

  test('refuses a limit that lets nothing through', async () => {
    await expect(forEachLimit([1], 0, () => Promise.resolve())).rejects.toThrow(RangeError);
  });
});
