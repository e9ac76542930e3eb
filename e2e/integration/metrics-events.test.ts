import { afterAll, beforeAll, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { loadAll } from 'js-yaml';
import type { KubernetesObject } from '../../src/cluster/resource.ts';
import { until } from '../harness/connect.ts';
import { conditionOf, eventually, firewall, rule, startRig, type Rig } from './controller-harness.ts';
import { parseExposition, type Family, type Sample } from './exposition.ts';
import { generatedThings } from './controller-objects.ts';

jest.setTimeout(180_000);

const ROOT = path.resolve(import.meta.dirname, '../..');

let started: Rig | undefined;
const rig = (): Rig => {
  if (started === undefined) throw new Error('the cluster did not start');
  return started;
};
beforeAll(async () => {
  started = await startRig('aggregated');
  await rig().apply(firewall());
  await rig().ready();
}, 240_000);
afterAll(async () => {
  await started?.[Symbol.asyncDispose]();
}, 60_000);

const withRules = (...rules: readonly object[]) =>
  firewall({ namespaces: [{ name: 'blog', namespaces: ['wordpress'], ingress: rules }] });

const scrape = async (): Promise<ReadonlyMap<string, Family>> =>
  parseExposition(await (await fetch(`${rig().operator.metricsUrl}/metrics`)).text());

/** Samples of one family that carry these labels. */
async function samples(
  name: string,
  labels: Readonly<Record<string, string>> = {},
): Promise<readonly Sample[]> {
  const family = name.replace(/_(bucket|sum|count)$/, '');
  const found = (await scrape()).get(family) ?? (await scrape()).get(name);
  return (found?.samples ?? []).filter(
    (sample) =>
      sample.name === name && Object.entries(labels).every(([key, value]) => sample.labels[key] === value),
  );
}

const sum = async (name: string, labels: Readonly<Record<string, string>> = {}): Promise<number> =>
  (await samples(name, labels)).reduce((total, { value }) => total + value, 0);

/** Number of items by the value of one key. */
const countBy = <T>(items: readonly T[], key: (item: T) => string): Record<string, number> =>
  items.reduce<Record<string, number>>(
    (counts, item) => ({ ...counts, [key(item)]: (counts[key(item)] ?? 0) + 1 }),
    {},
  );

const events = async (reason: string): Promise<readonly KubernetesObject[]> =>
  (await rig().list('events.events.k8s.io')).filter((event) => event['reason'] === reason);

const notes = async (reason: string): Promise<readonly string[]> =>
  (await events(reason)).map((event) => String(event['note']));

describe('metrics', () => {
  const things = generatedThings(rig);

  test('are in the format, each with help and a type, and documented', async () => {
    const families = await scrape();
    const documented = await readFile(path.join(ROOT, 'docs/metrics.md'), 'utf8');
    for (const [name, { type, help }] of families) {
      expect(help).not.toBe('');
      expect(['counter', 'gauge', 'histogram', 'summary']).toContain(type);
      if (/^(process|nodejs)_/.test(name)) continue;
      expect(documented).toContain(`\`${name}\``);
    }
  });

  test('of histograms add up', async () => {
    for (const [name, { type, samples: all }] of await scrape()) {
      if (type !== 'histogram') continue;
      for (const total of all.filter((sample) => sample.name === `${name}_count`)) {
        const buckets = all.filter(
          (sample) =>
            sample.name === `${name}_bucket` &&
            Object.entries(total.labels).every(([key, value]) => sample.labels[key] === value),
        );
        const values = buckets.map(({ value }) => value);
        expect(values).toEqual(values.toSorted((a, b) => a - b));
        expect(buckets.find(({ labels }) => labels['le'] === '+Inf')?.value).toBe(total.value);
      }
    }
  });

  test('that the alerts use exist', async () => {
    const text = await readFile(path.join(ROOT, 'config/prometheus/prometheus_rule.yaml'), 'utf8');
    const names = new Set(text.match(/\b(clusterfirewall|controller_runtime|workqueue|watch|leader)_\w+/g));
    expect(names.size).toBeGreaterThan(5);
    const families = await scrape();
    expect([...names].filter((name) => !families.has(name))).toEqual([]);
    const built = await rig().cluster.kubectl(['kustomize', path.join(ROOT, 'config/prometheus')]);
    expect(loadAll(built)).toContainEqual(expect.objectContaining({ kind: 'PodMonitor' }));
  });

  test('show the number of objects by kind', async () => {
    const stored = countBy(await rig().generated(), (object) => String(object.kind));
    for (const state of ['desired', 'current']) {
      const reported = await samples('clusterfirewall_objects', { firewall: 'default', state });
      expect(Object.fromEntries(reported.map(({ labels, value }) => [labels['kind'], value]))).toEqual(
        stored,
      );
    }
    expect(await sum('clusterfirewall_ready', { firewall: 'default' })).toBe(1);
    expect(await sum('clusterfirewall_problems')).toBe(0);
  });

  test('of requests and writes match the audit log', async () => {
    await eventually(async () => {
      const before = [...(await rig().writes()), ...(await rig().leaseWrites())];
      const reported = { POST: await sum('rest_client_requests_total', { method: 'POST' }) };
      return before.filter(({ verb }) => verb === 'create').length === reported.POST;
    }, 'as many POSTs as the API server has seen');
    const patches = (await rig().writes()).filter(
      ({ verb, target }) => verb === 'patch' && target.startsWith('networkpolicies/'),
    );
    expect(patches.length).toBeGreaterThan(0);
    const labels = { kind: 'NetworkPolicy', verb: 'apply' };
    expect(await sum('clusterfirewall_apply_duration_seconds_count', labels)).toBe(patches.length);
    expect(await sum('rest_client_requests_total', { method: 'GET', code: '200' })).toBeGreaterThan(10);
  });

  test('of rounds, of the queue and of compiling count the work', async () => {
    const name = { controller: 'clusterfirewall' };
    const rounds = await sum('controller_runtime_reconcile_total', name);
    expect(rounds).toBeGreaterThan(1);
    expect(await sum('workqueue_adds_total', name)).toBeGreaterThanOrEqual(rounds);
    // Until everything is listed, a key is taken and postponed, which does not count as a round.
    expect(await sum('workqueue_work_duration_seconds_count', name)).toBeGreaterThanOrEqual(rounds);
    expect(await sum('workqueue_depth', name)).toBe(0);
    const compiled = await sum('clusterfirewall_compile_duration_seconds_count');
    expect(compiled).toBeGreaterThan(0);
    expect(compiled).toBeLessThanOrEqual(rounds);
  });

  test('show how stale each kind is', async () => {
    const reported = await samples('watch_staleness_seconds');
    const kinds = reported.map(({ labels }) => labels['kind'] ?? '');
    const generated = ['Tier', 'GlobalNetworkSet', 'GlobalNetworkPolicy', 'NetworkPolicy', 'IPPool'];
    expect(kinds).toEqual(expect.arrayContaining(['ClusterFirewall', 'Namespace', 'Node', ...generated]));
    expect(new Set(kinds).size).toBe(kinds.length);
    for (const { value } of reported) expect(value).toBeLessThan(120);
  });

  test('and Events report drift with the other manager, and one Event counts repetitions', async () => {
    for (const order of [4711, 4712]) {
      const done = (await rig().logged('drift repaired')).length;
      await things.patch('NetworkPolicy', { spec: { order } }, 'kubectl-edit');
      await eventually(async () => (await rig().logged('drift repaired')).length > done, 'a repair');
    }
    expect(
      await sum('clusterfirewall_drift_repaired_total', { kind: 'NetworkPolicy', manager: 'kubectl-edit' }),
    ).toBe(2);
    const id = `NetworkPolicy/wordpress/${(await things.one('NetworkPolicy')).metadata.name}`;
    await eventually(async () => (await events('DriftRepaired')).length > 0, 'the Event');
    // A repetition is written a minute after the first.
    const isRepeated = async () =>
      (await events('DriftRepaired')).some(({ deprecatedCount }) => deprecatedCount === 2);
    await until('the repetition', isRepeated, 90_000);
    const [event, ...others] = await events('DriftRepaired');
    expect(others).toEqual([]);
    expect(event).toMatchObject({
      type: 'Warning',
      note: `${id} had been changed by kubectl-edit; it is as desired again`,
      regarding: { kind: 'ClusterFirewall', name: 'default' },
      // The core API calls these count and lastTimestamp.
      deprecatedCount: 2,
      deprecatedLastTimestamp: expect.any(String),
    });
  });
});

describe('Events', () => {
  const web = 'default/blog/ingress/web';
  beforeEach(async () => {
    await rig().apply(withRules(rule('web')));
    await rig().ready();
  });

  test('report that the firewall is ready, and kubectl shows them', async () => {
    await eventually(async () => (await notes('Ready')).length > 0, 'the Event');
    const table = await rig().cluster.kubectl(['get', 'events', '--namespace', 'default']);
    expect(table).toMatch(/Normal\s+Ready\s+clusterfirewall\/default\s+every rule is programmed/);
  });

  test('report a problem with rule, field and remedy, and that it is resolved', async () => {
    await rig().apply(withRules(rule('web', { peer: 'nobody' })));
    await eventually(async () => (await notes('UnknownPeer')).length > 0, 'the problem');
    const problem = (await rig().status())?.problems?.[0];
    expect(await notes('UnknownPeer')).toEqual([
      `${web}: ${String(problem?.message)} (spec.namespaces[0].ingress[0].from[0].peer)`,
    ]);
    expect(await sum('clusterfirewall_problems', { reason: 'UnknownPeer', severity: 'problem' })).toBe(1);
    expect(await sum('clusterfirewall_ready')).toBe(0);
    await rig().apply(withRules(rule('web')));
    await eventually(async () => (await notes('Resolved')).length > 0, 'it to be resolved');
    expect((await notes('Resolved'))[0]).toContain(`${web}: no longer UnknownPeer`);
    await rig().ready();
    expect(await sum('clusterfirewall_problems')).toBe(0);
  });

  test('report no problem twice, not even after a restart', async () => {
    await rig().apply(withRules(rule('web'), rule('again', { peer: 'nobody' })));
    const reported = async () =>
      (await notes('UnknownPeer')).filter((note) => note.includes('ingress/again'));
    await eventually(async () => (await reported()).length === 1, 'the problem');
    await rig().statusThat((each) => conditionOf(each, 'Ready')?.reason === 'UnknownPeer', 'not ready');
    await rig().restart();
    await rig().apply(
      withRules(rule('web'), rule('again', { peer: 'nobody' }), rule('more', { peer: 'nobody' })),
    );
    await eventually(
      async () => (await notes('UnknownPeer')).some((note) => note.includes('ingress/more')),
      'the other problem',
    );
    expect(await reported()).toHaveLength(1);
  });

  test('for a thousand problems need far fewer writes', async () => {
    const rules = Array.from({ length: 100 }, (_, index) => rule(`r${String(index)}`, { peer: 'nobody' }));
    const groups = Array.from({ length: 10 }, (_, index) => ({
      name: `g${String(index)}`,
      namespaces: [`n${String(index)}`],
      ingress: rules,
    }));
    await rig().apply(firewall({ namespaces: groups }, 'many'));
    await rig().statusThat((each) => (each.problems?.length ?? 0) === 100, 'problems', 'many');
    await eventually(
      async () =>
        (await sum('clusterfirewall_problems', { firewall: 'many', reason: 'UnknownPeer' })) === 1000,
      'all of them in the metric',
    );
    const aboutMany = async () =>
      (await events('UnknownPeer')).filter(
        (event) => (event['regarding'] as { readonly name: string }).name === 'many',
      ).length;
    await eventually(async () => (await aboutMany()) >= 25, 'Events');
    await rig().apply(withRules(rule('web')), firewall({ namespaces: [] }, 'many'));
    await eventually(
      async () => (await notes('Resolved')).some((note) => note.startsWith('many/')),
      'them resolved',
    );
    expect(await aboutMany()).toBe(25);
  });
});
