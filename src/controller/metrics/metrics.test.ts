import { beforeEach, describe, expect, test } from '@jest/globals';
import { isDeepStrictEqual } from 'node:util';
import { WorkQueue } from '../../cluster/queue.ts';
import { ManualClock } from '../../cluster/testing/manual-clock.ts';
import type { DesiredObject } from '../../compiler/types.ts';
import type { Verdict } from '../apply/verdicts.ts';
import { allow } from '../testing/objects.ts';
import type { Method } from '../../cluster/http/transport.ts';
import { Metrics } from './metrics.ts';

let clock: ManualClock;
let metrics: Metrics;
beforeEach(() => {
  clock = new ManualClock();
  metrics = new Metrics(clock);
});

type Labels = Readonly<Record<string, string>>;

/** Value of the one sample with this name and these labels; undefined where there is none. */
async function sample(name: string, labels: Labels): Promise<number | undefined> {
  const metricName = name.replace(/_(?:sum|count)$/, '');
  const all = await metrics.registry.getMetricsAsJSON();
  const metric = all.find((each) => each.name === name) ?? all.find((each) => each.name === metricName);
  const values: readonly { readonly value: number; readonly labels: object; readonly metricName?: string }[] =
    metric?.values ?? [];
  const found = values.filter(
    (each) => (each.metricName ?? name) === name && isDeepStrictEqual({ ...each.labels }, labels),
  );
  expect(found.length).toBeLessThan(2);
  return found[0]?.value;
}

const QUEUE = { name: 'clusterfirewall', controller: 'clusterfirewall' };

describe('the work queue, as client-go counts it', () => {
  test('a key waits, is worked on, and is done', async () => {
    const queue = new WorkQueue({ clock, observer: metrics.queue });
    queue.add('a');
    queue.add('a');
    await clock.advance(2000);
    expect(await sample('workqueue_depth', QUEUE)).toBe(1);
    const key = await queue.get();
    queue.add('a');
    await clock.advance(3000);
    expect(await sample('workqueue_depth', QUEUE)).toBe(1);
    expect(await sample('workqueue_adds_total', QUEUE)).toBe(2);
    expect(await sample('workqueue_queue_duration_seconds_sum', QUEUE)).toBe(2);
    expect(await sample('workqueue_unfinished_work_seconds', QUEUE)).toBe(3);
    expect(await sample('workqueue_longest_running_processor_seconds', QUEUE)).toBe(3);
    queue.done(key ?? '');
    expect(await sample('workqueue_work_duration_seconds_sum', QUEUE)).toBe(3);
    expect(await sample('workqueue_unfinished_work_seconds', QUEUE)).toBe(0);
    await queue.get();
    expect(await sample('workqueue_queue_duration_seconds_sum', QUEUE)).toBe(5);
    expect(await sample('workqueue_depth', QUEUE)).toBe(0);
  });

  test('the next look is due some time, overdue, or only with a change', async () => {
    const queue = new WorkQueue({ clock });
    metrics.lookUp({ staleness: () => [], readiness: () => [], nextRoundMs: () => queue.nextMs });
    const due = () => sample('clusterfirewall_next_reconcile_seconds', {});
    expect(await due()).toBeUndefined();
    queue.addAfter('a', 3000);
    queue.addAfter('b', 2000);
    expect(await due()).toBe(2);
    await clock.advance(2500);
    expect(await due()).toBe(0.5);
    await clock.advance(2500);
    expect(await due()).toBeUndefined();
  });

  test('what is added later is a retry', async () => {
    const queue = new WorkQueue({ clock, observer: metrics.queue });
    queue.addAfter('a', 1000);
    queue.addRateLimited('b');
    expect(await sample('workqueue_retries_total', QUEUE)).toBe(2);
    expect(await sample('workqueue_adds_total', QUEUE)).toBe(0);
    await clock.advance(1000);
    expect(await sample('workqueue_adds_total', QUEUE)).toBe(2);
  });

  test('ends with the term', async () => {
    const queue = new WorkQueue({ clock, observer: metrics.queue });
    queue.add('a');
    metrics.endTerm();
    expect(await sample('workqueue_depth', QUEUE)).toBe(0);
  });
});

