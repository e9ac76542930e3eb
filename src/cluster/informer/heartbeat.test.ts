import { describe, expect, test } from '@jest/globals';
import type { KubernetesObject } from '../resource.ts';
import { FakeServer } from '../testing/fake-server.ts';
import { recordingLogger } from '../testing/logs.ts';
import { ManualClock, settle } from '../testing/manual-clock.ts';
import { ApiError, TransportError } from '../errors.ts';
import type { Transport, TransportRequest } from '../http/transport.ts';
import { Informer } from './informer.ts';
import { Watches } from './watches.ts';

const CONFIG_MAPS = { group: '', version: 'v1', plural: 'configmaps' };
/** Longer than one quiet period with its jitter and the deadline, and shorter than two. */
const A_BEAT = 50_000;

interface Beat {
  readonly method: string;
  readonly result: string;
}

interface Setup {
  readonly writable?: boolean;
  readonly listable?: boolean;
}

async function setup({ writable = false, listable = true }: Setup = {}) {
  const server = new FakeServer();
  if (!listable)
    server.failNext(...Array.from({ length: 50 }, () => ({ type: 'status', code: 403 }) as const));
  const clock = new ManualClock();
  const log = recordingLogger();
  const beats: Beat[] = [];
  /** The times at which a doubt has ended. */
  const sure: number[] = [];
  const patches: TransportRequest[] = [];
  /** The result of a patch. */
  const patch = { answer: (request: TransportRequest): KubernetesObject => touch(server, request) };
  /** Runs after the server has answered and before the answer arrives. */
  const onAnswer = { late: () => Promise.resolve() };
  /** Lines of watches wait for it. */
  const watching = { gate: Promise.resolve(undefined) };
  const transport: Transport = {
    async *stream(request) {
      for await (const line of server.stream(request)) {
        await watching.gate;
        yield line;
      }
    },
    async request(request) {
      if (request.method !== 'PATCH') {
        const answer = await server.request(request);
        await onAnswer.late();
        return answer;
      }
      patches.push(request);
      await Promise.resolve();
      return { status: 200, headers: {}, body: patch.answer(request) };
    },
  };
  const watches = new Watches({
    transport,
    writer: () => (writable ? transport : undefined),
    clock,
    log,
    annotation: 'example.io/heartbeat',
    fieldManager: 'example-heartbeat',
    random: () => 0.5,
    onResult: (_copy, method, result) => beats.push({ method, result }),
    onSure: () => sure.push(clock.now()),
  });
  server.put('a', 1);
  server.put('b', 1);
  const informer = new Informer<string>(
    { transport, clock, log, watches },
    {
      kind: 'ConfigMap',
      resource: CONFIG_MAPS,
      project: ({ metadata }) => metadata.uid,
      onChange: () => undefined,
      onSynced: () => undefined,
      heartbeatObject: (uid) => ({ name: 'a', namespace: undefined, uid }),
    },
  );
  informer.start();
  await settle();
  const staleness = (): number | undefined => watches.staleness()[0]?.seconds;
  const relists = () => log.lines.filter(({ message }) => message.includes('listing anew'));
  return {
    server,
    clock,
    log,
    beats,
    patches,
    patch,
    onAnswer,
    watching,
    watches,
    informer,
    staleness,
    relists,
    sure,
  };
}

function touch(server: FakeServer, { path, body }: TransportRequest): KubernetesObject {
  const name = path.split('/').at(-1) ?? '';
  server.put(name, body);
  const touched = server.objects().get(name);
  if (touched === undefined) throw new Error('put did not store it');
  return touched;
}

const lists = (server: FakeServer) =>
  server.requests.filter(({ method, query }) => method === 'GET' && query?.['watch'] !== true);

