import { describe, expect, test } from '@jest/globals';
import { ApiError, TransportError } from '../../cluster/errors.ts';
import { ManualClock } from '../../cluster/testing/manual-clock.ts';
import { recordingLogger } from '../../cluster/testing/logs.ts';
import type { FakeApiServer } from '../../cluster/testing/fake-api-server.ts';
import type { Transport } from '../../cluster/http/transport.ts';
import { LABEL_SET, TIER } from '../../compiler/names.ts';
import type { DesiredObject } from '../../compiler/types.ts';
import { Authorship } from '../objects/authorship.ts';
import { kindResource } from '../objects/kinds.ts';
import { projectLive } from '../objects/live.ts';
import { Alterations } from './alterations.ts';
import { Drift } from './drift.ts';
import { execute, type Executor } from './execute.ts';
import { calicoServer, namespaceObject, NAMESPACES } from '../testing/calico-server.ts';
import {
  allow,
  creation,
  deny,
  endpoint,
  finalDeny,
  heldObject,
  live,
  nodeAllow,
  set,
  storedObject,
  tier,
} from '../testing/objects.ts';
import { planned } from '../testing/planned.ts';

const refused = new ApiError({ code: 422, reason: 'Invalid', message: 'the selector is wrong' });
const anotherOne = new ApiError({ code: 409, reason: 'Conflict', message: 'uid mismatch' });

const resourceOf = ({ object: { kind, metadata } }: DesiredObject) => kindResource(kind, metadata.namespace);

/** A server where these are stored, with an error for every write of the names in `errors`. */
function serverWith(stored: readonly DesiredObject[], errors: Readonly<Record<string, Error>> = {}) {
  const server = calicoServer();
  server.put(NAMESPACES, namespaceObject('shop'));
  for (const desired of stored) server.put(resourceOf(desired), storedObject(desired));
  server.fault = ({ path }) => errors[path.split('/').at(-1) ?? ''];
  return server;
}

const executor = (transport: Transport, fields: Partial<Executor> = {}): Executor => ({
  transport,
  log: recordingLogger(),
  drift: new Drift(new ManualClock()),
  authorship: new Authorship(),
  alterations: new Alterations(new ManualClock()),
  signal: new AbortController().signal,
  ...fields,
});

interface Case {
  readonly desired?: readonly DesiredObject[];
  readonly stored?: readonly DesiredObject[];
  readonly errors?: Readonly<Record<string, Error>>;
  /** Name of an object that the server stores with a label more. */
  readonly altered?: string;
  readonly fields?: Partial<Executor>;
}

/** Works like mutating admission. */
const altering =
  (name: string): FakeApiServer['fill'] =>
  (object) => {
    const { labels } = object.metadata;
    return object.metadata.name === name
      ? { ...object, metadata: { ...object.metadata, labels: { ...labels, 'clusterfirewall.io/x': '' } } }
      : object;
  };

/**
 * Carries out the plan from what is stored to what is desired. `done`: the writes without an error, as
 * FakeApiServer.writes has them.
 */
async function carriedOut({ desired = [], stored = [], errors = {}, altered = '', fields = {} }: Case) {
  const server = serverWith(stored, errors);
  server.fill = altering(altered);
  const outcome = await execute(
    planned({ desired, live: stored.map((each) => live(each)) }).phases,
    executor(server, fields),
  );
  const done = server.writes().filter((write) => errors[write.split(' ')[1] ?? ''] === undefined);
  return { server, outcome, done };
}

const rule = 'default/g/ingress/a';
/** Called `no`. */
const atNodes = (id: string): DesiredObject => nodeAllow({ name: 'no', rules: [`default/nodes/${id}`] });
const observing = finalDeny('Allow').object;
const observed: DesiredObject = {
  ...finalDeny('Allow'),
  object: { ...observing, metadata: { ...observing.metadata, name: 'no' } },
};

