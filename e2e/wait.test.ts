import { describe, expect, test } from '@jest/globals';
import { waitFor } from './wait.ts';

describe('waiting', () => {
  test('ends with the first value that is found', async () => {
    const looks: (string | undefined)[] = [undefined, undefined, 'here'];
    await expect(
      waitFor(() => Promise.resolve(looks.shift()), { what: 'it', within: 10_000, every: 1 }),
    ).resolves.toBe('here');
    expect(looks).toEqual([]);
  });

  test("reports the awaited condition, the last error, and the caller's hint", async () => {
    const waiting = waitFor(() => Promise.reject(new Error('not there')), {
      what: 'the moon',
      within: 5,
      every: 1,
      explain: () => Promise.resolve('its log'),
    });
    await expect(waiting).rejects.toThrow('waited 0.005 s for the moon\nnot there\nits log');
  });

  test('ends when waiting has become pointless', async () => {
    const abort = Promise.reject(new Error('it died'));
    await expect(
      waitFor(() => Promise.resolve(undefined), { what: 'it', within: 60_000, abort }),
    ).rejects.toThrow('it died');
  });
});