describe('a quiet watch', () => {
  test('is asked every half minute or so, by a list of metadata, and found to be right', async () => {
    const { server, clock, beats, staleness, relists } = await setup();
    await clock.advance(600_000);
    expect(beats.length).toBeGreaterThan(12);
    expect(beats.every(({ method, result }) => method === 'read' && result === 'shown')).toBe(true);
    const ofMetadata = lists(server).filter(({ accept }) => accept?.includes('as=PartialObjectMetadataList'));
    expect(ofMetadata.length).toBeGreaterThan(12);
    expect(staleness()).toBeLessThan(A_BEAT / 1000);
    expect(relists()).toEqual([]);
  });

  test('that has just brought something is left alone', async () => {
    const { server, clock, beats } = await setup();
    for (let second = 0; second < 200; second += 20) {
      server.put('a', second);
      await clock.advance(20_000);
    }
    expect(beats).toEqual([]);
  });

  test('is compared all the same every five minutes, however much it brings', async () => {
    const { server, clock, beats } = await setup();
    for (let second = 0; second < 640; second += 20) {
      server.put('a', second);
      await clock.advance(20_000);
    }
    expect(beats).toHaveLength(2);
  });

  test('leaves out objects without a uid, as the copy does', async () => {
    const { server, clock, beats, relists } = await setup();
    server.anonymous.add('bare');
    server.put('bare', 1);
    await clock.advance(A_BEAT);
    expect(beats).toEqual([{ method: 'read', result: 'shown' }]);
    expect(relists()).toEqual([]);
  });

  test('stops beating with its informer', async () => {
    const { clock, informer, watches } = await setup();
    await informer.stop();
    expect(clock.pending).toBe(0);
    expect(watches.staleness()).toEqual([]);
  });
});

describe('a watch that went silent', () => {
  test.each<[string, (server: FakeServer) => void, readonly string[]]>([
    [
      'an object changed',
      (server) => {
        server.put('a', 2);
      },
      ['a', 'b'],
    ],
    [
      'an object was made',
      (server) => {
        server.put('c', 1);
      },
      ['a', 'b', 'c'],
    ],
    [
      'an object was deleted',
      (server) => {
        server.delete('b');
      },
      ['a'],
    ],
    [
      'every object was deleted',
      (server) => {
        ['a', 'b'].forEach((name) => {
          server.delete(name);
        });
      },
      [],
    ],
  ])('is found out when %s, and the copy is mended', async (_, change, keys) => {
    const { server, clock, beats, informer, relists, staleness } = await setup();
    server.disturb('black-hole');
    change(server);
    await clock.advance(A_BEAT);
    expect(beats).toEqual([{ method: 'read', result: 'missed' }]);
    expect(relists()).toMatchObject([{ level: 'warn', fields: { kind: 'ConfigMap', silentForSeconds: 48 } }]);
    expect(informer.store.keys()).toEqual(keys);
    for (const key of keys)
      expect(informer.store.versionOf(key)).toBe(server.objects().get(key)?.metadata.resourceVersion);
    expect(staleness()).toBeLessThan(10);
    server.put('later', 1);
    await settle();
    expect(informer.store.keys()).toContain('later');
  });

  test('is not found out by reading while nothing changes: the copy is right', async () => {
    const { server, clock, beats, staleness } = await setup();
    server.disturb('black-hole');
    await clock.advance(200_000);
    expect(beats.every(({ result }) => result === 'shown')).toBe(true);
    expect(staleness()).toBeLessThan(A_BEAT / 1000);
  });

  test('puts all copies in doubt until they are listed, and for half a minute at most', async () => {
    const { server, clock, watches, sure } = await setup();
    server.disturb('black-hole');
    server.put('a', 2);
    // The heartbeat has read by now, and waits for the watch.
    await clock.advance(40_000);
    server.failNext(...Array.from({ length: 50 }, () => ({ type: 'status', code: 500 }) as const));
    await clock.advance(A_BEAT - 40_000);
    expect(watches.isInDoubt).toBe(true);
    expect(sure).toEqual([]);
    await clock.advance(30_000);
    expect(watches.isInDoubt).toBe(false);
    expect(sure).toHaveLength(1);
  });

  test('but shows it before the deadline was only slow', async () => {
    const { server, clock, beats, watching, relists, informer } = await setup();
    const gate = Promise.withResolvers<undefined>();
    watching.gate = gate.promise;
    server.put('a', 2);
    server.put('c', 1);
    server.delete('b');
    await clock.advance(40_000);
    expect(beats).toEqual([]);
    expect(informer.store.keys()).toEqual(['a', 'b']);
    gate.resolve(undefined);
    await settle();
    expect(beats).toEqual([{ method: 'read', result: 'shown' }]);
    expect(relists()).toEqual([]);
  });
});

