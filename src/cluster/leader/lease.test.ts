import { describe, expect, test } from '@jest/globals';
import { microTime } from '../clock.ts';
import { ApiError, TransportError } from '../errors.ts';
import { LeaderElection, type LeaseNote, type LeaseTerm } from './lease.ts';
import { LeaseServer } from '../testing/lease-server.ts';
import { recordingLogger } from '../testing/logs.ts';
import { ManualClock } from '../testing/manual-clock.ts';
import type { Transport } from '../http/transport.ts';

interface Network extends Transport {
  /** `true` loses the request. `answer` loses only the answer. */
  lose: boolean | 'answer';
  error: Error | undefined;
  /** Delay of the request on its way to the server. */
  delayMs: number;
}

function network(server: LeaseServer, clock: ManualClock): Network {
  const self: Network = {
    lose: false,
    error: undefined,
    delayMs: 0,
    async request(request) {
      if (self.error !== undefined) throw self.error;
      if (self.lose === true) throw new TransportError('lost');
      if (self.delayMs > 0) await new Promise<void>((resolve) => clock.setTimeout(resolve, self.delayMs));
      const answer = await server.request(request);
      if (self.lose === 'answer') throw new TransportError('the answer is lost');
      return answer;
    },
    stream: (request) => server.stream(request),
  };
  return self;
}

/** Candidates for one Lease, all with the same clock. */
function setup() {
  const server = new LeaseServer();
  const clock = new ManualClock();
  const candidate = (identity: string, note?: LeaseNote) => {
    const log = recordingLogger();
    const transport = network(server, clock);
    const names = { namespace: 'ns', name: 'lease', identity, ...(note !== undefined && { note }) };
    const election = new LeaderElection({ transport, clock, log, random: () => 0.5, ...names });
    const stop = new AbortController();
    const terms: LeaseTerm[] = [];
    /** Work that the leader finishes after it was asked to stop. */
    const work = { finished: Promise.resolve() };
    const lead = async (term: LeaseTerm): Promise<void> => {
      terms.push(term);
      await new Promise((resolve) => {
        term.signal.addEventListener('abort', resolve);
      });
      await work.finished;
    };
    const ended = election.run(lead, stop.signal);
    const messages = () => log.lines.map(({ level, message }) => `${level} ${message}`);
    return { identity, election, stop, terms, work, ended, log, messages, network: transport };
  };
  return { server, clock, candidate };
}

const specOf = (server: LeaseServer) => server.lease?.['spec'];

