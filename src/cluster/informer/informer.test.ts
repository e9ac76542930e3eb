import { expect, test } from '@jest/globals';
import { FakeServer } from '../testing/fake-server.ts';
import { recordingLogger } from '../testing/logs.ts';
import { ManualClock, settle } from '../testing/manual-clock.ts';
import { InformerGroup } from './informer-group.ts';
import { Informer } from './informer.ts';
import { Watches } from './watches.ts';

function setup() {
  const server = new FakeServer();
  const clock = new ManualClock();
  const log = recordingLogger();
  const watches = new Watches({
    transport: server,
    writer: () => undefined,
    clock,
    log,
    annotation: 'example.io/heartbeat',
    fieldManager: 'example-heartbeat',
    onResult: () => undefined,
  });
  const heard: string[] = [];
  const informer = new Informer<unknown>(
    { transport: server, clock, log, watches },
    {
      kind: 'ConfigMap',
      resource: { group: '', version: 'v1', plural: 'configmaps' },
      project: (object) => object['data'],
      onChange: ({ type, key }) => heard.push(`${type} ${key}`),
      onSynced: () => heard.push('synced'),
    },
  );
  return { server, clock, informer, heard };
}

test('an informer reports its first list when its objects are in, and every change', async () => {
  const { server, informer, heard } = setup();
  server.put('a', 1);
  informer.start();
  await settle();
  server.delete('a');
  await settle();
  expect(heard).toEqual(['added a', 'synced', 'deleted a']);
  await informer.stop();
});

test('a handler hears every change until it is removed', async () => {
  const { server, informer } = setup();
  const heard: string[] = [];
  const remove = informer.addEventHandler(({ type, key }) => heard.push(`${type} ${key}`));
  informer.start();
  await settle();
  server.put('a', 1);
  await settle();
  remove();
  server.put('a', 2);
  await settle();
  expect(heard).toEqual(['added a']);
  await informer.stop();
});

test('a list that was asked for is in, or is not because the informer stopped', async () => {
  const { server, informer } = setup();
  informer.start();
  await settle();
  expect(await informer.relist()).toBe(true);
  server.failNext(...Array.from({ length: 9 }, () => ({ type: 'drop' }) as const));
  const never = informer.relist();
  await informer.stop();
  expect(await never).toBe(false);
});

test('a group is in sync when each of its informers is, and starts and stops them all', async () => {
  const [quick, slow] = [setup(), setup()];
  const group = new InformerGroup([quick.informer, new InformerGroup([slow.informer])]);
  slow.server.failNext({ type: 'drop' });
  group.start();
  await settle();
  expect([quick.informer.hasSynced, group.hasSynced]).toEqual([true, false]);
  await slow.clock.advance(1000);
  expect(group.hasSynced).toBe(true);
  await group.stop();
  expect([quick, slow].map(({ server, clock }) => [server.openWatches, clock.pending])).toEqual([
    [0, 0],
    [0, 0],
  ]);
});
