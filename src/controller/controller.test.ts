import { describe, expect, test } from '@jest/globals';
import type { Nodes, Spec } from '../api/schema.ts';
import { ApiError } from '../cluster/errors.ts';
import { remove } from '../cluster/objects/apply.ts';
import type { KubernetesObject } from '../cluster/resource.ts';
import type { FakeApiServer } from '../cluster/testing/fake-api-server.ts';
import { recordingLogger } from '../cluster/testing/logs.ts';
import { ManualClock } from '../cluster/testing/manual-clock.ts';
import { web } from '../compiler/testing/examples.ts';
import { Controller } from './controller.ts';
import { Metrics } from './metrics/metrics.ts';
import { kindResource } from './objects/kinds.ts';
import { ROUND_LIMIT_MS } from './round-guard.ts';
import { FIREWALLS } from './observe/firewalls.ts';
import {
  blogCluster,
  calicoServer,
  FELIX,
  EVENTS,
  finalizersOf,
  firewallObject,
  namespaceObject,
  NAMESPACES,
  OPERATOR_NAMESPACE,
  refusing,
} from './testing/calico-server.ts';

const POLICIES = kindResource('GlobalNetworkPolicy');
const DISCOVERY = '/apis/projectcalico.org/v3';

function controllerOn(server: FakeApiServer) {
  const clock = new ManualClock();
  const log = recordingLogger();
  const metrics = new Metrics(clock);
  const controller = new Controller({
    transport: server,
    clock,
    log,
    metrics,
    operatorNamespace: OPERATOR_NAMESPACE,
    instance: 'pod-1',
  });
  const stop = new AbortController();
  const running = controller.run(stop.signal);
  /** A term of leadership; ends it, and resolves when its work is done. */
  const lead = () => {
    const term = new AbortController();
    const led = controller.lead({ transport: server, finalizers: finalizersOf(server), signal: term.signal });
    return async (): Promise<void> => {
      term.abort();
      await led;
    };
  };
  return { server, clock, log, metrics, controller, stop, running, lead };
}

const eventsOf = (server: FakeApiServer) => [...server.collection(EVENTS).objects().values()];
const reasonsOf = (server: FakeApiServer) => eventsOf(server).map(({ reason }) => reason);
const conditionOf = (server: FakeApiServer, type: string, name = 'default'): unknown => {
  const { conditions = [] } = (server.object(FIREWALLS, name)['status'] ?? {}) as {
    conditions?: readonly { type: string }[];
  };
  return conditions.find((each) => each.type === type);
};
/** Writes of Calico's objects. */
const policiesWritten = ({ requests }: FakeApiServer) =>
  requests.filter(({ method, path }) => method !== 'GET' && path.startsWith(DISCOVERY));

test('two dead watches never show a cluster that never was', async () => {
  const teams: Spec['namespaces'] = [
    {
      name: 'teams',
      namespaceSelector: { matchLabels: { team: 'yes' } },
      ingress: [{ name: 'db', pods: {}, from: [{ entity: 'SameNamespace' }], ports: [3306] }],
    },
  ];
  const server = blogCluster({ namespaces: teams });
  server.put(NAMESPACES, namespaceObject('tenant', { team: 'yes' }));
  const { clock, lead } = controllerOn(server);
  lead();
  await clock.advance(60_000);
  // The heartbeat of Namespaces comes before that of ClusterFirewalls, whatever its jitter.
  server.put(NAMESPACES, namespaceObject('other'));
  await clock.advance(16_000);
  server.put(FIREWALLS, firewallObject({ namespaces: teams }));
  await clock.advance(1000);
  for (const kind of [NAMESPACES, FIREWALLS]) server.collection(kind).disturb('black-hole');
  const before = server.requests.length;
  server.put(FIREWALLS, firewallObject({ mode: 'Observe', namespaces: teams }));
  server.put(NAMESPACES, namespaceObject('tenant'));
  // Its list comes later than that of Namespaces.
  let refusals = 0;
  server.fault = ({ method, path, accept }) =>
    method === 'GET' && path.endsWith('/clusterfirewalls') && accept === undefined && (refusals += 1) <= 3
      ? new ApiError({ code: 500, message: 'etcd is sad' })
      : undefined;
  await clock.advance(100_000);
  expect(refusals).toBeGreaterThan(3);
  const removed = server.requests
    .slice(before)
    .flatMap(({ method, path }) => (method === 'DELETE' ? path : []));
  const places = ['defaults-deny', '/namespaces/tenant/networkpolicies/'].map((part) =>
    removed.findIndex((path) => path.includes(part)),
  );
  expect(places).not.toContain(-1);
  expect(places).toEqual(places.toSorted((a, b) => a - b));
});

