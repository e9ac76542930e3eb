import { describe, expect, test } from '@jest/globals';
import { ApiError } from '../../cluster/errors.ts';
import type { FakeApiServer } from '../../cluster/testing/fake-api-server.ts';
import { recordingLogger } from '../../cluster/testing/logs.ts';
import { ManualClock } from '../../cluster/testing/manual-clock.ts';
import { FIREWALLS, projectFirewall, type StoredFirewall } from '../observe/firewalls.ts';
import { calicoServer, firewallObject } from '../testing/calico-server.ts';
import { Reporter } from './status-writer.ts';
import type { Finding } from './status.ts';

const blocked: Finding = {
  type: 'blocked',
  reason: 'CalicoNotInstalled',
  message: 'install it',
  stalled: false,
};

function setup() {
  const server = calicoServer();
  server.put(FIREWALLS, firewallObject());
  const clock = new ManualClock();
  return { server, clock, reporter: new Reporter(server, clock, recordingLogger()) };
}

const stored = (server: FakeApiServer): StoredFirewall =>
  projectFirewall(server.object(FIREWALLS, 'default'));

test('a status is written under a manager of its own, and takes nothing else with it', async () => {
  const { server, reporter } = setup();
  const { spec } = server.object(FIREWALLS, 'default');
  await reporter.report(stored(server), blocked);
  const after = server.object(FIREWALLS, 'default');
  expect(after).toMatchObject({ spec, status: { observedGeneration: 1 } });
  expect(after.metadata.managedFields?.map(({ manager }) => manager)).toContain('clusterfirewall-status');
});

test('a status that says the same is not written again, also while the watch lags behind', async () => {
  const { server, clock, reporter } = setup();
  const before = stored(server);
  await reporter.report(before, blocked);
  await clock.advance(60_000);
  await reporter.report(before, blocked);
  await reporter.report(stored(server), blocked);
  expect(server.writes()).toEqual(['PATCH status']);
});

test('somebody else’s change of the status is undone', async () => {
  const { server, reporter } = setup();
  await reporter.report(stored(server), blocked);
  server.put(FIREWALLS, { ...server.object(FIREWALLS, 'default'), status: { observedGeneration: 99 } });
  await reporter.report(stored(server), blocked);
  expect(stored(server).status).toMatchObject({ observedGeneration: 1, conditions: expect.any(Array) });
});

test.each<[string, (server: FakeApiServer) => void]>([
  ['is gone', () => undefined],
  ['was made anew', (server) => server.put(FIREWALLS, firewallObject())],
])('a firewall that %s needs no status, and nothing is remembered of it', async (_, meanwhile) => {
  const { server, reporter } = setup();
  const seen = stored(server);
  server.collection(FIREWALLS).delete('default');
  meanwhile(server);
  await reporter.report(seen, blocked);
  await reporter.report(seen, blocked);
  expect(server.writes()).toEqual(['PATCH status', 'PATCH status']);
  const statuses = [...server.collection(FIREWALLS).objects().values()].map(({ status }) => status);
  expect(statuses.every((status) => status === undefined)).toBe(true);
});

test('other errors are thrown, for the queue to try again', async () => {
  const { server, reporter } = setup();
  server.fault = () => new ApiError({ code: 500, message: 'etcd is sad' });
  await expect(reporter.report(stored(server), blocked)).rejects.toThrow('etcd is sad');
});

describe('what others may open', () => {
  const finding = (objects: readonly string[], policies = 0): Finding => ({
    type: 'compiled',
    problems: [],
    programming: { programmed: true },
    policies: { desired: 1, current: 1 },
    namespaces: null,
    foreign: {
      objects: {
        listed: objects.map((object) => ({ object, opens: 'everything' })),
        count: { open: objects.length, accepted: 0 },
        first: objects.map((object) => ({ object, opens: 'everything', accepted: false }))[0],
      },
      tenants: { policies, namespaces: policies },
    },
  });
  const listed = (server: FakeApiServer) => stored(server).status?.foreign?.map(({ object }) => object);

  test('is written once a minute, however often it changes', async () => {
    const { server, clock, reporter } = setup();
    for (let second = 0; second < 300; second += 1) {
      await reporter.report(stored(server), finding([`Tier/t${second}`]));
      await clock.advance(1000);
    }
    // The first status of a spec, and then one change a minute.
    expect(server.writes()).toHaveLength(1 + 5);
    expect(listed(server)).toEqual(['Tier/t241']);
  });

  test('is written at once after a minute without a change, and the writer says when more may follow', async () => {
    const { server, clock, reporter } = setup();
    expect(await reporter.report(stored(server), finding([]))).toBe(0);
    expect(await reporter.report(stored(server), finding(['Tier/a']))).toBe(0);
    await clock.advance(20_000);
    expect(await reporter.report(stored(server), finding(['Tier/a', 'Tier/b']))).toBe(40_000);
    expect(listed(server)).toEqual(['Tier/a']);
    await clock.advance(40_000);
    expect(await reporter.report(stored(server), finding(['Tier/a', 'Tier/b']))).toBe(0);
    expect(listed(server)).toEqual(['Tier/a', 'Tier/b']);
  });

  test('tenants make the operator write once a minute, and do not delay the word about the rest', async () => {
    const { server, clock, reporter } = setup();
    for (let second = 0; second < 120; second += 1) {
      await reporter.report(stored(server), finding([], second + 1));
      await clock.advance(1000);
    }
    expect(server.writes()).toHaveLength(1 + 2);
    await reporter.report(stored(server), finding([], 1000));
    await reporter.report(stored(server), finding(['Tier/a'], 1001));
    expect(listed(server)).toEqual(['Tier/a']);
  });

  test('a new spec is answered at once', async () => {
    const { server, reporter } = setup();
    await reporter.report(stored(server), finding([]));
    await reporter.report(stored(server), finding(['Tier/a']));
    server.put(FIREWALLS, firewallObject({ acceptForeign: ['Tier/a'] }));
    await reporter.report({ ...stored(server), generation: 2 }, finding([]));
    expect(listed(server)).toBeUndefined();
  });
});
