import { describe, expect, test } from '@jest/globals';
import { ApiError } from '../cluster/errors.ts';
import { recordingLogger } from '../cluster/testing/logs.ts';
import { ManualClock } from '../cluster/testing/manual-clock.ts';
import { ScriptedTransport, type Answer } from '../cluster/testing/scripted-transport.ts';
import { AccessReviews, ALLOWED_MS, MAX_ALLOWED } from './access.ts';

const user = {
  username: 'system:serviceaccount:monitoring:prometheus',
  uid: 'u1',
  groups: ['system:serviceaccounts'],
  extra: { 'authentication.kubernetes.io/pod-name': ['prometheus-0'] },
};
const known: Answer = { status: { authenticated: true, user } };
const unknown: Answer = { status: { authenticated: false, error: 'expired' } };
const allowed: Answer = { status: { allowed: true } };
const denied: Answer = { status: { allowed: false, reason: 'no' } };

function reviews(...answers: readonly Answer[]) {
  const [clock, log, transport] = [new ManualClock(), recordingLogger(), new ScriptedTransport(...answers)];
  const access = new AccessReviews({ transport, clock, log });
  const status = async (authorization: string | undefined = 'Bearer t1'): Promise<number> =>
    (await access.refusal(authorization, '/metrics'))?.status ?? 200;
  return { clock, log, transport, status };
}

describe('a reader of metrics', () => {
  test('is known by his token, and allowed by the API server', async () => {
    const { transport, status } = reviews(known, allowed);
    expect(await status()).toBe(200);
    expect(transport.requests.map(({ path, body }) => ({ path, body }))).toEqual([
      {
        path: '/apis/authentication.k8s.io/v1/tokenreviews',
        body: {
          apiVersion: 'authentication.k8s.io/v1',
          kind: 'TokenReview',
          spec: { token: 't1' },
        },
      },
      {
        path: '/apis/authorization.k8s.io/v1/subjectaccessreviews',
        body: {
          apiVersion: 'authorization.k8s.io/v1',
          kind: 'SubjectAccessReview',
          spec: {
            user: user.username,
            uid: user.uid,
            groups: user.groups,
            extra: user.extra,
            nonResourceAttributes: { path: '/metrics', verb: 'get' },
          },
        },
      },
    ]);
  });

  test.each([
    undefined,
    '',
    'Basic dTpw',
    'Bearer',
    'Bearer ',
    'Bearer a b',
    'Bearer t1, Bearer t2',
    'XBearer t1',
  ])('is refused without a bearer token: %s', async (authorization) => {
    const { transport, status } = reviews();
    const access = new AccessReviews({ transport, clock: new ManualClock(), log: recordingLogger() });
    expect(await access.refusal(authorization, '/metrics')).toMatchObject({
      status: 401,
      headers: { 'www-authenticate': 'Bearer' },
    });
    expect(await status('Basic dTpw')).toBe(401);
  });

  test.each<[string, readonly Answer[], number]>([
    ['is not known', [unknown], 401],
    ['may not', [known, denied], 403],
    ['is neither known nor unknown', [{ status: { user } }], 401],
    ['is known by a word', [{ status: { authenticated: 'true', user } }], 401],
    ['has no name', [{ status: { authenticated: true, user: { ...user, username: '' } } }], 503],
    ['has no user', [{ status: { authenticated: true } }], 503],
    ['has malformed groups', [{ status: { authenticated: true, user: { ...user, groups: 'admins' } } }], 503],
    ['has a malformed uid', [{ status: { authenticated: true, user: { ...user, uid: 7 } } }], 503],
    ['has malformed extra fields', [{ status: { authenticated: true, user: { ...user, extra: [] } } }], 503],
    ['is allowed by a word', [known, { status: { allowed: 'true' } }], 403],
    ['gets a page of a proxy', ['<html>'], 401],
    ['cannot be looked up', [new ApiError({ code: 403, message: 'no right on tokenreviews' })], 503],
    ['cannot be judged', [known, new ApiError({ code: 500, message: 'etcd is away' })], 503],
  ])('is refused if he %s', async (_, answers, wanted) => {
    const { status } = reviews(...answers);
    expect(await status()).toBe(wanted);
  });

  test('is remembered for a while, by his token alone', async () => {
    const { clock, transport, status } = reviews(known, allowed, unknown, known, denied);
    await status();
    await clock.advance(ALLOWED_MS - 1);
    expect(await status()).toBe(200);
    expect(transport.requests).toHaveLength(2);
    expect(await status('Bearer t2')).toBe(401);
    await clock.advance(1);
    expect(await status()).toBe(403);
    expect(transport.requests).toHaveLength(5);
  });

  test('is not remembered once he was refused', async () => {
    const { status } = reviews(unknown, known, denied, unknown, known, allowed);
    for (const wanted of [401, 403, 401, 200]) expect(await status()).toBe(wanted);
  });

  test('is one of few who are remembered', async () => {
    const many = Array.from({ length: MAX_ALLOWED + 1 }, () => [known, allowed]).flat();
    const { transport, status } = reviews(...many, unknown);
    for (let index = 0; index <= MAX_ALLOWED; index += 1) await status(`Bearer t${index}`);
    expect(await status('Bearer t1')).toBe(200);
    expect(transport.requests).toHaveLength(2 * (MAX_ALLOWED + 1));
    expect(await status('Bearer t0')).toBe(401);
  });

  test('makes one line of the log while the API server cannot be asked, without his token', async () => {
    const away = new ApiError({ code: 503, message: 'away' });
    const { log, status } = reviews(away, away, known, allowed, away);
    for (let count = 0; count < 2; count += 1) expect(await status('Bearer hunter2')).toBe(503);
    expect(log.lines).toHaveLength(1);
    expect(JSON.stringify(log.lines)).not.toContain('hunter2');
    expect(await status()).toBe(200);
    expect(await status('Bearer hunter2')).toBe(503);
    expect(log.lines).toHaveLength(2);
  });
});
