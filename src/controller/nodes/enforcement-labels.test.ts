import { describe, expect, test } from '@jest/globals';
import { ApiError } from '../../cluster/errors.ts';
import { recordingLogger } from '../../cluster/testing/logs.ts';
import { ManualClock } from '../../cluster/testing/manual-clock.ts';
import { LABEL_ENFORCED } from '../../compiler/names.ts';
import { UNKNOWN } from '../../inventory/known.ts';
import type { HostEndpointInfo } from '../../inventory/types.ts';
import type { NodesSummary } from '../../compiler/types.ts';
import { readNode } from '../../inventory/nodes.ts';
import { Drift } from '../apply/drift.ts';
import type { Journal } from '../apply/journal.ts';
import {
  EnforcementLabels,
  isDeferred,
  isReplacedByAutomatic,
  labelPlan,
  type LabelChange,
} from './enforcement-labels.ts';
import type { DesiredState } from '../plan/desired-state.ts';
import type { StoredNode } from '../observe/cluster-state.ts';
import { calicoServer, nodeObject, NODES } from '../testing/calico-server.ts';
import {
  allow,
  creation,
  finalDeny,
  nodeAllow,
  endpoint as ownEndpoint,
  removal,
  set as networkSet,
} from '../testing/objects.ts';

const node = (name: string, gate?: string): StoredNode => ({
  name,
  uid: `uid-${name}`,
  labels: gate === undefined ? {} : { [LABEL_ENFORCED]: gate },
  addresses: [],
});
const endpoint = (of: string, gated: boolean): HostEndpointInfo => ({
  name: `${of}-auto-hep`,
  node: of,
  labels: gated ? { [LABEL_ENFORCED]: 'enforced' } : {},
  interfaceName: '*',
  automatic: true,
});
const desired = [finalDeny()];
const gated = (...names: readonly string[]) => ({ labelledNodes: new Set(names), nodes: undefined, desired });
const blocked: NodesSummary = {
  mode: 'Enforce',
  endpoints: 'Automatic',
  selected: ['a', 'b'],
  blocked: { reason: 'EndpointConflict', message: '' },
  failsafesOpen: [],
  notes: [],
};
const NONE: ReadonlySet<string> = new Set();
const named = (changes: readonly { readonly node: StoredNode }[]) => changes.map((each) => each.node.name);

describe('which Nodes get the gate, and which lose it', () => {
  test('those that are to carry it and do not, and the other way round', () => {
    const gating = labelPlan(
      [node('a'), node('b', 'enforced'), node('c', 'enforced')],
      [],
      NONE,
      gated('a', 'b'),
    );
    expect([named(gating.set), named(gating.takeOff)]).toEqual([['a'], ['c']]);
  });

  test('another value is put right', () => {
    expect(named(labelPlan([node('a', 'no')], [], NONE, gated('a')).set)).toEqual(['a']);
  });

  test('none while it cannot be told', () => {
    const gating = labelPlan([node('a', 'enforced')], [], NONE, {
      labelledNodes: UNKNOWN,
      nodes: undefined,
      desired,
    });
    expect(gating).toEqual({
      set: [],
      takeOff: [],
      leaving: false,
      joining: false,
      waitingForAutomatic: NONE,
    });
  });

  test('while something is in the way, none is added and those that stand stay', () => {
    const gating = labelPlan([node('a', 'enforced'), node('b')], [], NONE, {
      labelledNodes: new Set(['a', 'b']),
      nodes: blocked,
      desired,
    });
    expect([named(gating.set), named(gating.takeOff), gating.joining]).toEqual([[], [], false]);
  });

  test("an endpoint is under way until Calico has copied its Node's label", () => {
    const nodes = [node('a', 'enforced'), node('b')];
    const of = (a: boolean, b: boolean) =>
      labelPlan(nodes, [endpoint('a', a), endpoint('b', b)], NONE, gated('a'));
    expect(of(true, false)).toMatchObject({ leaving: false, joining: false });
    expect(of(false, false)).toMatchObject({ leaving: false, joining: true });
    expect(of(true, true)).toMatchObject({ leaving: true, joining: false });
  });
});