describe('requests', () => {
  const host = '10.0.0.1:6443';
  const request = (method: Method, path: string, contentType?: string): void => {
    const observer = metrics.requests.observer(`https://${host}`);
    const type = contentType === undefined ? {} : { contentType };
    observer({ request: { method, path, ...type }, code: '200', seconds: 0.5 });
  };

  test('are counted by code, method and host', async () => {
    request('GET', '/api/v1/nodes');
    expect(await sample('rest_client_requests_total', { code: '200', method: 'GET', host })).toBe(1);
    const labels = { verb: 'GET', host };
    expect(await sample('rest_client_request_duration_seconds_sum', labels)).toBe(0.5);
  });

  test('of watches have no duration', async () => {
    const observer = metrics.requests.observer(`https://${host}`);
    observer({
      request: { method: 'GET', path: '/api/v1/nodes', query: { watch: true } },
      code: '200',
      seconds: 400,
    });
    expect(await sample('rest_client_requests_total', { code: '200', method: 'GET', host })).toBe(1);
    const labels = { verb: 'GET', host };
    expect(await sample('rest_client_request_duration_seconds_count', labels)).toBeUndefined();
  });

  test.each<[Method, string, string | undefined, string, string]>([
    ['PATCH', '/apis/projectcalico.org/v3/tiers/x', 'application/apply-patch+yaml', 'Tier', 'apply'],
    ['POST', '/apis/projectcalico.org/v3/namespaces/a/networkpolicies', undefined, 'NetworkPolicy', 'create'],
    [
      'DELETE',
      '/apis/projectcalico.org/v3/namespaces/a/networkpolicies/x',
      undefined,
      'NetworkPolicy',
      'delete',
    ],
    ['PUT', '/apis/projectcalico.org/v3/globalnetworksets/x', undefined, 'GlobalNetworkSet', 'update'],
    [
      'PATCH',
      '/apis/clusterfirewall.io/v1alpha1/clusterfirewalls/default/status',
      'application/merge-patch+json',
      'ClusterFirewall',
      'patch',
    ],
  ])('%s %s is a write of ours', async (method, path, contentType, kind, verb) => {
    request(method, path, contentType);
    expect(await sample('clusterfirewall_apply_duration_seconds_count', { kind, verb })).toBe(1);
  });

  test('that read, or write something else, are none', async () => {
    request('GET', '/apis/projectcalico.org/v3/tiers');
    request('POST', '/api/v1/namespaces/default/events');
    const writes = await metrics.registry.getSingleMetric('clusterfirewall_apply_duration_seconds')?.get();
    expect(writes?.values).toEqual([]);
  });
});

test('field managers come from users: twenty are told apart', async () => {
  for (let index = 0; index < 30; index += 1) metrics.driftRepaired('Tier', `manager-${String(index)}`);
  metrics.driftRepaired('Tier', undefined);
  metrics.driftRepaired('Tier', 'manager-7');
  const drift = (manager: string) =>
    sample('clusterfirewall_drift_repaired_total', { kind: 'Tier', manager });
  expect(await drift('manager-7')).toBe(2);
  expect(await drift('manager-20')).toBeUndefined();
  expect(await drift('other')).toBe(10);
  expect(await drift('unknown')).toBe(1);
});