describe('a change between the answer and the watch is no false alarm', () => {
  const changes: readonly [string, (server: FakeServer, name: string) => void][] = [
    [
      'changed',
      (server, name) => {
        server.put(name, 2);
      },
    ],
    [
      'deleted',
      (server, name) => {
        server.delete(name);
      },
    ],
    [
      'made',
      (server, name) => {
        server.put(`new-${name}`, 1);
      },
    ],
    [
      'deleted and made anew',
      (server, name) => {
        server.delete(name);
        server.put(name, 1);
      },
    ],
  ];

  test.each(changes)('%s, and the answer comes first', async (_, change) => {
    const { server, clock, beats } = await setup();
    server.betweenPages = () => {
      change(server, 'a');
    };
    for (let beat = 0; beat < 4; beat += 1) await clock.advance(A_BEAT);
    expect(new Set(beats.map(({ result }) => result))).toEqual(new Set(['shown']));
  });

  test.each(changes)('%s, and the watch comes first', async (_, change) => {
    const { server, clock, beats, onAnswer } = await setup();
    onAnswer.late = async () => {
      change(server, 'a');
      await settle();
    };
    for (let beat = 0; beat < 4; beat += 1) await clock.advance(A_BEAT);
    expect(new Set(beats.map(({ result }) => result))).toEqual(new Set(['shown']));
  });
});

describe('a written heartbeat', () => {
  test('follows five minutes without a word through the watch, and comes back through it', async () => {
    const { clock, beats, patches } = await setup({ writable: true });
    await clock.advance(299_000);
    expect(patches).toEqual([]);
    await clock.advance(A_BEAT);
    expect(patches).toMatchObject([
      {
        path: '/api/v1/configmaps/a',
        contentType: 'application/merge-patch+json',
        query: { fieldManager: 'example-heartbeat' },
        body: {
          metadata: {
            uid: 'uid-1',
            annotations: { 'example.io/heartbeat': expect.stringMatching(/^2026-01-01T00:05:/) },
          },
        },
      },
    ]);
    expect(beats).toContainEqual({ method: 'written', result: 'shown' });
    expect(beats).not.toContainEqual(expect.objectContaining({ result: 'missed' }));
    await clock.advance(240_000);
    expect(patches).toHaveLength(1);
  });

  test('finds out a silent watch in which nothing has changed', async () => {
    const { server, clock, beats, informer, relists } = await setup({ writable: true });
    server.disturb('black-hole');
    await clock.advance(360_000);
    expect(beats).toContainEqual({ method: 'written', result: 'missed' });
    expect(relists()).toHaveLength(1);
    server.put('later', 1);
    await settle();
    expect(informer.store.keys()).toContain('later');
  });

  test.each([404, 409, 403])('that is refused (%i) is a read instead', async (code) => {
    const { clock, beats, patches, patch } = await setup({ writable: true });
    patch.answer = () => {
      throw new ApiError({ code, message: 'refused' });
    };
    await clock.advance(350_000);
    expect(patches.length).toBeGreaterThan(0);
    expect(beats.at(-1)).toEqual({ method: 'read', result: 'shown' });
  });

  test('is for the leader alone', async () => {
    const { clock, patches } = await setup();
    await clock.advance(900_000);
    expect(patches).toEqual([]);
  });
});

describe('while the API server does not answer', () => {
  test('the watch is not blamed, and the copy grows stale until somebody says so', async () => {
    const { server, clock, beats, relists, watches, staleness } = await setup();
    server.disturb('black-hole');
    const answer = server.request.bind(server);
    server.request = () => Promise.reject(new TransportError('no route to host'));
    await clock.advance(130_000);
    expect(beats.every(({ result }) => result === 'error')).toBe(true);
    expect(relists()).toEqual([]);
    expect(staleness()).toBe(130);
    expect(watches.stale()).toEqual(['ConfigMap (for 130 s)']);
    server.request = answer;
    await clock.advance(A_BEAT);
    expect(watches.stale()).toEqual([]);
  });

  test('a copy that is being listed grows stale too, and is not asked', async () => {
    const { server, clock, beats, watches } = await setup();
    server.failNext(...Array.from({ length: 50 }, () => ({ type: 'drop' }) as const));
    server.disturb('garbage');
    await clock.advance(150_000);
    expect(beats).toEqual([]);
    expect(watches.stale()).toEqual(['ConfigMap (for 150 s)']);
  });

  test('a kind that was never listed is not called stale: who needs it waits for the list', async () => {
    const { server, clock, watches, staleness } = await setup({ listable: false });
    await clock.advance(150_000);
    expect(server.openWatches).toBe(0);
    expect(staleness()).toBe(150);
    expect(watches.stale()).toEqual([]);
  });
});