describe('executing a plan', () => {
  test('writes everything and says what the watch has to show', async () => {
    const { server, outcome, done } = await carriedOut({
      desired: [deny({ name: 'deny' }), allow({ name: 'web' })],
      stored: [allow({ name: 'old' })],
    });
    expect(done).toEqual(['PATCH web', 'PATCH deny', 'DELETE old']);
    expect(outcome).toMatchObject({ unwritten: [], stopped: undefined });
    const versionOf = (name: string) =>
      server.object(kindResource('GlobalNetworkPolicy'), name).metadata.resourceVersion;
    expect(outcome.written.map(({ id, resourceVersion }) => [id, resourceVersion])).toEqual([
      ['GlobalNetworkPolicy/web', versionOf('web')],
      ['GlobalNetworkPolicy/deny', versionOf('deny')],
      ['GlobalNetworkPolicy/old', undefined],
    ]);
  });

  test('stops before the denies when an allow could not be written', async () => {
    const { outcome, done } = await carriedOut({
      desired: [allow({ name: 'web' }), deny({ name: 'deny' })],
      stored: [allow({ name: 'old' })],
      errors: { web: new TransportError('connection reset') },
    });
    expect(done).toEqual([]);
    expect(outcome.stopped).toEqual({ message: 'connection reset', retryAfterMs: 0 });
  });

  test('asks for the delay that the server asked for', async () => {
    const busy = new ApiError({ code: 429, message: 'slow down', retryAfterSeconds: 7 });
    const { outcome } = await carriedOut({ desired: [allow({ name: 'web' })], errors: { web: busy } });
    expect(outcome.stopped?.retryAfterMs).toBe(7000);
  });

  test('goes on without an object that is refused for good', async () => {
    const { outcome, done } = await carriedOut({
      desired: [allow({ name: 'bad', rules: [rule] }), allow({ name: 'web' }), deny({ name: 'deny' })],
      errors: { bad: refused },
    });
    expect(done).toEqual(['PATCH web', 'PATCH deny']);
    expect(outcome.unwritten.map(({ step, refusal }) => [step.id, refusal])).toEqual([
      ['GlobalNetworkPolicy/bad', 'the selector is wrong'],
    ]);
    expect(outcome.stopped).toBeUndefined();
  });

  test('keeps the old object of a rule whose new one is refused', async () => {
    const { done } = await carriedOut({
      desired: [allow({ name: 'new', rules: [rule] })],
      stored: [allow({ name: 'old', rules: [rule] })],
      errors: { new: refused },
    });
    expect(done).toEqual([]);
  });

  test('keeps the old object of a rule whose new one needs a set that is refused', async () => {
    const { outcome, done } = await carriedOut({
      desired: [
        set({ name: 'nodes' }),
        allow({ name: 'new', rules: [rule], content: `${LABEL_SET} == 'nodes'` }),
      ],
      stored: [allow({ name: 'old', rules: [rule] })],
      errors: { nodes: refused },
    });
    expect(done).toEqual([]);
    expect(outcome.unwritten.map(({ step, refusal }) => [step.id, refusal])).toEqual([
      ['GlobalNetworkSet/nodes', 'the selector is wrong'],
      ['GlobalNetworkPolicy/new', undefined],
      ['GlobalNetworkPolicy/old', undefined],
    ]);
  });

  test.each<[what: string, refused: DesiredObject, removed: DesiredObject, stays: boolean]>([
    ['an allow, a default deny', deny({ name: 'no' }), allow({ name: 'old' }), true],
    ['an allow, a guardrail', deny({ name: 'no' }, TIER), allow({ name: 'old' }), true],
    ['an allow, a block at pods', atNodes('pods'), allow({ name: 'old' }), true],
    ['an allow, a block at nodes', atNodes('blocked'), allow({ name: 'old' }), false],
    ['an allow, another allow', allow({ name: 'no', rules: [rule] }), allow({ name: 'old' }), false],
    ['an allow at nodes, a block', atNodes('blocked'), nodeAllow({ name: 'old' }), true],
    ['an allow at nodes, what is observed', observed, nodeAllow({ name: 'old' }), true],
    ['an allow at nodes, a block at pods', atNodes('pods'), nodeAllow({ name: 'old' }), false],
    ['an allow at nodes, a default deny', deny({ name: 'no' }), nodeAllow({ name: 'old' }), false],
    ['a set, a default deny', deny({ name: 'no' }), set({ name: 'old' }), false],
    [
      'one of several rules',
      allow({ name: 'no', rules: [rule, 'default/g/ingress/b'] }),
      allow({ name: 'old', rules: ['default/g/ingress/c', rule] }),
      true,
    ],
  ])('what stays while something is refused: %s', async (_, no, old, stays) => {
    const { done } = await carriedOut({ desired: [no], stored: [old], errors: { no: refused } });
    expect(done).toEqual(stays ? [] : ['DELETE old']);
  });

  test.each<[string, Case, readonly string[]]>([
    [
      'the old object of a rule stays',
      { desired: [allow({ name: 'no', rules: [rule] })], stored: [allow({ name: 'old', rules: [rule] })] },
      [],
    ],
    [
      'a policy that names a set stays as it is',
      { desired: [set({ name: 'no' }), allow({ name: 'web', content: `${LABEL_SET} == 'no'` })] },
      [],
    ],
    [
      'nothing closes at nodes that the altered object would open',
      { desired: [atNodes('zones/z'), finalDeny()] },
      [],
    ],
    [
      'a flow is revoked although a deny is altered',
      { desired: [deny({ name: 'no' })], stored: [allow({ name: 'old' })] },
      ['DELETE old'],
    ],
    ['all others are written', { desired: [deny({ name: 'no' }), allow({ name: 'web' })] }, ['PATCH web']],
  ])('while the API server alters what is written: %s', async (_, given, expected) => {
    const { outcome, done } = await carriedOut({ ...given, altered: 'no' });
    expect(done.filter((write) => !write.endsWith(' no'))).toEqual(expected);
    expect(outcome.unwritten[0]).toMatchObject({ altered: ['metadata.labels["clusterfirewall.io/x"]'] });
    expect(outcome.stopped).toBeUndefined();
  });

  test('writes the policies of a tier that the API server alters', async () => {
    const { done } = await carriedOut({ desired: [tier(), deny({ name: 'guard' }, TIER)], altered: TIER });
    expect(done.at(-1)).toBe('PATCH guard');
  });

  test('goes on with all others where one stays', async () => {
    const { done } = await carriedOut({
      desired: [allow({ name: 'new', rules: [rule] }), endpoint('a', '*')],
      stored: [allow({ name: 'old', rules: [rule] }), allow({ name: 'other' })],
      errors: { new: refused },
    });
    expect(done).toEqual(['DELETE other', 'PATCH a-all']);
  });

  test('removes an allow although a guardrail waits for its tier', async () => {
    const { done } = await carriedOut({
      desired: [tier(), deny({ name: 'guard' }, TIER)],
      stored: [allow({ name: 'old' })],
      errors: { [TIER]: refused },
    });
    expect(done).toEqual(['DELETE old']);
  });

  test('keeps every allow while a deny could not be changed', async () => {
    const { done } = await carriedOut({
      desired: [deny({ name: 'deny', content: 'narrow' })],
      stored: [deny({ name: 'deny' }), allow({ name: 'old' })],
      errors: { deny: refused },
    });
    expect(done).toEqual([]);
  });

  test('keeps every allow at nodes while what denies there could not be changed', async () => {
    const { done } = await carriedOut({
      desired: [finalDeny()],
      stored: [finalDeny('Pass'), nodeAllow({ name: 'zone', rules: ['default/nodes/zones/z'] })],
      errors: { last: refused },
    });
    expect(done).toEqual([]);
  });

  test('leaves a policy as it is whose set was refused: World without its nodes would take them in', async () => {
    const world = allow({ name: 'world', content: `!(${LABEL_SET} == 'nodes')` });
    const { done } = await carriedOut({
      desired: [set({ name: 'nodes' }), world, allow({ name: 'web' })],
      errors: { nodes: refused },
    });
    expect(done).toEqual(['PATCH web']);
  });

  test('removes no allow while a deny refuses to go', async () => {
    const { outcome, done } = await carriedOut({
      stored: [deny({ name: 'deny' }), allow({ name: 'web' })],
      errors: { deny: new ApiError({ code: 403, message: 'may not delete' }) },
    });
    expect(done).toEqual([]);
    expect(outcome.stopped?.message).toBe('may not delete');
  });

  test.each<[string, Case]>([
    [
      'the object to be changed is another',
      { desired: [allow({ name: 'web', content: 'new' })], errors: { web: anotherOne } },
    ],
    ['the object to be removed is another', { errors: { web: anotherOne } }],
    [
      'there is no object to be removed',
      { errors: { web: new ApiError({ code: 404, reason: 'NotFound', message: '' }) } },
    ],
  ])('names what has to be looked at again where %s', async (_, given) => {
    const { outcome } = await carriedOut({ stored: [allow({ name: 'web' })], ...given });
    expect(outcome.mistaken).toEqual(['GlobalNetworkPolicy/web']);
  });

  test('goes on where the owner of a namespace has been faster', async () => {
    const { outcome, done } = await carriedOut({
      desired: [allow({ name: 'cfw-web', namespace: 'shop' }), deny({ name: 'deny' })],
      errors: { 'cfw-web': anotherOne },
    });
    expect(outcome).toMatchObject({
      mistaken: ['NetworkPolicy/shop/cfw-web'],
      unwritten: [],
      stopped: undefined,
    });
    expect(done).toEqual(['PATCH deny']);
  });

  test('keeps the old object of a rule only where its new one is refused, if that is in a namespace', async () => {
    const rules = [rule];
    const { done } = await carriedOut({
      desired: [allow({ name: 'cfw-new', namespace: 'shop', rules })],
      stored: [allow({ name: 'old', rules }), allow({ name: 'cfw-old', namespace: 'shop', rules })],
      errors: { 'cfw-new': refused },
    });
    expect(done).toEqual(['DELETE old']);
  });

  test('signs what it writes into a namespace, and nothing else', async () => {
    const authorship = new Authorship();
    const [here, everywhere] = [allow({ name: 'cfw-web', namespace: 'shop' }), allow({ name: 'web' })];
    const { server } = await carriedOut({ desired: [here, everywhere], fields: { authorship } });
    const signatures = [here, everywhere].map(
      (each) => server.object(resourceOf(each), 'web').metadata.annotations?.['clusterfirewall.io/signature'],
    );
    expect(signatures).toEqual([expect.any(String), undefined]);
    const stored = projectLive('NetworkPolicy', new Set())(server.object(resourceOf(here), 'web'));
    expect(authorship.judged([stored])).toEqual([{ ...stored, isOpen: false }]);
  });

  test('empties what finalizers of others keep, and leaves the rest of it', async () => {
    const log = recordingLogger();
    const web = allow({ name: 'web', rules: [rule] });
    const server = serverWith([web]);
    const outcome = await execute(planned({ live: [heldObject(web)] }).phases, executor(server, { log }));
    expect(server.writes()).toEqual(['PATCH web']);
    const stored = server.object(kindResource('GlobalNetworkPolicy'), 'web');
    expect(stored).toMatchObject({ ...web.object, spec: { ...web.object.spec, selector: '!all()' } });
    expect(stored.metadata.managedFields?.at(-1)).toMatchObject({ manager: 'clusterfirewall' });
    const { uid, resourceVersion } = stored.metadata;
    const id = 'GlobalNetworkPolicy/web';
    expect(outcome.written).toEqual([{ id, kind: 'GlobalNetworkPolicy', uid, resourceVersion }]);
    expect([...outcome.contents]).toEqual([[id, `emptied ${uid}`]]);
    expect(log.lines).toMatchObject([{ message: 'emptied, because finalizers of others keep it' }]);
  });

  test('empties no object that was made anew under the name', async () => {
    const web = allow({ name: 'web' });
    const server = serverWith([web]);
    const phases = planned({ live: [{ ...heldObject(web), uid: 'another' }] }).phases;
    const { mistaken, stopped } = await execute(phases, executor(server));
    expect([mistaken, stopped === undefined]).toEqual([['GlobalNetworkPolicy/web'], false]);
    expect(server.object(kindResource('GlobalNetworkPolicy'), 'web')).toMatchObject({
      spec: web.object.spec,
    });
  });

  test('goes on where an object may not be emptied', async () => {
    const [web, other] = [allow({ name: 'web' }), allow({ name: 'other' })];
    const server = serverWith([web, other], { web: refused });
    const phases = planned({ live: [heldObject(web), live(other)] }).phases;
    const { unwritten, stopped } = await execute(phases, executor(server));
    expect(unwritten.map(({ step, refusal }) => [step.action, refusal])).toEqual([
      ['empty', 'the selector is wrong'],
    ]);
    expect([stopped, server.writes().includes('DELETE other')]).toEqual([undefined, true]);
  });

  test('takes a namespace that has just gone for no error', async () => {
    const gone = new ApiError({ code: 403, message: 'no', causes: [{ reason: 'NamespaceTerminating' }] });
    const { outcome } = await carriedOut({
      desired: [allow({ name: 'cfw-web', namespace: 'shop' })],
      errors: { 'cfw-web': gone },
    });
    expect(outcome).toEqual({
      mistaken: [],
      written: [],
      contents: new Map(),
      repairs: [],
      unwritten: [],
      stopped: undefined,
      interrupted: false,
    });
  });

  test('tells drift from change, with the name of the other manager', async () => {
    const log = recordingLogger();
    const drift = new Drift(new ManualClock());
    const desired = allow({ name: 'web', rules: [rule] });
    const edited = allow({ name: 'web', rules: [rule], content: 'edited' });
    const server = serverWith([edited]);
    const phases = planned({
      desired: [desired],
      live: [{ ...live(edited), foreignManager: 'kubectl-edit' }],
    }).phases;
    const hash = phases[0]?.[0]?.action === 'apply' ? phases[0][0].desiredHash : '';
    drift.remember(new Map([['GlobalNetworkPolicy/web', hash]]), new Set(['GlobalNetworkPolicy/web']));
    const { repairs } = await execute(phases, executor(server, { log, drift }));
    expect(repairs).toEqual([
      {
        id: 'GlobalNetworkPolicy/web',
        kind: 'GlobalNetworkPolicy',
        firewall: 'default',
        manager: 'kubectl-edit',
        damage: 'GlobalNetworkPolicy/web had been changed by kubectl-edit',
      },
    ]);
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

  describe('a write that differs from what is stored', () => {
    const desired = allow({ name: 'web', rules: [rule] });
    const edited = allow({ name: 'web', rules: [rule], content: 'edited' });
    const id = 'GlobalNetworkPolicy/web';
    const hashOf = (made: DesiredObject): string => creation(made).desiredHash;
    /** After the object was stored with this content, as the watch showed. */
    const setup = (stored: readonly DesiredObject[], before: DesiredObject) => {
      const [server, log, drift] = [serverWith(stored), recordingLogger(), new Drift(new ManualClock())];
      drift.remember(new Map([[id, hashOf(before)]]), new Set([id]));
      const phases = planned({ desired: [desired], live: stored.map((each) => live(each)) }).phases;
      const run = async () => {
        const { repairs } = await execute(phases, executor(server, { log, drift }));
        return [repairs.map(({ damage, manager }) => ({ damage, manager })), log.lines.at(-1)?.message];
      };
      return { server, run };
    };

    test('is a repair where somebody has deleted it', async () => {
      expect(await setup([], desired).run()).toEqual([
        [{ damage: `${id} had been deleted`, manager: undefined }],
        'drift repaired',
      ]);
    });

    test('is a repair of somebody whose name is not known', async () => {
      expect(await setup([edited], desired).run()).toEqual([
        [{ damage: `${id} had been changed by another client`, manager: undefined }],
        'drift repaired',
      ]);
    });

    test('is none where something else is desired now', async () => {
      expect(await setup([edited], edited).run()).toEqual([[], 'applied']);
    });

    test('is one repair, though the watch is late', async () => {
      const { run } = setup([edited], desired);
      await run();
      expect(await run()).toEqual([[], 'applied']);
    });
  });

  describe('a write that the API server alters', () => {
    const desired = allow({ name: 'web', rules: [rule] });
    const id = 'GlobalNetworkPolicy/web';
    const fields = ['metadata.labels["clusterfirewall.io/x"]'];
    const setup = () => {
      const [server, log, clock] = [serverWith([]), recordingLogger(), new ManualClock()];
      const [drift, alterations] = [new Drift(clock), new Alterations(clock)];
      drift.remember(new Map([[id, creation(desired).desiredHash]]), new Set([id]));
      const given = executor(server, { log, drift, alterations });
      const run = async () => {
        const stored = [...server.collection(resourceOf(desired)).objects().values()];
        const known = stored.map((each) => projectLive('GlobalNetworkPolicy', new Set())(each));
        return execute(planned({ desired: [desired], live: known }).phases, given);
      };
      return { server, log, clock, run };
    };

    test('is said with its fields, is shown by the watch, and is no repair', async () => {
      const { server, log, run } = setup();
      server.fill = altering('web');
      const { unwritten, written, repairs } = await run();
      const { resourceVersion } = server.object(resourceOf(desired), 'web').metadata;
      expect(unwritten).toMatchObject([{ refusal: undefined, altered: fields }]);
      expect(written).toMatchObject([{ id, resourceVersion }]);
      expect(repairs).toEqual([]);
      expect(log.lines).toEqual([
        {
          level: 'warn',
          message: 'altered by the API server',
          fields: { firewall: 'default', rules: [rule], object: id, fields },
        },
      ]);
    });

    test('is not tried again before its time, and is said all the same', async () => {
      const { server, clock, run } = setup();
      server.fill = altering('web');
      await run();
      const before = server.writes().length;
      const { unwritten, written } = await run();
      expect([unwritten[0]?.altered, written, server.writes().length]).toEqual([fields, [], before]);
      await clock.advance(1000);
      await run();
      expect(server.writes().length).toBeGreaterThan(before);
    });

    test('is a repair when the server has stopped', async () => {
      const { server, clock, run } = setup();
      server.fill = altering('web');
      await run();
      server.fill = (object) => object;
      await clock.advance(1000);
      const { unwritten, repairs } = await run();
      expect([unwritten, repairs.map((each) => each.id)]).toEqual([[], [id]]);
    });
  });

  test('logs each step, and says what the watch has to show', async () => {
    const log = recordingLogger();
    const errors = { bad: refused };
    const { server, outcome } = await carriedOut({
      desired: [allow({ name: 'bad', rules: [rule] }), set({ name: 'office' })],
      stored: [allow({ name: 'old', firewall: 'default' })],
      errors,
      fields: { log },
    });
    const fields = (object: string, rules: readonly string[] = []) => ({
      firewall: 'default',
      rules,
      object,
    });
    expect(log.lines).toStrictEqual([
      { level: 'info', message: 'applied', fields: fields('GlobalNetworkSet/office') },
      {
        level: 'warn',
        message: 'refused by the API server',
        fields: { ...fields('GlobalNetworkPolicy/bad', [rule]), reason: 'the selector is wrong' },
      },
      { level: 'info', message: 'removed', fields: fields('GlobalNetworkPolicy/old') },
    ]);
    const { uid, resourceVersion } = server.object(kindResource('GlobalNetworkSet'), 'office').metadata;
    const old = live(allow({ name: 'old' }));
    expect(outcome.written).toEqual([
      { id: 'GlobalNetworkSet/office', kind: 'GlobalNetworkSet', uid, resourceVersion },
      { id: old.id, kind: old.kind, uid: old.uid, resourceVersion: undefined },
    ]);
  });

  test('waits no time of its own after an error that says none', async () => {
    const errors = { web: new ApiError({ code: 503, message: 'down' }) };
    const { outcome } = await carriedOut({ desired: [allow({ name: 'web' })], errors });
    expect(outcome.stopped).toEqual({ message: 'down', retryAfterMs: 0 });
  });

  test('begins no step after the operator was told to stop', async () => {
    const { outcome, done } = await carriedOut({
      desired: [allow({ name: 'web' })],
      fields: { signal: AbortSignal.abort() },
    });
    expect(done).toEqual([]);
    expect(outcome).toMatchObject({ interrupted: true, stopped: undefined });
  });
});

test('nothing closes at nodes while what opens there is refused', async () => {
  const zone = nodeAllow({ name: 'zone', rules: ['default/nodes/zones/z'] });
  const { outcome, done } = await carriedOut({
    desired: [zone, finalDeny(), endpoint('a', 'lo'), endpoint('a', '*')],
    errors: { zone: refused },
  });
  expect(outcome.unwritten.map(({ step, refusal }) => [step.id, refusal])).toEqual([
    ['GlobalNetworkPolicy/zone', 'the selector is wrong'],
    ['GlobalNetworkPolicy/last', undefined],
    ['HostEndpoint/a-all', undefined],
  ]);
  expect(done.some((each) => each.endsWith(' a-lo'))).toBe(true);
});