describe('endpoints are under way', () => {
  const observing = [finalDeny('Allow')];
  const standing = { ...gated('a'), desired };
  const inTheWay = { ...standing, nodes: blocked };
  const others = (gate: boolean): HostEndpointInfo => ({ ...endpoint('a', gate), automatic: false });

  test.each<
    [
      what: string,
      nodes: readonly StoredNode[],
      endpoints: readonly HostEndpointInfo[],
      wanted: Parameters<typeof labelPlan>[3],
      expected: { leaving: boolean; joining: boolean },
    ]
  >([
    ['nothing to do', [node('a', 'enforced')], [], standing, { leaving: false, joining: false }],
    ['a Node to be labelled', [node('a')], [], standing, { leaving: false, joining: true }],
    ['one to lose its label', [node('b', 'enforced')], [], standing, { leaving: true, joining: false }],
    [
      'one while nodes are observed',
      [node('a')],
      [],
      { ...standing, desired: observing },
      { leaving: false, joining: true },
    ],
    [
      'one while all of it goes',
      [node('a')],
      [],
      { ...standing, desired: [] },
      { leaving: false, joining: false },
    ],
    [
      'one that only rules allow',
      [node('a')],
      [],
      { ...standing, desired: [nodeAllow({ name: 'zone' })] },
      { leaving: false, joining: false },
    ],
    ['one while something is in the way', [node('a')], [], inTheWay, { leaving: false, joining: false }],
    ['an endpoint to come', [], [endpoint('a', false)], standing, { leaving: false, joining: true }],
    [
      'one while something is in the way, too',
      [],
      [endpoint('a', false)],
      inTheWay,
      { leaving: false, joining: false },
    ],
    [
      'one to leave, while something is in the way',
      [],
      [endpoint('b', true)],
      inTheWay,
      { leaving: true, joining: false },
    ],
    ['one of others', [], [others(false)], standing, { leaving: false, joining: false }],
    [
      'one of others that carries the label',
      [],
      [{ ...others(true), node: 'b' }],
      standing,
      { leaving: false, joining: false },
    ],
  ])('%s', (_, nodes, endpoints, wanted, expected) => {
    expect(labelPlan(nodes, endpoints, NONE, wanted)).toMatchObject(expected);
  });
});

describe('what waits for an endpoint that is still to leave', () => {
  const nodes = [node('a')];
  const endpoints = [endpoint('a', true)];
  const step = removal(nodeAllow({ name: 'zone' }));

  test('everything else of nodes', () => {
    expect(isDeferred(labelPlan(nodes, endpoints, NONE, gated()))(step)).toBe(true);
  });

  test('but nothing of pods, nor what is refused at pods', () => {
    const isHeld = isDeferred(labelPlan(nodes, endpoints, NONE, gated()));
    const atPods = removal(nodeAllow({ name: 'pods', rules: ['default/nodes/pods'] }));
    expect([isHeld(atPods), isHeld(removal(allow({ name: 'web' })))]).toEqual([false, false]);
  });

  test('nothing when all of it goes', () => {
    expect(isDeferred(labelPlan(nodes, endpoints, NONE, { ...gated(), desired: [] }))(step)).toBe(false);
  });
});

describe('what waits for an endpoint that is still to come', () => {
  const joining = labelPlan([node('a', 'enforced')], [endpoint('a', false)], NONE, gated('a'));

  test('what is taken away in the end, for example a set that the former policies name', () => {
    expect(joining).toMatchObject({ joining: true });
    expect(isDeferred(joining)(removal(networkSet({ name: 'former' })))).toBe(true);
  });

  test('nothing once it has come', () => {
    const joined = labelPlan([node('a', 'enforced')], [endpoint('a', true)], NONE, gated('a'));
    expect(isDeferred(joined)(removal(networkSet({ name: 'former' })))).toBe(false);
  });

  test('nothing else', () => {
    expect(isDeferred(joining)(removal(nodeAllow({ name: 'zone' })))).toBe(false);
    expect(isDeferred(joining)(creation(networkSet({ name: 'new' })))).toBe(false);
  });
});

