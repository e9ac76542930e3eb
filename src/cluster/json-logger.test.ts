import { expect, test } from '@jest/globals';
import { ApiError, TransportError } from './errors.ts';
import { jsonLogger } from './json-logger.ts';

function logged(err: Error): { readonly err: Readonly<Record<string, unknown>> } {
  const lines: string[] = [];
  jsonLogger({ write: (line) => void lines.push(line) }).warn({ err }, 'it failed');
  return JSON.parse(lines.join('')) as ReturnType<typeof logged>;
}

test.each([
  new ApiError({ code: 404, reason: 'NotFound', message: 'the server could not find it' }),
  new TransportError('connection refused'),
])('a failure of the API server has its message and no stack: %s', (error) => {
  expect(logged(error)).toMatchObject({ level: 'warn', msg: 'it failed', err: { message: error.message } });
  expect(logged(error).err).not.toHaveProperty('stack');
});

test('a mistake of ours has its stack', () => {
  expect(logged(new TypeError('x is undefined')).err).toMatchObject({
    message: 'x is undefined',
    stack: expect.stringContaining('json-logger.test.ts'),
  });
});
