import { expect, test } from '@jest/globals';
import { isConflict, isExpired, isForbidden, isNotFound, isAlreadyExists, statusError } from './errors.ts';

test('a Status becomes an error with its reason, causes and delay', () => {
  const error = statusError(409, {
    kind: 'Status',
    code: 409,
    reason: 'Conflict',
    message: 'Apply failed with 1 conflict',
    details: {
      causes: [{ reason: 'FieldManagerConflict', message: 'conflict with "kubectl"', field: '.spec.order' }],
      retryAfterSeconds: 2,
    },
  });
  expect(error).toMatchObject({
    code: 409,
    reason: 'Conflict',
    message: 'Apply failed with 1 conflict',
    retryAfterSeconds: 2,
  });
  expect(error.causes).toEqual([
    { reason: 'FieldManagerConflict', message: 'conflict with "kubectl"', field: '.spec.order' },
  ]);
  expect(isConflict(error)).toBe(true);
  expect(isAlreadyExists(error)).toBe(false);
});

test('the header outranks the body', () => {
  expect(statusError(429, { details: { retryAfterSeconds: 2 } }, 9).retryAfterSeconds).toBe(9);
});

test.each([
  [59, 59],
  [86_400, 60],
  [1e9, 60],
  [Infinity, 60],
  [-5, undefined],
  [NaN, undefined],
])('Retry-After %d counts as %d, from the header and from the body', (asked, seconds) => {
  expect(statusError(503, '', asked).retryAfterSeconds).toBe(seconds);
  expect(statusError(503, { details: { retryAfterSeconds: asked } }).retryAfterSeconds).toBe(seconds);
});

test('an answer that is no Status keeps its text', () => {
  expect(statusError(502, 'upstream gone\n').message).toBe('HTTP 502: upstream gone');
  expect(statusError(502, '').message).toBe('HTTP 502');
  expect(statusError(404, {}).message).toBe('HTTP 404');
});

test('Calico tells that a version has expired by its message alone', () => {
  const status = (reason: string, message: string) => statusError(500, { kind: 'Status', reason, message });
  expect(isExpired(status('InternalError', 'too old resource version: 428 (447)'))).toBe(true);
  const compacted = 'The resourceVersion for the provided watch is too old.';
  expect(isExpired(status('InternalError', compacted))).toBe(true);
  expect(isExpired(status('InternalError', 'etcd is unavailable'))).toBe(false);
  expect(isExpired(status('Conflict', compacted))).toBe(false);
});

test('questions about errors', () => {
  expect(isNotFound(statusError(404, ''))).toBe(true);
  expect(isForbidden(statusError(403, ''))).toBe(true);
  expect(isExpired(statusError(410, ''))).toBe(true);
  expect(isExpired(statusError(200, { code: 500, reason: 'Expired' }))).toBe(true);
  for (const question of [isNotFound, isForbidden, isExpired, isConflict]) {
    expect(question(new Error('other'))).toBe(false);
    expect(question(statusError(500, ''))).toBe(false);
  }
});
