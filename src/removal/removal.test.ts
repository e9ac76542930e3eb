/** The operator writes on a server in memory; then it is gone, and its work is taken back. */
import { describe, expect, test } from '@jest/globals';
import type { Spec } from '../api/schema.ts';
import { ApiError } from '../cluster/errors.ts';
import type { FakeApiServer } from '../cluster/testing/fake-api-server.ts';
import { recordingLogger } from '../cluster/testing/logs.ts';
import { systemClock } from '../cluster/clock.ts';
import { kindResource } from '../controller/objects/kinds.ts';
import { FIREWALLS } from '../controller/observe/firewalls.ts';
import { blogCluster, FELIX, NODES, refusing } from '../controller/testing/calico-server.ts';
import { settled } from '../controller/testing/rounds.ts';
import { awaitEnd, deleteFirewalls, type WaitParts } from './firewalls.ts';
import { removeOrphans } from './orphans.ts';
import { remnants } from './remnants.ts';

const NODES_TOO: Partial<Spec> = { nodes: { mode: 'Enforce' } };

async function orphaned(spec: Partial<Spec> = NODES_TOO): Promise<FakeApiServer> {
  const server = blogCluster(spec);
  await settled(server);
  server.collection(FIREWALLS).delete('default');
  return server;
}

const parts = (server: FakeApiServer) => ({ transport: server, clock: systemClock, log: recordingLogger() });

const sweep = async (server: FakeApiServer) => removeOrphans(await remnants(server), parts(server));

const isClean = async (server: FakeApiServer): Promise<boolean> => {
  const { objects, labelledNodes, failsafes } = await remnants(server);
  return objects.length === 0 && labelledNodes.length === 0 && failsafes === undefined;
};

const narrow = (server: FakeApiServer): void => {
  server.put(FELIX, {
    metadata: {
      name: 'default',
      annotations: { 'clusterfirewall.io/former-failsafes': '[{"protocol":"TCP","port":22}]' },
    },
    spec: { failsafeInboundHostPorts: [{ protocol: 'TCP', port: 6443 }] },
  });
};

describe('what belongs to no ClusterFirewall', () => {
  test('goes, what denies at nodes first, and the tier last', async () => {
    const server = await orphaned();
    const before = server.writes().length;
    expect(await sweep(server)).toEqual([]);
    expect(await isClean(server)).toBe(true);
    const wrote = server.writes().slice(before);
    const at = (part: string): number => wrote.findIndex((each) => each.includes(part));
    expect(at('nodes-endpoints-a')).toBe(0);
    expect(at('nodes-deny')).toBeLessThan(at('nodes-baseline'));
    expect(at('defaults-deny')).toBeLessThan(at('defaults-dns'));
    expect(wrote.at(-1)).toBe('DELETE clusterfirewall');
  });

  test('leaves objects of others alone', async () => {
    const server = await orphaned();
    server.put(kindResource('GlobalNetworkPolicy'), { metadata: { name: 'perimeter' }, spec: {} });
    await sweep(server);
    const left = [...server.collection(kindResource('GlobalNetworkPolicy')).objects().keys()];
    expect(left).toEqual(['perimeter']);
  });

  test('gives the failsafes back before anything else', async () => {
    const server = await orphaned();
    narrow(server);
    const before = server.writes().length;
    expect(await sweep(server)).toEqual([]);
    expect(server.writes()[before]).toBe('PATCH default');
    expect(await isClean(server)).toBe(true);
  });

  test('stays where the failsafes cannot be given back', async () => {
    const server = await orphaned();
    narrow(server);
    server.fault = refusing('felixconfigurations', new ApiError({ code: 403, message: 'no' }));
    const count = (await remnants(server)).objects.length;
    expect(await sweep(server)).toEqual([
      expect.stringMatching(/^the failsafes are not given back, so nothing/),
    ]);
    expect((await remnants(server)).objects).toHaveLength(count);
  });

  test('takes its label from Nodes', async () => {
    const server = await orphaned();
    server.put(NODES, {
      metadata: { name: 'a', labels: { 'clusterfirewall.io/gate': 'enforced', mine: 'x' } },
    });
    await sweep(server);
    expect(server.object(NODES, 'a').metadata.labels).toEqual({ mine: 'x' });
  });

  test('is named where it cannot be removed, and the rest goes on', async () => {
    const server = await orphaned({});
    server.fault = refusing('defaults-dns', new ApiError({ code: 403, message: 'you may not' }));
    const failures = await sweep(server);
    expect(failures).toHaveLength(1);
    expect(failures[0]).toMatch(/^GlobalNetworkPolicy\/cfw-default-defaults-dns-.*: you may not$/);
    expect((await remnants(server)).objects).toHaveLength(1);
  });
});

describe('the end of a ClusterFirewall', () => {
  /** @param operate what this process does in place of an operator */
  const waiting = (server: FakeApiServer, operate: WaitParts['operate']): WaitParts => ({
    transport: server,
    clock: systemClock,
    date: () => new Date(),
    namespaces: [],
    timeoutMs: 3000,
    operate,
  });

  const operated = (work: () => Promise<unknown>, trouble?: string) => {
    const stopped = { count: 0 };
    const operate: WaitParts['operate'] = async () => {
      await work();
      return {
        stop: () => {
          stopped.count += 1;
          return Promise.resolve();
        },
        trouble: () => trouble,
      };
    };
    return { operate, stopped };
  };

  test('is brought about where no operator looks', async () => {
    const server = blogCluster({});
    const rounds = await settled(server);
    await deleteFirewalls(server, (await remnants(server)).firewalls, false);
    const { operate, stopped } = operated(() => rounds.settle());
    expect(await awaitEnd(waiting(server, operate))).toEqual({ left: [], by: 'substitute' });
    expect(stopped.count).toBe(1);
    expect(await isClean(server)).toBe(true);
  });

  test('keeps everything that is retained', async () => {
    const server = blogCluster(NODES_TOO);
    const rounds = await settled(server);
    const { firewalls, objects } = await remnants(server);
    await deleteFirewalls(server, firewalls, true);
    const { operate } = operated(() => rounds.settle());
    expect(await awaitEnd(waiting(server, operate))).toMatchObject({ left: [] });
    expect((await remnants(server)).objects.map(({ id }) => id)).toEqual(objects.map(({ id }) => id));
  });

  test('that does not come is reported with the last complaint', async () => {
    const server = blogCluster({});
    await settled(server);
    await deleteFirewalls(server, (await remnants(server)).firewalls, false);
    const { operate, stopped } = operated(() => Promise.resolve(), 'it may not list pods');
    const ended = await awaitEnd({ ...waiting(server, operate), timeoutMs: 1 });
    expect(ended).toEqual({ left: ['default'], by: 'substitute', trouble: 'it may not list pods' });
    expect(stopped.count).toBe(1);
  });
});