describe('a controller', () => {
  test('that leads makes what is stored what the firewalls ask for, and says so in status and Event', async () => {
    const { server, clock, lead } = controllerOn(blogCluster());
    lead();
    await clock.advance(20_000);
    expect(server.object(POLICIES, 'default-defaults-deny')).toBeDefined();
    expect(conditionOf(server, 'Ready')).toMatchObject({ status: 'True', reason: 'Ready' });
    expect(reasonsOf(server)).toEqual(['Ready']);
    const before = server.writes().length;
    await clock.advance(25_000);
    expect(server.writes().slice(before)).toEqual([]);
  });

  test('writes nothing while another one leads, no heartbeat either, and takes over at once', async () => {
    const { server, clock, lead } = controllerOn(blogCluster());
    await clock.advance(20_000);
    expect(server.writes()).toEqual([]);
    const end = lead();
    await clock.advance(20_000);
    expect(server.writes()).not.toEqual([]);
    await end();
    const before = server.writes().length;
    server.put(NAMESPACES, namespaceObject('shop'));
    await clock.advance(900_000);
    expect(server.writes().slice(before)).toEqual([]);
  });

  test('writes nothing before everything is listed that the compiler depends on', async () => {
    const server = blogCluster();
    const namespaces = server.collection(NAMESPACES);
    namespaces.failNext(...Array.from({ length: 200 }, () => ({ type: 'drop' }) as const));
    const { clock, controller, lead } = controllerOn(server);
    lead();
    await clock.advance(20_000);
    expect([controller.isReady, server.writes()]).toEqual([false, []]);
    expect(controller.unready()).toBe('the cluster has not been listed yet');
    namespaces.forgetFaults();
    await clock.advance(60_000);
    expect([controller.isReady, controller.unready()]).toEqual([true, undefined]);
    expect(server.object(POLICIES, 'default-defaults-deny')).toBeDefined();
  });

  test('looks at how Calico is served as soon as a round has failed', async () => {
    const { server, clock, lead } = controllerOn(blogCluster());
    lead();
    await clock.advance(20_000);
    const looks = () => server.requests.filter(({ path }) => path === DISCOVERY).length;
    const before = looks();
    server.fault = refusing('default-defaults-deny', new ApiError({ code: 500, message: 'etcd is sad' }));
    await remove(server, POLICIES, server.object(POLICIES, 'default-defaults-pass').metadata.name);
    await remove(server, POLICIES, server.object(POLICIES, 'default-defaults-metadataapi').metadata.name);
    server.put(POLICIES, { ...server.object(POLICIES, 'default-defaults-deny'), spec: {} });
    await clock.advance(1000);
    expect(looks()).toBeGreaterThan(before);
  });

  test('ends when it is told to, and leaves no timer behind', async () => {
    const { clock, stop, running, lead } = controllerOn(blogCluster());
    const end = lead();
    await clock.advance(20_000);
    await end();
    stop.abort();
    await running;
    expect(clock.pending).toBe(0);
  });
});

