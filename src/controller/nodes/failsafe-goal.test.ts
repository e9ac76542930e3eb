import { describe, expect, test } from '@jest/globals';
import type { NodesSummary, Problem } from '../../compiler/types.ts';
import { failsafeGoal, flawOf, isToNarrow } from './failsafe-goal.ts';
import { formerValue, readFailsafes, textOf } from '../observe/stored-failsafes.ts';
import type { Lifecycle } from '../plan/desired-state.ts';
import { ruleId } from '../../compiler/names.ts';

const SSH = { protocol: 'tcp', port: 22, net: '198.51.100.0/24' };
const goal = (standing: Lifecycle | undefined, nodes?: NodesSummary, problems: readonly Problem[] = []) =>
  failsafeGoal({ lifecycles: new Map(standing && [['default', standing]]), nodes, problems });
const problem = (rule: string): Problem => ({
  severity: 'problem',
  firewall: 'default',
  rule: ruleId(rule),
  path: '',
  reason: 'UnknownPeer',
  message: '',
});
/** With Report. */
const bare = (fields: Partial<NodesSummary> = {}): NodesSummary => ({
  mode: 'Enforce',
  endpoints: 'Managed',
  selected: ['a'],
  failsafesOpen: [],
  notes: [],
  ...fields,
});
const summary = (fields: Partial<NodesSummary> = {}): NodesSummary => bare({ failsafes: [SSH], ...fields });

describe('failsafes are to be', () => {
  test('narrowed while spec.nodes says so, is enforced and whole', () => {
    expect(goal('active', summary())).toEqual({ to: 'narrow', failsafes: [SSH] });
    expect(goal('active', summary(), [problem('default/blog/ingress/web')]).to).toBe('narrow');
  });

  test.each<[string, NodesSummary | undefined]>([
    ['without nodes', undefined],
    ['disabled', bare({ mode: 'Disabled' })],
    ['with Report', bare()],
    ['observed', summary({ mode: 'Observe' })],
    ['while the way in leads nowhere', bare({ failsafesWaitFor: 'a peer' })],
  ])('given back %s', (_, nodes) => {
    expect(goal('active', nodes).to).toBe('restore');
  });

  test('given back first of all when the firewall goes, and left with what it leaves behind', () => {
    expect(goal('leaving', summary()).to).toBe('restore');
    expect(goal('retained').to).toBe('keep');
    expect(goal(undefined).to).toBe('keep');
  });

  test('left while the spec is not valid or a rule of nodes has a problem, for what is stored stays', () => {
    expect(goal('invalid').to).toBe('keep');
    expect(goal('active', summary(), [problem('default/nodes')])).toMatchObject({ to: 'keep' });
    expect(goal('active', summary(), [problem('default/nodes/zones/office')])).toMatchObject({ to: 'keep' });
  });

  test('narrowed although a group called nodes has a problem', () => {
    const ofGroup = problem('default/nodes/ingress/web');
    expect(goal('active', summary(), [ofGroup])).toEqual(goal('active', summary()));
    expect(goal('active', summary()).to).toBe('narrow');
  });

  test('with the reason, where spec.nodes says Managed', () => {
    const because = 'nodes.failsafes: Managed narrows them when';
    expect(goal('active', summary({ failsafesWaitFor: 'a peer' }))).toEqual({
      to: 'restore',
      because: 'a peer',
    });
    expect(goal('active', summary({ mode: 'Observe' }))).toEqual({
      to: 'restore',
      because: `${because} nodes.mode is Enforce`,
    });
    expect(goal('active', summary(), [problem('default/nodes')])).toEqual({
      to: 'keep',
      because: `${because} spec.nodes has no problem`,
    });
    expect(goal('active', summary({ failsafes: [] }))).toEqual({
      to: 'keep',
      because: 'nodes.failsafes: Managed cannot narrow them: no port would stay open',
    });
    for (const each of [goal('active', bare()), goal('leaving', summary()), goal('invalid')])
      expect(each).not.toHaveProperty('because');
  });

  test('narrowed in spite of a warning', () => {
    const warning: Problem = { ...problem('default/nodes'), severity: 'warning' };
    expect(goal('active', summary(), [warning]).to).toBe('narrow');
  });

  test('left where what is to be written would stop Felix', () => {
    expect(goal('active', summary({ failsafes: [{ ...SSH, protocol: 'sctp' }] }))).toMatchObject({
      to: 'keep',
      because: expect.stringContaining('sctp'),
    });
  });
});

test.each([
  ['another protocol', { ...SSH, protocol: 'sctp' }],
  ['capitals', { ...SSH, protocol: 'TCP' }],
  ['no port', { ...SSH, port: 0 }],
  ['a port too large', { ...SSH, port: 65_536 }],
  ['a fraction', { ...SSH, port: 1.5 }],
  ['host bits', { ...SSH, net: '198.51.100.7/24' }],
  ['an address', { ...SSH, net: '198.51.100.7' }],
  ['another spelling', { ...SSH, net: '2001:DB8::/32' }],
])('%s is never written', (_, entry) => {
  expect(flawOf([SSH, entry])).toContain(JSON.stringify(entry));
});

test('nothing, and far too much, is never written', () => {
  expect(flawOf([])).toBeDefined();
  expect(flawOf(Array.from({ length: 501 }, () => SSH))).toContain('501');
  expect(flawOf([SSH, { protocol: 'udp', port: 68 }])).toBeUndefined();
  expect(flawOf(Array.from({ length: 500 }, () => SSH))).toBeUndefined();
  expect(flawOf([1, 65_535].map((port) => ({ ...SSH, port })))).toBeUndefined();
});

describe('what is stored', () => {
  const stored = (failsafeInboundHostPorts?: unknown, annotations: Record<string, string> = {}) =>
    readFailsafes({
      apiVersion: 'projectcalico.org/v3',
      kind: 'FelixConfiguration',
      metadata: { name: 'default', annotations },
      spec: { failsafeInboundHostPorts },
    });

  test('is the same whatever the order of keys and the case of protocols', () => {
    expect(stored([{ net: SSH.net, port: 22, protocol: 'TCP' }]).value).toBe(textOf([SSH]));
    expect(stored([SSH, SSH]).value).not.toBe(textOf([SSH]));
    expect(stored().value).not.toBe(stored([]).value);
  });

  test('is kept byte for byte, absence too', () => {
    const value = [{ port: 22, protocol: 'TCP' }];
    expect(formerValue(stored(value).exact)).toEqual(value);
    expect(formerValue(stored().exact)).toBeNull();
    expect(formerValue('{"a":1}')).toBeUndefined();
    expect(formerValue(undefined)).toBeUndefined();
  });

  test('is narrowed where it says what is wanted', () => {
    const narrow = goal('active', summary());
    expect([
      isToNarrow(narrow, stored([SSH])),
      isToNarrow(narrow, stored()),
      isToNarrow(narrow, undefined),
    ]).toEqual([false, true, true]);
    for (const other of [stored(), stored([SSH]), undefined])
      expect(isToNarrow(goal('leaving'), other)).toBe(false);
  });
});