describe('what is looked up at a scrape', () => {
  test('is what is true then', async () => {
    let kinds = [{ kind: 'Namespace', seconds: 1.5, known: true }];
    metrics.lookUp({
      staleness: () => kinds,
      readiness: () => [{ firewall: 'default', ready: true }],
      nextRoundMs: () => undefined,
    });
    expect(await sample('watch_staleness_seconds', { kind: 'Namespace' })).toBe(1.5);
    expect(await sample('clusterfirewall_ready', { firewall: 'default' })).toBe(1);
    kinds = [];
    expect(await sample('watch_staleness_seconds', { kind: 'Namespace' })).toBeUndefined();
  });
});

describe('findings', () => {
  const problems = (reason: string, severity = 'problem') =>
    sample('clusterfirewall_problems', { firewall: 'default', reason, severity });
  const problem = { severity: 'problem', rule: 'r', path: 'p', reason: 'UnknownPeer', message: 'm' } as const;
  const counts = { policies: { desired: 1, current: 1 }, namespaces: null };

  test('are counted by reason, the firewall as a whole included, and replaced by the next', async () => {
    const programming = { programmed: false, reason: 'DriftContested', message: '', stalled: true } as const;
    const warning = { ...problem, severity: 'warning', reason: 'MatchesNothing' } as const;
    metrics.firewalls.found('default', {
      type: 'compiled',
      problems: [problem, problem, warning],
      programming,
      ...counts,
    });
    expect(await problems('UnknownPeer')).toBe(2);
    expect(await problems('MatchesNothing', 'warning')).toBe(1);
    expect(await problems('DriftContested')).toBe(1);
    const healthy = { type: 'compiled', problems: [], programming: { programmed: true }, ...counts } as const;
    metrics.firewalls.found('default', healthy);
    expect(await problems('UnknownPeer')).toBeUndefined();
  });

  test('count what others may open', async () => {
    const of = (state: string) => sample('clusterfirewall_foreign_objects', { firewall: 'default', state });
    const objects = { listed: [], count: { open: 2, accepted: 1 }, first: undefined };
    const foreign = { objects, tenants: { policies: 7, namespaces: 3 } };
    const found = { type: 'compiled', problems: [], programming: { programmed: true }, ...counts } as const;
    metrics.firewalls.found('default', { ...found, foreign });
    expect([await of('open'), await of('accepted')]).toEqual([2, 1]);
    metrics.firewalls.found('default', found);
    expect(await of('open')).toBeUndefined();
  });

  test('go with the firewall, and with the term', async () => {
    const blocked = { type: 'blocked', reason: 'CalicoTooOld', message: '', stalled: true } as const;
    metrics.firewalls.found('default', blocked);
    expect(await problems('CalicoTooOld')).toBe(1);
    metrics.firewalls.retain([{ name: 'other' }]);
    expect(await problems('CalicoTooOld')).toBeUndefined();
    metrics.firewalls.found('default', blocked);
    metrics.endTerm();
    expect(await problems('CalicoTooOld')).toBeUndefined();
  });
});

test('objects are counted by firewall and kind: desired, and those of them that are in place', async () => {
  const verdict = (desired: DesiredObject, fields: Partial<Verdict> & Pick<Verdict, 'is'>): Verdict =>
    ({ id: desired.object.metadata.name, desired, isTemporary: false, ...fields }) as Verdict;
  const [a, b, c] = ['a', 'b', 'c'].map((name) => allow({ name }));
  if (a === undefined || b === undefined || c === undefined) throw new Error('three are made');
  const objects = (state: string) =>
    sample('clusterfirewall_objects', { firewall: 'default', kind: 'GlobalNetworkPolicy', state });
  metrics.firewalls.objects([
    verdict(a, { is: 'Current' }),
    verdict(b, { is: 'Pending' }),
    verdict(c, { is: 'Waiting' }),
    verdict(allow({ name: 'bridge' }), { is: 'Current', isTemporary: true }),
  ]);
  expect([await objects('desired'), await objects('current')]).toEqual([2, 1]);
  metrics.firewalls.objects([verdict(c, { is: 'Waiting' })]);
  expect(await objects('desired')).toBeUndefined();
});