describe('a candidate', () => {
  test('makes the Lease when there is none, and leads', async () => {
    const { server, clock, candidate } = setup();
    const a = candidate('a');
    await clock.advance(0);
    expect(a.election.isLeader).toBe(true);
    expect(specOf(server)).toEqual({
      holderIdentity: 'a',
      leaseDurationSeconds: 15,
      acquireTime: '2026-01-01T00:00:00.000000Z',
      renewTime: '2026-01-01T00:00:00.000000Z',
      leaseTransitions: 0,
    });
  });

  test('renews every two seconds, with at most one request each', async () => {
    const { server, clock, candidate } = setup();
    candidate('a');
    await clock.advance(0);
    const before = server.requests.length;
    for (let seconds = 2; seconds <= 60; seconds += 2) {
      await clock.advance(2000);
      expect(specOf(server)).toMatchObject({
        acquireTime: '2026-01-01T00:00:00.000000Z',
        renewTime: microTime(clock.date()),
      });
    }
    expect(server.requests.length - before).toBeLessThanOrEqual(30);
  });

  test('stands by while another one renews', async () => {
    const { clock, candidate } = setup();
    candidate('a');
    await clock.advance(0);
    const b = candidate('b');
    await clock.advance(300_000);
    expect(b.terms).toEqual([]);
    expect(b.messages()).toEqual(['info another one leads']);
    expect(b.election.canBeElected).toBe(true);
  });

  test('takes the Lease fifteen seconds after it saw the last renewal, whatever its times say', async () => {
    const { server, clock, candidate } = setup();
    const a = candidate('a');
    await clock.advance(1000);
    server.put({
      ...(server.lease ?? { metadata: { name: 'lease' } }),
      spec: { holderIdentity: 'gone', leaseDurationSeconds: 15, renewTime: '1999-01-01T00:00:00.000000Z' },
    });
    a.stop.abort();
    const b = candidate('b');
    await clock.advance(14_999);
    expect(b.terms).toHaveLength(0);
    await clock.advance(3200);
    expect(b.election.isLeader).toBe(true);
    expect(specOf(server)).toMatchObject({ holderIdentity: 'b', leaseTransitions: 1 });
  });

  test('waits as long as the holder has claimed, if that is longer', async () => {
    const { server, clock, candidate } = setup();
    server.put({
      metadata: { name: 'lease' },
      spec: { holderIdentity: 'slow', leaseDurationSeconds: 60, leaseTransitions: 4 },
    });
    const b = candidate('b');
    await clock.advance(59_999);
    expect(b.terms).toHaveLength(0);
    await clock.advance(3200);
    expect(b.terms).toHaveLength(1);
  });

  test('sees a renewal although the date of the holder stands still', async () => {
    const { clock, candidate } = setup();
    clock.date = () => new Date(0);
    candidate('a');
    await clock.advance(0);
    const b = candidate('b');
    await clock.advance(300_000);
    expect(b.terms).toEqual([]);
  });

  test('does not take a Lease that was deleted before the time of its holder is over', async () => {
    const { server, clock, candidate } = setup();
    const a = candidate('a');
    await clock.advance(0);
    const b = candidate('b');
    await clock.advance(500);
    a.network.lose = true;
    server.put(undefined);
    for (let ms = 0; ms < 30_000; ms += 100) {
      await clock.advance(100);
      expect([a, b].filter(({ election }) => election.isLeader).length).toBeLessThan(2);
    }
    expect(b.election.isLeader).toBe(true);
  });

  test('that may not touch the Lease says so once, and takes no part', async () => {
    const { clock, candidate } = setup();
    const a = candidate('a');
    a.network.error = new ApiError({ code: 403, reason: 'Forbidden', message: 'leases is forbidden' });
    await clock.advance(0);
    await clock.advance(60_000);
    const told = a.messages().filter((line) => !line.startsWith('debug'));
    expect(told).toEqual([expect.stringContaining('config/rbac/leader_election_role.yaml')]);
    expect(a.election.canBeElected).toBe(false);
    a.network.error = undefined;
    await clock.advance(3200);
    expect(a.election.isLeader).toBe(true);
  });
});

