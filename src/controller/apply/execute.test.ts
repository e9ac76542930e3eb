import { describe, expect, test } from '@jest/globals';
import { ApiError, TransportError } from '../../cluster/errors.ts';
import { isRecord } from '../../json.ts';
import { ManualClock } from '../../cluster/testing/manual-clock.ts';
import { recordingLogger } from '../../cluster/testing/logs.ts';
import type { Transport } from '../../cluster/http/transport.ts';
import { LABEL_SET } from '../../compiler/names.ts';
import { Drift } from './drift.ts';
import { execute, type Executor } from './execute.ts';
import { plan, type PlanInput } from '../plan/plan.ts';
import { allow, deny, endpoint, lastWord, live, nodeAllow, set } from '../testing/objects.ts';
import { ServerForms } from './write.ts';

const refused = new ApiError({ code: 422, reason: 'Invalid', message: 'the selector is wrong' });

/** Stores whatever it is sent, but for names that `answers` has an error for. */
function server(answers: Readonly<Record<string, Error>> = {}) {
  const done: string[] = [];
  const transport: Transport = {
    request(request) {
      const name = request.path.split('/').at(-1) ?? '';
      const answer = answers[name];
      if (answer !== undefined) return Promise.reject(answer);
      done.push(`${request.method} ${name}`);
      const body = isRecord(request.body) ? request.body : {};
      const metadata = isRecord(body['metadata']) ? body['metadata'] : {};
      const stored = { ...body, metadata: { ...metadata, name, uid: 'u', resourceVersion: '9' } };
      return Promise.resolve({ status: 200, headers: {}, body: stored });
    },
    stream() {
      throw new Error('not a watch');
    },
  };
  return { transport, done };
}

const planned = (input: Partial<PlanInput>) =>
  plan({
    desired: [],
    live: [],
    held: [],
    firewalls: new Set(['default']),
    isClosedNamespace: () => false,
    ...input,
  }).phases;

const executor = (transport: Transport, fields: Partial<Executor> = {}): Executor => ({
  transport,
  log: recordingLogger(),
  drift: new Drift(new ManualClock()),
  forms: new ServerForms(),
  onDrift: () => undefined,
  signal: new AbortController().signal,
  ...fields,
});

const rule = 'default/g/ingress/a';

