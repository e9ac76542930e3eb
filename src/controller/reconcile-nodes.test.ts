import { describe, expect, test } from '@jest/globals';
import type { Nodes, Spec } from '../api/schema.ts';
import { LABEL_CREATED_BY } from '../calico/labels.ts';
import { ApiError } from '../cluster/errors.ts';
import { remove } from '../cluster/objects/apply.ts';
import type { Result } from '../cluster/queue.ts';
import type { FakeApiServer } from '../cluster/testing/fake-api-server.ts';
import { LABEL_ENFORCED } from '../compiler/names.ts';
import { web } from '../compiler/testing/examples.ts';
import { kindResource } from './objects/kinds.ts';
import { FIREWALLS } from './observe/firewalls.ts';
import {
  blogCluster,
  CONTROLLERS,
  FELIX,
  firewallObject,
  nodeObject,
  NODES,
  refusing,
} from './testing/calico-server.ts';
import { Rounds, settled } from './testing/rounds.ts';

const ENDPOINTS = kindResource('HostEndpoint');
const forbidden = new ApiError({ code: 403, reason: 'Forbidden', message: 'may not' });
const etcdIsSad = new ApiError({ code: 500, message: 'etcd is sad' });
const enforce = (nodes: Partial<Nodes> = {}): Partial<Spec> => ({ nodes: { mode: 'Enforce', ...nodes } });
const managed: Partial<Spec> = {
  peers: [{ name: 'ops', cidrs: ['198.51.100.0/24'] }],
  ...enforce({ failsafes: 'Managed', breakGlass: [{ peer: 'ops' }], nodeCIDRs: ['10.0.0.0/24'] }),
};

/** A cluster whose kube-controllers make an endpoint for every node. */
function automatic(nodes: Partial<Nodes> = {}): FakeApiServer {
  const server = blogCluster(enforce(nodes));
  makeAutomatic(server);
  return server;
}

function makeAutomatic(server: FakeApiServer): void {
  const hostEndpoint = { autoCreate: 'Enabled', createDefaultHostEndpoint: 'Enabled' };
  server.put(CONTROLLERS, {
    metadata: { name: 'default' },
    spec: { controllers: { node: { hostEndpoint } } },
  });
  copyLabels(server);
}

/** Works like kube-controllers, whenever a Node changes. */
function copyLabels(server: FakeApiServer): void {
  for (const [node, { metadata }] of server.collection(NODES).objects())
    server.put(ENDPOINTS, {
      metadata: {
        name: `${node}-auto-hep`,
        labels: { ...metadata.labels, [LABEL_CREATED_BY]: 'calico-kube-controllers' },
      },
      spec: { node, interfaceName: '*' },
    });
}

/** Automatic endpoints that carry the label. */
async function labelled(nodes: Partial<Nodes> = {}): Promise<Rounds> {
  const server = automatic(nodes);
  const rounds = await settled(server);
  copyLabels(server);
  await rounds.settle();
  return rounds;
}

/** Rounds until one fails, and what it came to. */
async function failure(rounds: Rounds): Promise<Result> {
  let next = await rounds.round();
  for (let count = 0; next.type !== 'retry' && count < 20; count += 1) {
    await rounds.clock.advance(1000);
    next = await rounds.round();
  }
  return next;
}

const takeLabelOff = (server: FakeApiServer): void => {
  server.put(NODES, nodeObject('a', '10.0.0.1', { 'node-role.kubernetes.io/control-plane': '' }));
};

const labelOf = (server: FakeApiServer) => server.object(NODES, 'a').metadata.labels?.[LABEL_ENFORCED];
const failsafesOf = (server: FakeApiServer) => server.object(FELIX, 'default')['spec'];

