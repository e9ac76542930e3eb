import { access, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, expect, jest, test } from '@jest/globals';
import { waitFor } from '../wait.ts';
import { startOperator, type OperatorOptions, type StartedOperator } from '../harness/operator-process.ts';
import {
  eventually,
  firewall,
  IDENTITY,
  rule,
  startRig,
  type Rig,
  type Write,
} from './controller-harness.ts';
import { followContents, isGenerated } from './contents.ts';

// Replicas share one Lease, and the API server's audit log distinguishes them. The leader at the end of a
// test also leads in the next one.

jest.setTimeout(90_000);

let rig: Rig;
/** Running replicas. */
const replicas = new Map<string, StartedOperator>();
beforeAll(async () => {
  rig = await startRig('aggregated');
  replicas.set(rig.operator.name, rig.operator);
}, 180_000);
afterAll(async () => {
  await Promise.all([...replicas.values()].map((replica) => replica.stop()));
  await rig[Symbol.asyncDispose]();
}, 60_000);

async function start(name: string, options: OperatorOptions = {}): Promise<StartedOperator> {
  const replica = await startOperator(rig.cluster, IDENTITY, { ...options, name });
  replicas.set(name, replica);
  return replica;
}

async function stop(...names: readonly string[]): Promise<void> {
  for (const name of names) {
    expect(await replicas.get(name)?.stop()).toBe('exit code 0');
    replicas.delete(name);
  }
}

async function leads({ metricsUrl }: StartedOperator): Promise<boolean> {
  const metrics = await (await fetch(`${metricsUrl}/metrics`)).text();
  return metrics.includes('leader_election_master_status{name="clusterfirewall"} 1');
}

const leader = (): Promise<StartedOperator> =>
  waitFor(
    async () => {
      for (const replica of replicas.values()) if (await leads(replica)) return replica;
      return undefined;
    },
    { what: 'somebody to lead', within: 40_000 },
  );

/**
 * Loaded into an operator. SIGUSR2 holds it inside a timer's callback until the file HOLD.go exists; HOLD.on
 * shows that it is held. After a stop there, it sees its sockets first, because libuv polls after it has run
 * timers. After a stop while it polls, it would see its timers first.
 */
const HOLD_IN_TIMER = `
  import { existsSync, writeFileSync } from 'node:fs';
  const nap = new Int32Array(new SharedArrayBuffer(4));
  const { HOLD } = process.env;
  process.on('SIGUSR2', () => setTimeout(() => {
    writeFileSync(HOLD + '.on', '');
    while (!existsSync(HOLD + '.go')) Atomics.wait(nap, 0, 0, 20);
  }));`;