describe('a round is begun', () => {
  test.each<[string, (server: FakeApiServer) => void]>([
    ['a namespace that appears', (server) => server.put(NAMESPACES, namespaceObject('shop'))],
    ['a spec that changes', (server) => server.put(FIREWALLS, firewallObject({}))],
    [
      'a policy that is deleted',
      (server) => {
        server.collection(POLICIES).delete(server.object(POLICIES, 'default-defaults-deny').metadata.name);
      },
    ],
  ])('by %s', async (_, change) => {
    const { server, clock, lead } = controllerOn(blogCluster());
    lead();
    await clock.advance(20_000);
    const before = server.writes().length;
    change(server);
    await clock.advance(20_000);
    expect(server.writes().length).toBeGreaterThan(before);
  });

  test('by an object that cannot be read, and by its end', async () => {
    const { server, clock, lead } = controllerOn(blogCluster());
    lead();
    await clock.advance(20_000);
    const odd = namespaceObject('odd');
    server.put(NAMESPACES, { ...odd, metadata: { ...odd.metadata, labels: { a: 1 } as never } });
    await clock.advance(5000);
    expect(conditionOf(server, 'PartiallyInvalid')).toMatchObject({
      status: 'True',
      message: expect.stringContaining('Namespace/odd (metadata.labels: '),
    });
    await remove(server, NAMESPACES, 'odd');
    await clock.advance(5000);
    expect(conditionOf(server, 'PartiallyInvalid')).toBeUndefined();
  });

  test("not by the status that we write ourselves, nor by a stranger's annotation", async () => {
    const { server, clock, metrics, lead } = controllerOn(blogCluster());
    lead();
    await clock.advance(20_000);
    const rounds = async (): Promise<number> => {
      const values = (await metrics.registry.getMetricsAsJSON()).find(
        ({ name }) => name === 'controller_runtime_reconcile_total',
      );
      return (values?.values ?? []).reduce((sum, { value }) => sum + value, 0);
    };
    const before = await rounds();
    const stored = server.object(FIREWALLS, 'default');
    server.put(FIREWALLS, { ...stored, metadata: { ...stored.metadata, annotations: { note: 'x' } } });
    await clock.advance(1000);
    expect(await rounds()).toBe(before);
  });
});

describe('a round that fails', () => {
  /** A cluster whose firewall has no finalizer yet, and finalizers that can be broken. */
  const settling = () => {
    const server = blogCluster();
    server.put(FIREWALLS, firewallObject({ namespaces: [web] }, 'default', {}));
    const working = finalizersOf(server);
    let broken: Error | undefined;
    const settle: typeof working.settle = (firewall) =>
      broken === undefined ? working.settle(firewall) : Promise.reject(broken);
    const breakWith = (error: Error | undefined): void => {
      broken = error;
    };
    return { ...controllerOn(server), finalizers: { settle }, breakWith };
  };

  test('for a fault of ours says so in the status at once, in readiness after three, and a good one ends it', async () => {
    const { server, clock, controller, log, finalizers, breakWith } = settling();
    breakWith(new TypeError('rubbish is not an address'));
    await clock.advance(1000);
    const term = new AbortController();
    const led = controller.lead({ transport: server, finalizers, signal: term.signal });
    await clock.advance(0);
    const { message, ...condition } = conditionOf(server, 'Programmed') as { message: string };
    expect(condition).toMatchObject({ status: 'False', reason: 'ReconcileFailed' });
    expect(message).toContain('rubbish is not an address');
    expect(conditionOf(server, 'Ready')).toMatchObject({ status: 'False', reason: 'ReconcileFailed' });
    expect([controller.unready(), controller.stuck()]).toEqual([undefined, undefined]);
    await clock.advance(10_000);
    expect(controller.unready()).toMatch(/^the last \d+ rounds failed: rubbish is not an address$/);
    expect(log.lines.some((line) => line.message === 'reconcile failed')).toBe(true);
    expect(reasonsOf(server)).toEqual(['ReconcileFailed']);
    breakWith(undefined);
    await clock.advance(20_000);
    expect(conditionOf(server, 'Ready')).toMatchObject({ status: 'True' });
    expect(controller.unready()).toBeUndefined();
    term.abort();
    await led;
  });

  test('for an error of the API server does not say so in the status before the third in a row', async () => {
    const { server, clock, controller, finalizers, breakWith } = settling();
    await clock.advance(1000);
    breakWith(new ApiError({ code: 500, message: 'etcd is sad' }));
    void controller.lead({ transport: server, finalizers, signal: new AbortController().signal });
    await clock.advance(0);
    expect(conditionOf(server, 'Programmed')).toBeUndefined();
    await clock.advance(10_000);
    expect(conditionOf(server, 'Programmed')).toMatchObject({ status: 'False', reason: 'ReconcileFailed' });
  });

  test('counts for nothing any more when the term has ended', async () => {
    const { server, clock, controller, finalizers, breakWith } = settling();
    await clock.advance(1000);
    breakWith(new Error('no'));
    const term = new AbortController();
    const led = controller.lead({ transport: server, finalizers, signal: term.signal });
    await clock.advance(10_000);
    expect(controller.unready()).toBeDefined();
    term.abort();
    await led;
    expect(controller.unready()).toBeUndefined();
  });
});

