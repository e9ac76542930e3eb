import { describe, expect, test } from '@jest/globals';
import { ApiError } from '../../cluster/errors.ts';
import { recordingLogger } from '../../cluster/testing/logs.ts';
import { ManualClock } from '../../cluster/testing/manual-clock.ts';
import { ScriptedTransport, type Answer } from '../../cluster/testing/scripted-transport.ts';
import { LABEL_ENFORCED } from '../../compiler/names.ts';
import type { HostEndpointInfo } from '../../inventory/types.ts';
import type { NodesSummary } from '../../compiler/types.ts';
import { Drift } from '../apply/drift.ts';
import { EnforcementLabels, labelPlan, isDeferred } from './enforcement-labels.ts';
import type { DesiredState } from '../plan/desired-state.ts';
import type { StoredNode } from '../observe/cluster-state.ts';
import { creation, lastWord, nodeAllow, endpoint as ownEndpoint, removal } from '../testing/objects.ts';

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
const desired = [lastWord()];
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
      labelledNodes: undefined,
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

describe('what waits for an endpoint that is still to leave', () => {
  const nodes = [node('a')];
  const endpoints = [endpoint('a', true)];
  const step = removal(nodeAllow({ name: 'zone' }));

  test('everything else of nodes', () => {
    expect(isDeferred(labelPlan(nodes, endpoints, NONE, gated()))(step)).toBe(true);
  });

  test('nothing when all of it goes', () => {
    expect(isDeferred(labelPlan(nodes, endpoints, NONE, { ...gated(), desired: [] }))(step)).toBe(false);
  });
});

describe("where Calico's endpoints take the place of ours, and ours of them", () => {
  const ours = ownEndpoint('a', '*');

  test("ours goes when Calico's is under the policies", () => {
    const of = (...endpoints: readonly HostEndpointInfo[]) =>
      isDeferred(labelPlan([node('a', 'enforced')], endpoints, new Set(['a']), gated('a')))(removal(ours));
    expect([of(), of(endpoint('a', false)), of(endpoint('a', true))]).toEqual([true, true, false]);
  });

  test('the gate is set before there is anything to carry it', () => {
    expect(named(labelPlan([node('a')], [], new Set(['a']), gated('a')).set)).toEqual(['a']);
  });

  test('ours goes at once where its node is not selected any more, or all of it goes', () => {
    const of = (intent: Pick<DesiredState, 'labelledNodes' | 'nodes' | 'desired'>) =>
      isDeferred(labelPlan([node('a')], [], new Set(['a']), intent))(removal(ours));
    expect([of(gated()), of({ ...gated('a'), desired: [] })]).toEqual([false, false]);
  });

  test('the gate goes when ours has come, which nothing holds back', () => {
    const intent = { ...gated(), desired: [...desired, ours] };
    const of = (...own: readonly string[]) =>
      labelPlan([node('a', 'enforced')], [endpoint('a', true)], new Set(own), intent);
    expect([named(of().takeOff), of().leaving, isDeferred(of())(creation(ours))]).toEqual([[], false, false]);
    expect([named(of('a').takeOff), of('a').leaving]).toEqual([['a'], true]);
  });
});

describe('writing gates', () => {
  function writer(...answers: readonly Answer[]) {
    const clock = new ManualClock();
    const transport = new ScriptedTransport(...answers);
    const repaired: string[] = [];
    const gates = new EnforcementLabels({
      transport,
      log: recordingLogger(),
      drift: new Drift(clock),
      onDrift: (name) => repaired.push(name),
      signal: new AbortController().signal,
    });
    return { gates, transport, repaired };
  }
  const answer = { metadata: { name: 'a' } };

  test('patches that one label, of that very Node', async () => {
    const { gates, transport } = writer(answer, answer);
    await gates.write([
      { node: node('a'), value: 'enforced' },
      { node: node('b', 'enforced'), value: undefined },
    ]);
    expect(transport.requests.map(({ method, path, body }) => [method, path, body])).toEqual([
      ['PATCH', '/api/v1/nodes/a', { metadata: { uid: 'uid-a', labels: { [LABEL_ENFORCED]: 'enforced' } } }],
      ['PATCH', '/api/v1/nodes/b', { metadata: { uid: 'uid-b', labels: { [LABEL_ENFORCED]: null } } }],
    ]);
  });

  test('a Node that is gone is no trouble; a right that is missing is', async () => {
    const gone = new ApiError({ code: 404, reason: 'NotFound', message: 'gone' });
    expect(await writer(gone).gates.write([{ node: node('a'), value: 'enforced' }])).toBeUndefined();
    const forbidden = new ApiError({ code: 403, reason: 'Forbidden', message: 'may not patch nodes' });
    expect(await writer(forbidden).gates.write([{ node: node('a'), value: 'enforced' }])).toEqual({
      message: 'may not patch nodes',
      isRefused: true,
    });
  });

  test("somebody else's change is repaired and told, and not at full speed for ever", async () => {
    const answers = Array.from({ length: 20 }, () => answer);
    const { gates, transport, repaired } = writer(...answers);
    for (let round = 0; round < 10; round++) {
      gates.remember([node('a', 'enforced')], new Set(['a']));
      await gates.write([{ node: node('a'), value: 'enforced' }]);
    }
    expect(repaired.length).toBe(transport.requests.length);
    expect(repaired.length).toBeLessThan(10);
    expect(gates.waitMs([{ node: node('a'), value: 'enforced' }])).toBeGreaterThan(0);
  });
});
