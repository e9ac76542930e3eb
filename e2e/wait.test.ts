import { describe, expect, test } from '@jest/globals';
import { waitFor } from './wait.ts';

describe('waiting', () => {
  test('ends with the first thing that is found', async () => {
    const looks: (string | undefined)[] = [undefined, undefined, 'here'];
    await expect(
      waitFor(() => Promise.resolve(looks.shift()), { what: 'it', within: 10_000, every: 1 }),
    ).resolves.toBe('here');
    expect(looks).toEqual([]);
  });

  test('says what it waited for, what went wrong last, and what the caller knows', async () => {
    const waiting = waitFor(() => Promise.reject(new Error('not there')), {
      what: 'the moon',
      within: 5,
      every: 1,
      explain: () => Promise.resolve('its log'),
    });
    await expect(waiting).rejects.toThrow('waited 0.005 s for the moon\nnot there\nits log');
  });

  test('ends when it became pointless', async () => {
    const abort = Promise.reject(new Error('it died'));
    await expect(
      waitFor(() => Promise.resolve(undefined), { what: 'it', within: 60_000, abort }),
    ).rejects.toThrow('it died');
  });
});