describe('executing a plan', () => {
  test('writes everything and says what the watch has to show', async () => {
    const { transport, done } = server();
    const phases = planned({
      desired: [deny({ name: 'deny' }), allow({ name: 'web' })],
      live: [live(allow({ name: 'old' }))],
    });
    const outcome = await execute(phases, executor(transport));
    expect(done).toEqual(['PATCH web', 'PATCH deny', 'DELETE old']);
    expect(outcome).toMatchObject({ refused: [], stopped: undefined });
    expect(outcome.written.map(({ id, resourceVersion }) => [id, resourceVersion])).toEqual([
      ['GlobalNetworkPolicy/web', '9'],
      ['GlobalNetworkPolicy/deny', '9'],
      ['GlobalNetworkPolicy/old', undefined],
    ]);
  });

  test('stops before the denies when an allow could not be written', async () => {
    const { transport, done } = server({ web: new TransportError('connection reset') });
    const phases = planned({
      desired: [allow({ name: 'web' }), deny({ name: 'deny' })],
      live: [live(allow({ name: 'old' }))],
    });
    const outcome = await execute(phases, executor(transport));
    expect(done).toEqual([]);
    expect(outcome.stopped).toEqual({ message: 'connection reset', retryAfterMs: 0 });
  });

  test('asks for the delay that the server asked for', async () => {
    const { transport } = server({
      web: new ApiError({ code: 429, message: 'slow down', retryAfterSeconds: 7 }),
    });
    const outcome = await execute(planned({ desired: [allow({ name: 'web' })] }), executor(transport));
    expect(outcome.stopped?.retryAfterMs).toBe(7000);
  });

  test('goes on without an object that is refused for good', async () => {
    const { transport, done } = server({ bad: refused });
    const phases = planned({
      desired: [allow({ name: 'bad', rules: [rule] }), allow({ name: 'web' }), deny({ name: 'deny' })],
    });
    const outcome = await execute(phases, executor(transport));
    expect(done).toEqual(['PATCH web', 'PATCH deny']);
    expect(outcome.refused.map(({ step, message }) => [step.id, message])).toEqual([
      ['GlobalNetworkPolicy/bad', 'the selector is wrong'],
    ]);
    expect(outcome.stopped).toBeUndefined();
  });

  test('keeps the old object of a rule whose new one is refused', async () => {
    const { transport, done } = server({ new: refused });
    const phases = planned({
      desired: [allow({ name: 'new', rules: [rule] })],
      live: [live(allow({ name: 'old', rules: [rule] }))],
    });
    await execute(phases, executor(transport));
    expect(done).toEqual([]);
  });

  test('keeps every allow while a deny could not be changed', async () => {
    const { transport, done } = server({ deny: refused });
    const phases = planned({
      desired: [deny({ name: 'deny', content: 'narrow' })],
      live: [live(deny({ name: 'deny' })), live(allow({ name: 'old' }))],
    });
    await execute(phases, executor(transport));
    expect(done).toEqual([]);
  });

  test('leaves a policy as it is whose set was refused: World without its nodes would take them in', async () => {
    const { transport, done } = server({ nodes: refused });
    const world = allow({ name: 'world', content: `!(${LABEL_SET} == 'nodes')` });
    await execute(
      planned({ desired: [set({ name: 'nodes' }), world, allow({ name: 'web' })] }),
      executor(transport),
    );
    expect(done).toEqual(['PATCH web']);
  });

  test('removes no allow while a deny refuses to go', async () => {
    const { transport, done } = server({ deny: new ApiError({ code: 403, message: 'may not delete' }) });
    const outcome = await execute(
      planned({ live: [live(deny({ name: 'deny' })), live(allow({ name: 'web' }))] }),
      executor(transport),
    );
    expect(done).toEqual([]);
    expect(outcome.stopped?.message).toBe('may not delete');
  });

  test('takes a namespace that has just gone for no error', async () => {
    const { transport } = server({
      web: new ApiError({ code: 403, message: 'no', causes: [{ reason: 'NamespaceTerminating' }] }),
    });
    const outcome = await execute(
      planned({ desired: [allow({ name: 'web', namespace: 'shop' })] }),
      executor(transport),
    );
    expect(outcome).toEqual({
      mistaken: [],
      written: [],
      refused: [],
      skipped: [],
      stopped: undefined,
      interrupted: false,
    });
  });

  test('tells drift from change, with the name of the other manager', async () => {
    const { transport } = server();
    const log = recordingLogger();
    const drift = new Drift(new ManualClock());
    const repaired: string[] = [];
    const desired = allow({ name: 'web', rules: [rule] });
    const stored = {
      ...live(allow({ name: 'web', rules: [rule], content: 'edited' })),
      foreignManager: 'kubectl-edit',
    };
    const phases = planned({ desired: [desired], live: [stored] });
    const hash = phases[0]?.[0]?.action === 'apply' ? phases[0][0].desiredHash : '';
    drift.remember(new Map([['GlobalNetworkPolicy/web', hash]]), new Set(['GlobalNetworkPolicy/web']));
    await execute(phases, executor(transport, { log, drift, onDrift: ({ id }) => repaired.push(id) }));
    expect(repaired).toEqual(['GlobalNetworkPolicy/web']);
    expect(log.lines).toEqual([
      {
        level: 'info',
        message: 'drift repaired',
        fields: {
          firewall: 'default',
          rules: [rule],
          object: 'GlobalNetworkPolicy/web',
          manager: 'kubectl-edit',
        },
      },
    ]);
  });

  test('begins no step after the operator was told to stop', async () => {
    const { transport, done } = server();
    const outcome = await execute(
      planned({ desired: [allow({ name: 'web' })] }),
      executor(transport, { signal: AbortSignal.abort() }),
    );
    expect(done).toEqual([]);
    expect(outcome).toMatchObject({ interrupted: true, stopped: undefined });
  });
});

test('nothing closes at nodes while what opens there is refused', async () => {
  const { transport, done } = server({ zone: refused });
  const zone = nodeAllow({ name: 'zone', rules: ['default/nodes/zones/z'] });
  const desired = [zone, lastWord(), endpoint('a', 'lo'), endpoint('a', '*')];
  const { skipped } = await execute(planned({ desired }), executor(transport));
  expect(skipped.map(({ id }) => id)).toEqual(['GlobalNetworkPolicy/last', 'HostEndpoint/a-all']);
  expect(done.some((each) => each.endsWith(' a-lo'))).toBe(true);
});