describe("where Calico's endpoints take the place of ours, and ours of them", () => {
  const ours = ownEndpoint('a', '*');

  test("ours goes when Calico's is under the policies", () => {
    const of = (...endpoints: readonly HostEndpointInfo[]) =>
      isDeferred(labelPlan([node('a', 'enforced')], endpoints, new Set(['a']), gated('a')))(removal(ours));
    expect([of(), of(endpoint('a', false)), of(endpoint('a', true))]).toEqual([true, true, false]);
    expect(of({ ...endpoint('a', true), automatic: false })).toBe(true);
    expect(of({ ...endpoint('a', true), interfaceName: 'eth0' })).toBe(true);
    const replaced = isReplacedByAutomatic(
      labelPlan([node('a', 'enforced')], [], new Set(['a']), gated('a')),
    );
    expect([replaced(removal(ours)), replaced(removal(ownEndpoint('b', '*')))]).toEqual([true, false]);
    expect([replaced(removal(ownEndpoint('a', 'lo'))), replaced(creation(ours))]).toEqual([false, false]);
  });

  test('the gate is set before there is anything to carry it', () => {
    expect(named(labelPlan([node('a')], [], new Set(['a']), gated('a')).set)).toEqual(['a']);
    const beside = { ...gated('a'), desired: [...desired, ownEndpoint('a', 'lo')] };
    expect(named(labelPlan([node('a')], [], NONE, beside).set)).toEqual(['a']);
  });

  test('ours goes at once where its node is not selected any more, or all of it goes', () => {
    const of = (wanted: Pick<DesiredState, 'labelledNodes' | 'nodes' | 'desired'>) =>
      isDeferred(labelPlan([node('a')], [], new Set(['a']), wanted))(removal(ours));
    expect([of(gated()), of({ ...gated('a'), desired: [] })]).toEqual([false, false]);
  });

  test('the gate goes when ours has come, which nothing holds back', () => {
    const wanted = { ...gated(), desired: [...desired, ours] };
    const of = (...own: readonly string[]) =>
      labelPlan([node('a', 'enforced')], [endpoint('a', true)], new Set(own), wanted);
    expect([named(of().takeOff), of().leaving, isDeferred(of())(creation(ours))]).toEqual([[], false, false]);
    expect([named(of('a').takeOff), of('a').leaving]).toEqual([['a'], true]);
  });
});