test('whichever answer never comes, the round ends, says so in the log, and the next one goes on', async () => {
  /** Leads for as long, and returns the requests that were sent meanwhile. */
  const requestsWithout = async (nth: number, ms: number): Promise<readonly string[]> => {
    const { server, clock, log, lead } = controllerOn(blogCluster());
    await clock.advance(1000);
    const asked: string[] = [];
    server.fault = ({ method, path, query }) => {
      asked.push(`${method} ${path} ${String(query?.['fieldManager'])}`);
      return asked.length - 1 === nth ? new Promise(() => undefined) : undefined;
    };
    lead();
    await clock.advance(ms);
    const lost = asked[nth];
    const failed = log.lines.filter(({ message }) => message === 'reconcile failed').length;
    const isOfRound = lost !== undefined && !/^GET|events|heartbeat/.test(lost);
    expect({ lost, failed, ready: conditionOf(server, 'Ready') }).toEqual({
      lost,
      failed: isOfRound ? 1 : 0,
      ready: expect.objectContaining({ status: 'True' }),
    });
    return asked;
  };
  const requests = await requestsWithout(Infinity, 10_000);
  expect(requests.length).toBeGreaterThan(10);
  for (const nth of requests.keys()) await requestsWithout(nth, ROUND_LIMIT_MS + 30_000);
});