describe('host endpoints of ours', () => {
  test('come when everything of nodes stands', async () => {
    const rounds = await new Rounds(blogCluster(enforce())).start();
    const wrote = await rounds.settle();
    expect(wrote.at(-1)).toBe('PATCH default-nodes-endpoints-a');
    expect(rounds.told.findings.get('default')).toMatchObject({
      nodes: { selected: 1, enforced: 1, condition: { status: 'True' } },
    });
  });

  test('go before anything else of nodes changes', async () => {
    const server = blogCluster(enforce());
    const rounds = await settled(server);
    server.put(FIREWALLS, firewallObject());
    const wrote = await rounds.settle();
    const ofNodes = wrote.filter((each) => each.includes('default-nodes'));
    expect(ofNodes[0]).toBe('DELETE default-nodes-endpoints-a');
    expect(ofNodes.length).toBeGreaterThan(5);
  });

  test("stay until Calico's take their place", async () => {
    const server = blogCluster(enforce());
    const rounds = await settled(server);
    makeAutomatic(server);
    for (let count = 0; count < 10; count += 1) await rounds.roundWithin(5000);
    expect(labelOf(server)).toBe('enforced');
    expect(server.object(ENDPOINTS, 'default-nodes-endpoints-a')).toBeDefined();
    expect(await rounds.round()).toEqual({ type: 'done' });
    copyLabels(server);
    rounds.wrote();
    expect(await rounds.settle()).toEqual(['DELETE default-nodes-endpoints-a']);
  });

  test('change after the addresses that are judged', async () => {
    const server = blogCluster(enforce());
    const rounds = await settled(server);
    const { labels } = server.object(NODES, 'a').metadata;
    server.put(NODES, nodeObject('a', '10.0.0.9', { ...labels, zone: 'b' }));
    const wrote = await rounds.settle();
    const places = ['judged', 'endpoints-a'].map((part) => wrote.indexOf(`PATCH default-nodes-${part}`));
    expect(places).not.toContain(-1);
    expect(places).toEqual(places.toSorted((a, b) => a - b));
  });
});

describe('the label by which automatic endpoints are enforced', () => {
  test('is set when all policies of nodes are stored and settled, and not before', async () => {
    const server = automatic();
    const rounds = await new Rounds(server).start();
    const setAt = new Map<string, number>();
    server.fault = ({ method, path }) => {
      if (method !== 'GET') setAt.set(path.endsWith('/nodes/a') ? 'label' : 'others', rounds.clock.now());
      return undefined;
    };
    await rounds.settle();
    expect(labelOf(server)).toBe('enforced');
    expect((setAt.get('label') ?? 0) - (setAt.get('others') ?? 0)).toBeGreaterThanOrEqual(1000);
  });

  test('is not set while one of them is refused', async () => {
    const server = automatic();
    const rounds = await new Rounds(server).start();
    server.fault = refusing('default-nodes-deny', forbidden);
    for (let count = 0; count < 20; count += 1) await rounds.roundWithin(5000);
    expect(labelOf(server)).toBeUndefined();
    server.fault = () => undefined;
    for (let count = 0; count < 20; count += 1) await rounds.roundWithin(5000);
    expect(labelOf(server)).toBe('enforced');
  });

  test('makes a node count as enforced when Calico has copied it', async () => {
    const server = automatic();
    const rounds = await settled(server);
    expect(rounds.told.findings.get('default')).toMatchObject({ nodes: { enforced: 0 } });
    copyLabels(server);
    await rounds.settle();
    expect(rounds.told.findings.get('default')).toMatchObject({ nodes: { enforced: 1 } });
  });

  test('that somebody takes off is set again, and told', async () => {
    const rounds = await labelled();
    const { server } = rounds;
    takeLabelOff(server);
    await rounds.settle();
    expect(labelOf(server)).toBe('enforced');
    expect(rounds.told.drift).toEqual(['Node/a']);
  });

  test('that somebody takes off again and again is set again when it has waited', async () => {
    const rounds = await labelled();
    const { server } = rounds;
    for (let count = 0; count < 6; count += 1) {
      takeLabelOff(server);
      await rounds.round();
    }
    expect(labelOf(server)).toBeUndefined();
    const next = await rounds.round();
    expect(next).toEqual({ type: 'requeueAfter', ms: 1000 });
    await rounds.clock.advance(1000);
    await rounds.round();
    expect(labelOf(server)).toBe('enforced');
  });

  test('is not set in a round whose writes failed', async () => {
    const rounds = await labelled();
    const { server } = rounds;
    takeLabelOff(server);
    server.put(FIREWALLS, firewallObject({ ...enforce(), namespaces: [web] }));
    server.fault = refusing('blog-ingress-web', etcdIsSad);
    expect(await failure(rounds)).toEqual({ type: 'retry', message: 'etcd is sad' });
    expect(labelOf(server)).toBeUndefined();
    server.fault = () => undefined;
    await rounds.settle();
    expect(labelOf(server)).toBe('enforced');
  });

  test('is taken off first when the firewall goes, which stays until that is done', async () => {
    const rounds = await labelled();
    const { server } = rounds;
    await remove(server, FIREWALLS, 'default');
    server.fault = refusing('/nodes/a', forbidden);
    rounds.wrote();
    for (let count = 0; count < 20; count += 1) await rounds.roundWithin(5000);
    expect(rounds.wrote()[0]).toBe('PATCH a');
    expect(rounds.told.findings.get('default')).toMatchObject({ reason: 'RemovalIncomplete', stalled: true });
    expect(server.collection(FIREWALLS).objects().size).toBe(1);
    server.fault = () => undefined;
    for (let count = 0; count < 20; count += 1) await rounds.roundWithin(5000);
    expect(labelOf(server)).toBeUndefined();
    expect(server.collection(FIREWALLS).objects().size).toBe(0);
  });

  test('has left a node for a second before the policies of nodes change', async () => {
    const zones = [{ name: 'world', from: [{ entity: 'World' as const }], allow: { services: ['https'] } }];
    const server = automatic({ zones });
    server.put(NODES, nodeObject('b', '10.0.0.2', { edge: 'true' }));
    const rounds = await settled(server);
    copyLabels(server);
    await rounds.settle();
    const only = { nodeSelector: { matchLabels: { edge: 'true' } } };
    server.put(FIREWALLS, firewallObject(enforce(only)));
    for (let count = 0; count < 10; count += 1) await rounds.roundWithin(5000);
    expect(labelOf(server)).toBeUndefined();
    await rounds.round();
    copyLabels(server);
    rounds.wrote();
    await rounds.round();
    expect(rounds.wrote()).toEqual([]);
    await rounds.clock.advance(1000);
    expect(await rounds.settle()).toContain('DELETE default-nodes-zones-world-host');
  });

  test.each([
    ['refused', forbidden, { type: 'requeueAfter', ms: 60_000 }],
    ['not answered', etcdIsSad, { type: 'retry', message: 'etcd is sad' }],
  ])('that is %s is tried again', async (_, error, next) => {
    const server = automatic();
    const rounds = await new Rounds(server).start();
    server.fault = refusing('/nodes/a', error);
    for (let count = 0; count < 10; count += 1) await rounds.roundWithin(5000);
    expect(await rounds.roundWithin(5000)).toEqual(next);
    expect(rounds.told.findings.get('default')).toMatchObject({
      nodes: { condition: { reason: 'GateRefused' } },
    });
  });
});