describe('writing enforcement labels', () => {
  function setup(...nodes: readonly StoredNode[]) {
    const server = calicoServer();
    for (const { name, labels } of nodes) server.put(NODES, nodeObject(name, '10.0.0.1', labels));
    const journal: Pick<Journal, 'repairs'> = { repairs: [] };
    const [log, stopping] = [recordingLogger(), new AbortController()];
    const labels = new EnforcementLabels({
      transport: server,
      log,
      drift: new Drift(new ManualClock()),
      signal: stopping.signal,
    });
    const stored = (name: string): StoredNode => {
      const object = server.object(NODES, name);
      return { ...readNode(object).value, uid: object.metadata.uid };
    };
    const set = (name: string) => ({ node: stored(name), value: 'enforced' });
    const takeOff = (name: string) => ({ node: stored(name), value: undefined });
    const write = (...changes: readonly LabelChange[]) => labels.write(changes, journal);
    return { server, log, stopping, labels, journal, write, stored, set, takeOff };
  }

  test('changes that one label of a Node', async () => {
    const others = { zone: 'x' };
    const { server, log, journal, write, stored, set, takeOff } = setup(
      { ...node('a'), labels: others },
      { ...node('b'), labels: { ...others, [LABEL_ENFORCED]: 'enforced' } },
    );
    await write(set('a'), takeOff('b'));
    expect(stored('a').labels).toEqual({ ...others, [LABEL_ENFORCED]: 'enforced' });
    expect(stored('b').labels).toEqual(others);
    expect(journal.repairs).toEqual([]);
    expect(log.lines.map(({ message, fields }) => ({ message, ...fields }))).toEqual([
      { message: 'enforcement label set', object: 'Node/a' },
      { message: 'enforcement label removed', object: 'Node/b' },
    ]);
    // JSON has null, and not what is undefined.
    const bodies = server.requests.filter(({ method }) => method === 'PATCH').map(({ body }) => body);
    expect(JSON.stringify(bodies)).toContain(`"labels":{"${LABEL_ENFORCED}":null}`);
  });

  test('ends quietly when the operator stops', async () => {
    const { server, stopping, write, set } = setup(node('a'));
    stopping.abort();
    expect(await write(set('a'))).toBeUndefined();
    expect(server.writes()).toEqual([]);
  });

  test('knows what was as it should be until it is put right, whatever the rounds between say', async () => {
    const { server, log, labels, journal, write, stored, set, takeOff } = setup(
      node('a', 'enforced'),
      node('b'),
    );
    const wanted = new Set(['a']);
    labels.remember([stored('a'), stored('b')], wanted);
    server.put(NODES, nodeObject('a', '10.0.0.1'));
    server.put(NODES, nodeObject('b', '10.0.0.2', { [LABEL_ENFORCED]: 'enforced' }));
    labels.remember([stored('a'), stored('b')], wanted);
    labels.remember([stored('a'), stored('b')], UNKNOWN);
    await write(set('a'), takeOff('b'));
    expect(journal.repairs.map(({ id }) => id)).toEqual(['Node/a', 'Node/b']);
    expect(log.lines.map(({ message }) => message)).toEqual(['drift repaired', 'drift repaired']);
  });

  test('leaves alone a Node that was made anew under the same name, and misses none that is gone', async () => {
    const { server, write, stored, set } = setup(node('a'), node('b'));
    const changes = [set('a'), set('b')];
    for (const name of ['a', 'b']) server.collection(NODES).delete(name);
    server.put(NODES, nodeObject('a', '10.0.0.1'));
    expect(await write(...changes)).toBeUndefined();
    expect(stored('a').labels).toEqual({});
  });

  test('says which right is missing', async () => {
    const { server, write, set } = setup(node('a'));
    server.fault = () => new ApiError({ code: 403, reason: 'Forbidden', message: 'may not patch nodes' });
    expect(await write(set('a'))).toEqual({ message: 'may not patch nodes', isRefused: true });
  });

  test('is not repeated before the watch has shown the Node anew', async () => {
    const { server, labels, write, set } = setup(node('a'));
    const change = set('a');
    await write(change);
    await write(change);
    labels.remember([change.node], new Set(['a']));
    await write(change);
    expect(server.writes()).toEqual(['PATCH a']);
    await write({ ...change, node: { ...change.node } });
    expect(server.writes()).toHaveLength(2);
  });

  test("repairs and tells somebody else's change, and not at full speed for ever", async () => {
    const { server, labels, journal, write, stored, set } = setup(node('a', 'enforced'));
    for (let round = 0; round < 10; round++) {
      labels.remember([stored('a')], new Set(['a']));
      server.put(NODES, nodeObject('a', '10.0.0.1'));
      await write(set('a'));
    }
    expect(journal.repairs.length).toBe(server.writes().length);
    expect(journal.repairs.length).toBeLessThan(10);
    expect(journal.repairs[0]).toStrictEqual({
      id: 'Node/a',
      kind: 'Node',
      firewall: 'default',
      manager: undefined,
      damage: `the label ${LABEL_ENFORCED} of Node/a had been changed`,
    });
    expect(labels.waitMs([set('a')])).toBeGreaterThan(0);
    const other = { node: node('b'), value: 'enforced' };
    expect(labels.waitMs([other, set('a')])).toBe(labels.waitMs([set('a')]));
    expect(labels.waitMs([other])).toBe(0);
  });
});