describe('people are told', () => {
  test('who changed an object that was repaired', async () => {
    const { server, clock, lead } = controllerOn(blogCluster());
    lead();
    await clock.advance(20_000);
    const deny: KubernetesObject = server.object(POLICIES, 'default-defaults-deny');
    server.put(POLICIES, { ...deny, spec: { selector: 'none()' } }, 'kubectl-edit');
    await clock.advance(2000);
    expect(server.object(POLICIES, 'default-defaults-deny')['spec']).toEqual(deny['spec']);
    expect(eventsOf(server)).toContainEqual(
      expect.objectContaining({
        reason: 'DriftRepaired',
        type: 'Warning',
        involvedObject: expect.objectContaining({ kind: 'ClusterFirewall', name: 'default' }),
        message: expect.stringContaining('changed by kubectl-edit'),
      }),
    );
  });

  test('what was repaired, also in a round that failed afterwards', async () => {
    const { server, clock, metrics, lead } = controllerOn(blogCluster());
    lead();
    await clock.advance(20_000);
    server.fault = refusing('/status', new ApiError({ code: 500, message: 'etcd is sad' }));
    server.put(FIREWALLS, firewallObject({}));
    await remove(server, POLICIES, server.object(POLICIES, 'default-defaults-deny').metadata.name);
    await clock.advance(100);
    expect(reasonsOf(server)).toContain('DriftRepaired');
    const drift = await metrics.registry.getSingleMetric('clusterfirewall_drift_repaired_total')?.get();
    expect(drift?.values).toEqual([
      { labels: { kind: 'GlobalNetworkPolicy', manager: 'unknown' }, value: 1 },
    ]);
  });

  test('in which round something was done or failed', async () => {
    const { server, clock, log, lead } = controllerOn(blogCluster());
    const roundsOf = (message: string): readonly unknown[] =>
      log.lines.flatMap(({ message: text, fields }) =>
        text === message && 'round' in fields ? [fields.round] : [],
      );
    lead();
    await clock.advance(20_000);
    expect(new Set(roundsOf('applied')).size).toBeGreaterThan(1);
    const last = Math.max(...roundsOf('status written').map(Number));
    server.fault = refusing('/status', new ApiError({ code: 500, message: 'etcd is sad' }));
    server.put(FIREWALLS, firewallObject({}));
    await clock.advance(1);
    expect(roundsOf('reconcile failed')[0]).toBeGreaterThan(last);
  });

  test('how many objects and problems there are, and nothing of a firewall that is gone', async () => {
    const server = blogCluster();
    server.put(FIREWALLS, { ...firewallObject({}, 'team'), spec: { mode: 'Sometimes' } });
    const { clock, metrics, lead } = controllerOn(server);
    const firewallsIn = async (name: string): Promise<ReadonlySet<unknown>> => {
      const metric = await metrics.registry.getSingleMetric(name)?.get();
      return new Set(metric?.values.map(({ labels }) => labels['firewall']));
    };
    lead();
    await clock.advance(20_000);
    expect(await firewallsIn('clusterfirewall_objects')).toEqual(new Set(['default']));
    expect(await firewallsIn('clusterfirewall_problems')).toEqual(new Set(['team']));
    await remove(server, FIREWALLS, 'team');
    await clock.advance(20_000);
    expect(await firewallsIn('clusterfirewall_problems')).toEqual(new Set());
  });

  test('that failsafes were narrowed', async () => {
    const nodes: Nodes = {
      mode: 'Enforce',
      failsafes: 'Managed',
      breakGlass: [{ peer: 'ops' }],
      nodeCIDRs: ['10.0.0.0/24'],
    };
    const peers = [{ name: 'ops', cidrs: ['198.51.100.0/24'] }];
    const server = blogCluster({ peers, nodes });
    server.put(FELIX, { metadata: { name: 'default' }, spec: {} });
    const { clock, lead } = controllerOn(server);
    lead();
    await clock.advance(60_000);
    expect(eventsOf(server)).toContainEqual(
      expect.objectContaining({
        reason: 'FailsafesNarrowed',
        involvedObject: expect.objectContaining({ name: 'default' }),
      }),
    );
  });

  test('of a watch that does not show what is stored', async () => {
    const { server, clock, lead } = controllerOn(blogCluster());
    lead();
    await clock.advance(20_000);
    server.collection(NAMESPACES).disturb('black-hole');
    server.put(NAMESPACES, namespaceObject('shop'));
    await clock.advance(600_000);
    expect(reasonsOf(server)).toContain('WatchStale');
  });

  test('what is wrong with a spec, and that it is right again', async () => {
    const { server, clock, lead } = controllerOn(blogCluster());
    lead();
    await clock.advance(20_000);
    server.put(FIREWALLS, { ...firewallObject(), spec: { mode: 'Sometimes' } });
    await clock.advance(20_000);
    expect(conditionOf(server, 'Accepted')).toMatchObject({ status: 'False', reason: 'Invalid' });
    server.put(FIREWALLS, firewallObject());
    await clock.advance(20_000);
    expect(conditionOf(server, 'Ready')).toMatchObject({ status: 'True' });
    expect(reasonsOf(server)).toEqual(['Ready', 'Invalid', 'Resolved']);
  });

  test('that Calico is not installed', async () => {
    const server = calicoServer(false);
    server.put(FIREWALLS, firewallObject());
    const { clock, lead } = controllerOn(server);
    lead();
    await clock.advance(20_000);
    expect(conditionOf(server, 'Ready')).toMatchObject({ status: 'False', reason: 'CalicoNotInstalled' });
    expect(policiesWritten(server)).toEqual([]);
  });
});