const holdInTimer = (file: string): Readonly<Record<string, string>> => ({
  HOLD: file,
  NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(HOLD_IN_TIMER)}`,
});

const succeeded = ({ code }: Write): boolean => code >= 200 && code < 300;
const writesBy = async (name: string): Promise<readonly Write[]> =>
  (await rig.writes()).filter(({ instance }) => instance === name);

/** The first successful renewal, from which it leads. */
const takeover = (name: string): Promise<Write> =>
  waitFor(
    async () => (await rig.leaseWrites()).find((write) => write.instance === name && succeeded(write)),
    { what: `${name} to lead`, within: 40_000 },
  );

/**
 * Number of successful writes of each generated object. A first write counts once: it is a POST that stores
 * the content and a PATCH that owns it (src/cluster/objects/apply.ts).
 */
function countWrites(writes: readonly Write[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const { target, verb } of writes.filter(succeeded)) {
    if (isGenerated(target) && verb !== 'create') counts.set(target, (counts.get(target) ?? 0) + 1);
  }
  return counts;
}

const sum = (counts: ReadonlyMap<string, number>): number =>
  [...counts.values()].reduce((total, count) => total + count, 0);

/** Enough to stop a leader in the middle: Calico's API server accepts some 18 objects a second. */
const RULES = 30;

/** A firewall with many rules, all for this port. */
function rules(count: number, port: number): object {
  const ingress = Array.from({ length: count }, (_, index) => ({
    ...rule(`r${String(index)}`),
    ports: [port],
  }));
  return firewall({ namespaces: [{ name: 'blog', namespaces: ['wordpress'], ingress }] });
}

const names = async (): Promise<readonly string[]> =>
  (await rig.generated()).map(({ metadata }) => metadata.name);
const orderOf = async (policy: string): Promise<unknown> => {
  const path = 'jsonpath={.spec.order}';
  const text = await rig.cluster.kubectl([
    'get',
    'globalnetworkpolicies.projectcalico.org',
    policy,
    '-o',
    path,
  ]);
  return Number(text);
};

test('one of two replicas writes, and the other one is ready to', async () => {
  await start('standby');
  await rig.apply(rules(5, 80));
  await rig.ready();
  expect((await leader()).name).toBe('operator');
  expect(new Set((await rig.writes()).map(({ instance }) => instance))).toEqual(new Set(['operator']));
  expect((await rig.leaseWrites()).filter(({ instance }) => instance === 'standby')).toEqual([]);
});

test('a killed leader is replaced: spec and drift are followed again', async () => {
  const killed = await leader();
  await start('heir');
  killed.kill('SIGKILL');
  replicas.delete(killed.name);
  await rig.apply(rules(5, 81));
  await rig.ready();
  expect((await writesBy((await leader()).name)).length).toBeGreaterThan(0);
  const [name = ''] = (await names()).filter((each) => /ingress-r\d/.test(each));
  await rig.cluster.kubectl(['delete', 'globalnetworkpolicies.projectcalico.org', name]);
  await eventually(async () => (await names()).includes(name), `${name} to be there again`);
});

test('a leader that was stopped past its lease, with writes that wait for a connection, starts none of them when it continues', async () => {
  await using relay = await rig.cluster.faults.relay();
  const hold = path.join(rig.cluster.workDir, 'hold');
  const stopped = await start('stopped', { server: relay.server, env: holdInTimer(hold) });
  await stop(...[...replicas.keys()].filter((name) => name !== 'stopped'));
  await takeover('stopped');
  await start('successor');
  await rig.apply(rules(RULES, 82));
  await eventually(async () => (await writesBy('stopped')).length > 3, 'the first of many writes');

  // All connections break. New ones get only into their TLS handshake, where the repeated writes wait.
  relay.blackHoleAll();
  relay.cut();
  await delay(1000);
  stopped.kill('SIGUSR2');
  await waitFor(() => access(`${hold}.on`).then(() => true), { what: 'it to be held', within: 10_000 });
  stopped.kill('SIGSTOP');
  const { receivedAt } = await takeover('successor');
  // The other half of the handshake arrives while it is stopped. It is the first event afterwards, before any
  // timer.
  relay.restore();
  await delay(500);
  await writeFile(`${hold}.go`, '');
  stopped.kill('SIGCONT');
  await eventually(async () => !(await leads(stopped)), 'the old leader to notice');
  await rig.ready();

  const late = (await writesBy('stopped')).filter((write) => write.receivedAt >= receivedAt);
  expect(late).toEqual([]);
  expect((await writesBy('successor')).length).toBeGreaterThan(0);
  await stop('stopped');
});

/** Edits a policy as another client, and waits for its repair. */
async function editAndSeeUndone(policy: string, order: number): Promise<void> {
  const edit = ['patch', 'globalnetworkpolicies.projectcalico.org', policy, '--type=merge'];
  await rig.cluster.kubectl([...edit, '--patch', JSON.stringify({ spec: { order } })]);
  await eventually(async () => (await orderOf(policy)) !== order, 'the edit to be undone');
}

const defaultDeny = async (): Promise<string> =>
  (await names()).find((name) => name.includes('defaults-deny')) ?? '';

/**
 * Stops the leader, which releases its lease. The next one therefore does not wait until the lease has
 * expired.
 */
async function stopLeader({ name }: StartedOperator): Promise<void> {
  await stop(name);
  const holder = ['-o', 'jsonpath={.items[*].spec.holderIdentity}'];
  const leases = ['get', 'leases', '--namespace', IDENTITY.namespace];
  expect(await rig.cluster.kubectl([...leases, ...holder])).not.toContain(`${name}_`);
}

test('a rolling update with nothing to change writes no policy', async () => {
  await rig.apply(rules(5, 83));
  await rig.ready();
  const deny = await defaultDeny();
  const before = (await rig.writes()).length;
  const leading = await leader();
  await start('unchanged');
  await stopLeader(leading);
  // Proves that the next one works.
  await editAndSeeUndone(deny, 83);
  const writes = (await rig.writes()).slice(before).filter(({ target }) => isGenerated(target));
  expect(writes.map(({ instance, verb, target }) => [instance, verb, target])).toEqual([
    ['unchanged', 'patch', `globalnetworkpolicies/${deny}`],
  ]);
});

test('a rolling update during changes leaves no gap, and writes nothing twice', async () => {
  await rig.apply(rules(RULES, 83));
  await rig.ready();
  const before = (await rig.writes()).length;
  const deny = await defaultDeny();
  await using contents = await followContents(rig.transport);
  const ports = [84, 85];
  for (const port of ports) {
    await start(`for-${String(port)}`);
    const leading = await leader();
    const written = (await rig.writes()).length;
    await rig.apply(rules(RULES, port));
    await eventually(async () => (await rig.writes()).length > written + 3, 'the change to be under way');
    await Promise.all([stopLeader(leading), editAndSeeUndone(deny, port)]);
    await rig.ready();
    expect(new Set((await rig.writes()).slice(written).map(({ instance }) => instance)).size).toBe(2);
  }
  const writes = countWrites((await rig.writes()).slice(before));
  // Each edit of the other client changed the content, too.
  writes.set(
    `globalnetworkpolicies/${deny}`,
    (writes.get(`globalnetworkpolicies/${deny}`) ?? 0) + ports.length,
  );
  const shown = (): object => Object.fromEntries(contents.changes());
  await eventually(
    () => Promise.resolve(sum(contents.changes()) >= sum(writes)),
    'the watch to show it',
  ).catch(() => {
    // Something was written twice; the comparison shows it.
  });
  expect(Object.fromEntries(writes)).toEqual(shown());
  const rewritten = [...writes].filter(([target]) => /ingress-r\d/.test(target));
  expect(rewritten.length).toBeGreaterThanOrEqual(RULES);
});