describe('a leader', () => {
  test('whose renewals fail gives up ten seconds after it began the last good one, and stands again', async () => {
    const { clock, candidate } = setup();
    const a = candidate('a');
    await clock.advance(4000);
    a.network.lose = true;
    await clock.advance(9999);
    expect(a.election.isLeader).toBe(true);
    await clock.advance(1);
    expect(a.election.isLeader).toBe(false);
    expect(a.terms[0]?.signal.aborted).toBe(true);
    a.network.lose = false;
    await clock.advance(5000);
    expect([a.election.isLeader, a.terms.length]).toEqual([true, 2]);
    expect(a.messages()).toContain('warn leading no more');
  });

  test('counts from the beginning of a slow renewal, not from its answer', async () => {
    const { clock, candidate } = setup();
    const a = candidate('a');
    await clock.advance(1000);
    a.network.delayMs = 4000;
    // The renewal that started at 2000 is answered at 6000.
    await clock.advance(6000);
    a.network.lose = true;
    await clock.advance(4999);
    expect(a.election.isLeader).toBe(true);
    await clock.advance(1);
    expect(a.election.isLeader).toBe(false);
  });

  test('does not lead on an answer that comes when its time is over', async () => {
    const { server, clock, candidate } = setup();
    const a = candidate('a');
    a.network.delayMs = 11_000;
    await clock.advance(23_000);
    expect(server.holder).toBe('a');
    expect(a.terms).toEqual([]);
  });

  test('reads the Lease when an answer was lost, and goes on', async () => {
    const { server, clock, candidate } = setup();
    const a = candidate('a');
    await clock.advance(1000);
    a.network.lose = 'answer';
    await clock.advance(1500);
    a.network.lose = false;
    await clock.advance(60_000);
    expect([a.election.isLeader, a.terms.length]).toEqual([true, 1]);
    expect(specOf(server)).toMatchObject({ leaseTransitions: 0 });
  });

  test('that sees another holder leads no more, at once', async () => {
    const { server, clock, candidate } = setup();
    const a = candidate('a');
    await clock.advance(1000);
    server.put({ metadata: { name: 'lease' }, spec: { holderIdentity: 'b', leaseDurationSeconds: 15 } });
    await clock.advance(1000);
    expect(a.election.isLeader).toBe(false);
    expect(server.holder).toBe('b');
  });

  test('told to stop gives the Lease back when its work is done, and not before', async () => {
    const { server, clock, candidate } = setup();
    const a = candidate('a');
    const b = candidate('b');
    await clock.advance(1000);
    const work = Promise.withResolvers<undefined>();
    a.work.finished = work.promise.then(() => undefined);
    a.stop.abort();
    // Longer than the lease, which is renewed meanwhile.
    await clock.advance(40_000);
    expect([server.holder, a.election.isLeader, b.terms.length]).toEqual(['a', true, 0]);
    work.resolve(undefined);
    await clock.advance(0);
    await a.ended;
    expect(specOf(server)).toMatchObject({ holderIdentity: '', leaseDurationSeconds: 1 });
    expect(a.terms[0]?.fence.signal.aborted).toBe(true);
    await clock.advance(3200);
    expect(b.election.isLeader).toBe(true);
  });

  test('whose work fails gives the Lease back, and says why', async () => {
    const { server, clock, candidate } = setup();
    const a = candidate('a');
    await clock.advance(1000);
    a.work.finished = Promise.reject(new Error('bug'));
    const outcome = a.ended.catch((error: unknown) => error);
    a.stop.abort();
    await clock.advance(0);
    expect(await outcome).toEqual(new Error('bug'));
    expect(server.holder).toBe('');
  });

  test('leaves nothing running when it has stopped', async () => {
    const { clock, candidate } = setup();
    const a = candidate('a');
    await clock.advance(1000);
    a.stop.abort();
    await clock.advance(0);
    await a.ended;
    expect(clock.pending).toBe(0);
  });
});

describe('a note in the Lease', () => {
  /** Adds its name to those that it knows. */
  const names = (own: string): LeaseNote & { readonly known: Set<string> } => {
    const known = new Set([own]);
    return {
      annotation: 'names',
      known,
      learn: (text = '') => {
        for (const name of text.split(',').filter((each) => each !== '')) known.add(name);
      },
      text: () => [...known].sort().join(','),
    };
  };
  const noteOf = (server: LeaseServer) => server.lease?.metadata.annotations?.['names'];

  test('is there when a term begins, and goes from holder to holder', async () => {
    const { server, clock, candidate } = setup();
    const a = candidate('a', names('a'));
    await clock.advance(0);
    expect([a.terms.length, noteOf(server)]).toEqual([1, 'a']);
    const standby = names('b');
    const b = candidate('b', standby);
    await clock.advance(5000);
    expect([...standby.known].sort()).toEqual(['a', 'b']);
    expect(noteOf(server)).toBe('a');
    a.stop.abort();
    await clock.advance(5000);
    expect([b.terms.length, noteOf(server)]).toEqual([1, 'a,b']);
  });

  test('comes back after the Lease was deleted, or another client changed it', async () => {
    const { server, clock, candidate } = setup();
    const note = names('a');
    note.learn('earlier');
    candidate('a', note);
    await clock.advance(0);
    server.put(undefined);
    await clock.advance(2000);
    expect(noteOf(server)).toBe('a,earlier');
    const { lease } = server;
    if (lease === undefined) throw new Error('no Lease');
    server.put({ ...lease, metadata: { ...lease.metadata, annotations: { other: 'kept' } } });
    await clock.advance(4000);
    expect(server.lease?.metadata.annotations).toEqual({ names: 'a,earlier', other: 'kept' });
  });
});