describe('with failsafes: Managed', () => {
  const felix = (): FakeApiServer => {
    const server = blogCluster(managed);
    server.put(FELIX, { metadata: { name: 'default' }, spec: { logSeverityScreen: 'Info' } });
    return server;
  };

  test('failsafes are narrowed last of all', async () => {
    const server = felix();
    const rounds = await settled(server);
    expect(server.writes().findLast((write) => write !== 'PATCH status')).toBe('PATCH default');
    expect(failsafesOf(server)).toMatchObject({ failsafeInboundHostPorts: expect.any(Array) });
    expect(rounds.told.notes.map(({ reason }) => reason)).toEqual(['FailsafesNarrowed']);
    expect(rounds.told.findings.get('default')).toMatchObject({
      nodes: { failsafesNote: expect.stringContaining('narrowed') },
    });
  });

  test('nothing is said of failsafes where the firewall only reports them', async () => {
    const rounds = await settled(blogCluster(enforce()));
    const finding = rounds.told.findings.get('default');
    expect(finding).toHaveProperty('nodes');
    expect(finding).not.toHaveProperty('nodes.failsafesNote');
  });

  test('they are given back by a process that has not narrowed them, and Felix has a second to restart', async () => {
    const server = felix();
    await settled(server);
    const rounds = await new Rounds(server).start();
    const writtenAt = new Map<string, number>();
    server.fault = ({ method, path }) => {
      const what = path.includes('felixconfigurations') ? 'failsafes' : 'others';
      if (method !== 'GET' && !path.includes('clusterfirewalls') && !writtenAt.has(what))
        writtenAt.set(what, rounds.clock.now());
      return undefined;
    };
    await remove(server, FIREWALLS, 'default');
    writtenAt.clear();
    await rounds.settle();
    expect(failsafesOf(server)).toEqual({ logSeverityScreen: 'Info' });
    expect((writtenAt.get('others') ?? 0) - (writtenAt.get('failsafes') ?? 0)).toBeGreaterThanOrEqual(1000);
  });

  test('they are given back before anything of nodes goes, and the firewall goes last', async () => {
    const server = felix();
    const rounds = await settled(server);
    await remove(server, FIREWALLS, 'default');
    rounds.wrote();
    const wrote = await rounds.settle();
    expect(wrote[0]).toBe('PATCH default');
    expect(failsafesOf(server)).toEqual({ logSeverityScreen: 'Info' });
    expect(wrote.at(-1)).toBe('PATCH default');
    expect(server.collection(FIREWALLS).objects().size).toBe(0);
  });

  test('nothing of nodes goes while they cannot be given back', async () => {
    const server = felix();
    const rounds = await settled(server);
    await remove(server, FIREWALLS, 'default');
    server.fault = refusing('felixconfigurations', etcdIsSad);
    for (let count = 0; count < 10; count += 1) await rounds.roundWithin(5000);
    expect(await rounds.roundWithin(5000)).toEqual({ type: 'retry', message: 'etcd is sad' });
    expect(server.collection(ENDPOINTS).objects().size).toBe(2);
    expect(rounds.told.findings.get('default')).toMatchObject({
      reason: 'RemovalIncomplete',
      stalled: false,
    });
  });

  test('no label is taken off while they cannot be given back', async () => {
    const { spec } = firewallObject(managed);
    const rounds = await labelled((spec as Spec).nodes);
    const { server } = rounds;
    server.put(FELIX, { metadata: { name: 'default' }, spec: {} });
    server.put(FIREWALLS, firewallObject(managed));
    await rounds.settle();
    expect(failsafesOf(server)).toHaveProperty('failsafeInboundHostPorts');
    await remove(server, FIREWALLS, 'default');
    server.fault = refusing('felixconfigurations', etcdIsSad);
    for (let count = 0; count < 10; count += 1) await rounds.roundWithin(5000);
    expect(labelOf(server)).toBe('enforced');
  });

  test('the firewall stays while it may not give them back, and nothing else does', async () => {
    const server = felix();
    const rounds = await settled(server);
    await remove(server, FIREWALLS, 'default');
    server.fault = refusing('felixconfigurations', forbidden);
    for (let count = 0; count < 10; count += 1) await rounds.roundWithin(5000);
    expect(server.collection(ENDPOINTS).objects().size).toBe(0);
    expect(server.collection(FIREWALLS).objects().size).toBe(1);
    expect(rounds.told.findings.get('default')).toMatchObject({ reason: 'RemovalIncomplete', stalled: true });
    server.fault = () => undefined;
    for (let count = 0; count < 10; count += 1) await rounds.roundWithin(60_000);
    expect(server.collection(FIREWALLS).objects().size).toBe(0);
  });

  test('they are given back when something that lets in at nodes cannot be written', async () => {
    const server = felix();
    const rounds = await settled(server);
    const zones = [{ name: 'world', from: [{ entity: 'World' as const }], allow: { services: ['https'] } }];
    server.put(
      FIREWALLS,
      firewallObject({ ...managed, nodes: { ...managed.nodes, zones } } as Partial<Spec>),
    );
    server.fault = refusing('nodes-zones-world', forbidden);
    for (let count = 0; count < 10; count += 1) await rounds.roundWithin(5000);
    expect(failsafesOf(server)).toEqual({ logSeverityScreen: 'Info' });
  });

  test.each([
    ['a removal fails', 'DELETE', 'bridge-from', etcdIsSad],
    ['the set of node addresses is refused', 'PATCH', 'nodes-judged', forbidden],
  ])('they are not narrowed further while %s', async (_, verb, part, error) => {
    const server = felix();
    const rounds = await settled(server);
    const before = failsafesOf(server);
    server.put(NODES, nodeObject('a', '10.0.0.9', { 'node-role.kubernetes.io/control-plane': '' }));
    const peers = [{ name: 'ops', cidrs: ['203.0.113.0/24'] }];
    server.put(FIREWALLS, firewallObject({ ...managed, peers }));
    server.fault = ({ method, path }) => (method === verb && path.includes(part) ? error : undefined);
    for (let count = 0; count < 10; count += 1) await rounds.roundWithin(5000);
    expect(failsafesOf(server)).toEqual(before);
    server.fault = () => undefined;
    for (let count = 0; count < 10; count += 1) await rounds.roundWithin(60_000);
    expect(failsafesOf(server)).not.toEqual(before);
  });

  test('they are not narrowed while a node is not enforced', async () => {
    const server = felix();
    const rounds = await new Rounds(server).start();
    server.fault = refusing('nodes-endpoints-a', forbidden);
    for (let count = 0; count < 20; count += 1) await rounds.roundWithin(5000);
    expect(failsafesOf(server)).toEqual({ logSeverityScreen: 'Info' });
  });
});
