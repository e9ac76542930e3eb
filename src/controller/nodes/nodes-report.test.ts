import { describe, expect, test } from '@jest/globals';
import type { GeneratedObject } from '../../calico/types.ts';
import { LABEL_ENFORCED, LABEL_SET, ruleId } from '../../compiler/names.ts';
import type { HostEndpointInfo } from '../../inventory/types.ts';
import type { DesiredObject, NodesSummary, Frozen } from '../../compiler/types.ts';
import type { LiveObject } from '../objects/live.ts';
import { lacksAllows, nodesReport, nodesStand, type NodesReportInput } from './nodes-report.ts';
import { applyStep, desiredRole } from '../plan/step.ts';
import type { Unwritten } from '../apply/execute.ts';
import {
  allow,
  creation,
  verdictsAfter,
  endpoint,
  finalDeny,
  foreign,
  live,
  nodeAllow,
  set,
} from '../testing/objects.ts';
import { planned, renamed } from '../testing/planned.ts';

const summary: NodesSummary = {
  mode: 'Enforce',
  endpoints: 'Managed',
  selected: ['a', 'b'],
  failsafesOpen: ['6443/TCP'],
  notes: ['load balancers are not judged'],
};
const desired = [
  nodeAllow({ name: 'zone', rules: ['default/nodes/zones/z'] }),
  finalDeny(),
  ...['a', 'b'].flatMap((node) => [endpoint(node, 'lo'), endpoint(node, '*')]),
];

type Fields = Partial<NodesReportInput> & { readonly desired?: readonly DesiredObject[] };

function standing(
  stored: readonly LiveObject[],
  { desired: wanted = desired, ...fields }: Fields = {},
  frozen: readonly Frozen[] = [],
) {
  const after = planned({ desired: wanted, live: stored, frozen });
  return nodesReport({
    summary,
    verdicts: verdictsAfter(after),
    plan: after,
    hostEndpoints: [],
    labelFailure: undefined,
    ...fields,
  });
}
const without = (...ids: readonly string[]) =>
  desired.filter(({ object }) => !ids.includes(object.metadata.name)).map(live);

test('failsafes do not wait for nodes that cannot be enforced, and wait for all others', () => {
  const odd = { summary: { ...summary, unsupported: ['win'] } };
  expect(standing(desired.map(live), odd)).toMatchObject({ isEnforced: true, unsupported: 1 });
  expect(standing(desired.slice(0, -1).map(live), odd)).toMatchObject({ isEnforced: false });
});

test('enforced where lo is exempt and the endpoint is there', () => {
  expect(standing(desired.map(live))).toEqual({
    selected: 2,
    enforced: 2,
    unsupported: 0,
    isEnforced: true,
    failsafesOpen: ['6443/TCP'],
    condition: {
      status: 'True',
      reason: 'Enforced',
      message: 'all 2 selected nodes are enforced; load balancers are not judged',
    },
    trouble: 'none',
  });
});

test.each([['b-all'], ['b-lo']])('pending without %s', (name) => {
  const found = standing(without(name));
  expect(found).toMatchObject({
    enforced: 1,
    condition: { status: 'False', reason: 'Progressing' },
    trouble: 'passing',
  });
  expect(found.condition.message).toContain('not yet: b');
});

test('no node is while a policy is missing', () => {
  expect(standing(without('zone')).enforced).toBe(0);
});

test('objects that a problem holds count as they stand', () => {
  const stored = desired.map(live);
  expect(standing(stored, { desired: [] }, [{ prefix: ruleId('default') }]).enforced).toBe(2);
});

test('objects that a problem holds count for what they are', () => {
  expect(standing(without('b-all'), { desired: [] }, [{ prefix: ruleId('default') }]).enforced).toBe(1);
  expect(standing(without('b-lo'), { desired: [] }, [{ prefix: ruleId('default') }]).enforced).toBe(1);
});

test('an endpoint that a problem freezes counts for the node that it is stored for', () => {
  const [ofA, ofB] = [endpoint('a', '*'), endpoint('b', '*')];
  const object = { ...ofA.object, metadata: { ...ofA.object.metadata, name: 'b-all' } } as typeof ofA.object;
  const wanted = [...desired.slice(0, 3), endpoint('b', 'lo'), { ...ofB, rules: [] }];
  const stored = [...desired.slice(0, 3), endpoint('b', 'lo'), { ...ofA, object }].map(live);
  const found = standing(stored, { desired: wanted }, [{ rule: ruleId('default/nodes/endpoints') }]);
  expect(found.enforced).toBe(1);
  expect(found.condition.message).toContain('not yet: b;');
});

describe('nodes stand', () => {
  const web = allow({ name: 'web' });
  const all = [
    ...desired,
    nodeAllow({ name: 'blocked', rules: ['default/nodes/blocked'] }),
    set({ name: 'office', rules: ['default/nodes/zones/z'] }),
    set({ name: 'judged', rules: ['default/nodes/judged'] }),
    { ...finalDeny('Allow'), object: renamed(finalDeny('Allow'), 'observe') },
    nodeAllow({ name: 'lo', rules: ['default/nodes/lo'] }),
    web,
  ];
  const plannedFrom = (stored: readonly LiveObject[], wanted: readonly DesiredObject[] = all) =>
    planned({ desired: wanted, live: stored });
  const stand = (...args: Parameters<typeof plannedFrom>): boolean => {
    const after = plannedFrom(...args);
    return nodesStand(after, verdictsAfter(after));
  };
  const lacking = (name: string) => all.filter(({ object }) => object.metadata.name !== name).map(live);

  test.each(['zone', 'last', 'a-lo', 'blocked', 'office', 'judged', 'observe', 'lo'])(
    'not without %s',
    (name) => {
      expect(stand(lacking(name))).toBe(false);
    },
  );

  test.each(['a-all', 'web', 'none'])('without %s', (name) => {
    expect(stand(lacking(name))).toBe(true);
  });

  test('when old policies are gone; sets may follow', () => {
    const stored = all.map(live);
    const old = live(nodeAllow({ name: 'old' }));
    expect(stand([...stored, old])).toBe(false);
    expect(standing([...stored, old], { desired: all }).enforced).toBe(0);
    expect(stand([...stored, live(set({ name: 'old' }))])).toBe(true);
    expect(stand([...stored, live(endpoint('c', '*'))])).toBe(true);
  });

  test('a missing set, or policy of pods, or an endpoint takes nothing from what is enforced', () => {
    for (const [name, enforced] of [
      ['office', 2],
      ['web', 2],
      ['b-all', 1],
      ['blocked', 0],
    ] as const)
      expect(standing(lacking(name), { desired: all }).enforced).toBe(enforced);
  });
});

test('an automatic endpoint counts when it has the gate, and the wait is explained', () => {
  const own = desired.filter((each) => desiredRole(each) !== 'nodeEndpoint');
  const automatic = (node: string, labels: HostEndpointInfo['labels']): HostEndpointInfo => ({
    name: `${node}-auto-hep`,
    node,
    labels,
    interfaceName: '*',
    automatic: true,
  });
  const found = standing(own.map(live), {
    desired: own,
    summary: { ...summary, endpoints: 'Automatic' },
    hostEndpoints: [automatic('a', { [LABEL_ENFORCED]: 'enforced' }), automatic('b', {})],
  });
  expect(found).toMatchObject({ enforced: 1, trouble: 'passing' });
  expect(found.condition.message).toContain('look at calico-kube-controllers');
});

test('a gate that cannot be written is for a person to mend', () => {
  const labelFailure = { message: 'may not patch nodes', isRefused: true };
  const { condition, trouble } = standing(without('a-all'), { labelFailure });
  expect([condition.reason, trouble]).toEqual(['GateRefused', 'stalled']);
  expect(condition.message).toContain('may not patch nodes');
});

describe('an endpoint that the API server refuses is for a person to mend', () => {
  const [, , , refused] = desired;
  if (refused === undefined) throw new Error('no endpoint');
  const labelFailure = { message: 'may not patch nodes', isRefused: true };
  const after = planned({ desired, live: without(refused.object.metadata.name) });
  const found = (mode: 'Enforce' | 'Observe', refusal: string | undefined) =>
    nodesReport({
      summary: { ...summary, mode },
      verdicts: verdictsAfter(after, [{ step: creation(refused), refusal }]),
      plan: after,
      hostEndpoints: [],
      labelFailure: refusal === undefined ? undefined : labelFailure,
    });

  test.each([
    ['Enforce', 'not yet: a'],
    ['Observe', 'not every node counts'],
  ] as const)('with %s', (mode, beginning) => {
    const { condition, trouble } = found(mode, 'no right');
    expect([condition.reason, trouble]).toEqual(['EndpointRefused', 'stalled']);
    expect(condition.message).toContain(beginning);
    expect(condition.message).toContain(`refused HostEndpoint/${refused.object.metadata.name}: no right`);
  });

  test('and not one that only waits for something else', () => {
    expect(found('Enforce', undefined).condition.reason).toBe('Progressing');
    expect(found('Observe', undefined).condition.reason).toBe('Observing');
  });
});

test('a node without its label counts nothing, so Observe names what refused it', () => {
  const observed = { ...summary, mode: 'Observe' } as const;
  const labelFailure = { message: 'may not patch nodes', isRefused: true };
  const { condition, trouble } = standing(desired.map(live), { summary: observed, labelFailure });
  expect([condition.reason, trouble]).toEqual(['GateRefused', 'stalled']);
  expect(condition.message).toContain('may not patch nodes');
});

test('what is in the way is named, while what is enforced stays so', () => {
  const blocked = { reason: 'EndpointConflict', message: 'delete HostEndpoint/eth0' } as const;
  expect(standing(without('b-all'), { summary: { ...summary, blocked } })).toMatchObject({
    enforced: 1,
    condition: { status: 'False', reason: 'EndpointConflict' },
    trouble: 'stalled',
  });
});

test.each([
  ['Observe', 'Observing', 1],
  ['Disabled', 'Disabled', 0],
] as const)('in mode %s nothing is enforced, and nothing is wrong', (mode, reason, open) => {
  const { enforced, condition, trouble, failsafesOpen } = standing(desired.map(live), {
    summary: { ...summary, mode },
  });
  expect([enforced, condition.status, condition.reason, trouble]).toEqual([0, 'False', reason, 'none']);
  expect(failsafesOpen).toHaveLength(open);
});

describe('the condition says what is in force and what to do', () => {
  const own = desired.filter((each) => desiredRole(each) !== 'nodeEndpoint');
  const many = ['a', 'b', 'c', 'd', 'e', 'f', 'g'];
  const blocked = { reason: 'EndpointConflict', message: 'delete HostEndpoint/eth0' } as const;
  const quiet = { ...summary, notes: [] };
  const waits = 'their objects are being written';
  const copies = `their automatic host endpoints do not carry ${LABEL_ENFORCED} yet, which Calico's kube-controllers copy from the Nodes: if this lasts, look at calico-kube-controllers`;
  const refused = `the label ${LABEL_ENFORCED} could not be written to Nodes: no`;

  test.each<
    [
      what: string,
      stored: readonly DesiredObject[],
      fields: Fields,
      reason: string,
      trouble: string,
      message: string,
    ]
  >([
    [
      'disabled',
      desired,
      { summary: { ...quiet, mode: 'Disabled', blocked } },
      'Disabled',
      'none',
      'nodes are left alone: nodes.mode is Disabled',
    ],
    ['blocked', desired, { summary: { ...quiet, blocked } }, 'EndpointConflict', 'stalled', blocked.message],
    [
      'blocked while observed',
      desired,
      { summary: { ...quiet, mode: 'Observe', blocked } },
      'EndpointConflict',
      'none',
      blocked.message,
    ],
    [
      'observed',
      desired,
      { summary: { ...quiet, mode: 'Observe' } },
      'Observing',
      'none',
      'traffic that nothing allows still passes, and nodes count it: set nodes.mode to Enforce to drop it',
    ],
    [
      'not selected',
      desired,
      { summary: { ...quiet, selected: [] } },
      'NoNodeSelected',
      'none',
      'nodes.nodeSelector selects no node: label one, or change it',
    ],
    ['enforced', desired, { summary: quiet }, 'Enforced', 'none', 'all 2 selected nodes are enforced'],
    [
      'enforced where that is possible',
      desired,
      { summary: { ...quiet, unsupported: ['fargate', 'win'] } },
      'NodesUnsupported',
      'stalled',
      '2 nodes are enforced; Calico has no host endpoints on fargate, win (Windows, virtual nodes), which stay open: leave them out by nodes.nodeSelector',
    ],
    [
      'pending, beside nodes where it is not possible',
      desired.slice(0, -1),
      { summary: { ...quiet, unsupported: ['win'] } },
      'Progressing',
      'passing',
      `not yet: b; ${waits}`,
    ],
    [
      'one is pending',
      desired.slice(0, -1),
      { summary: quiet },
      'Progressing',
      'passing',
      `not yet: b; ${waits}`,
    ],
    [
      'the nodes are pending, with a note',
      [],
      { summary: { ...summary, selected: many.slice(0, 5) } },
      'Progressing',
      'passing',
      `not yet: a, b, c, d, e; ${waits}; load balancers are not judged`,
    ],
    [
      'many are pending',
      [],
      { summary: { ...quiet, selected: many } },
      'Progressing',
      'passing',
      `not yet: a, b, c, d, e and 2 more; ${waits}`,
    ],
    [
      'endpoints of Calico are pending',
      own,
      { desired: own, summary: { ...quiet, endpoints: 'Automatic' } },
      'Progressing',
      'passing',
      `not yet: a, b; ${copies}`,
    ],
    [
      'policies are pending before endpoints of Calico',
      own.slice(1),
      { desired: own, summary: { ...quiet, endpoints: 'Automatic' } },
      'Progressing',
      'passing',
      `not yet: a, b; ${waits}`,
    ],
    [
      'a label is refused',
      [],
      { summary: quiet, labelFailure: { message: 'no', isRefused: true } },
      'GateRefused',
      'stalled',
      `not yet: a, b; ${refused}`,
    ],
    [
      'a label has failed in passing',
      [],
      { summary: quiet, labelFailure: { message: 'no', isRefused: false } },
      'GateRefused',
      'passing',
      `not yet: a, b; ${refused}`,
    ],
  ])('%s', (_, stored, fields, reason, trouble, message) => {
    const found = standing(stored.map(live), fields);
    expect(found).toMatchObject({ condition: { reason, message }, trouble });
  });
});

test('an automatic endpoint counts only for all interfaces, only with its label, and only an automatic one', () => {
  const own = desired.filter((each) => desiredRole(each) !== 'nodeEndpoint');
  const endpointOf = (node: string, of: Partial<HostEndpointInfo> = {}): HostEndpointInfo => ({
    name: `${node}-auto-hep`,
    node,
    labels: { [LABEL_ENFORCED]: 'enforced' },
    interfaceName: '*',
    automatic: true,
    ...of,
  });
  const enforced = (...hostEndpoints: readonly HostEndpointInfo[]): number =>
    standing(own.map(live), { desired: own, hostEndpoints }).enforced;
  expect(enforced(endpointOf('a'), endpointOf('b'))).toBe(2);
  expect(enforced(endpointOf('a'), endpointOf('b', { interfaceName: 'eth0' }))).toBe(1);
  expect(enforced(endpointOf('a'), endpointOf('b', { automatic: false }))).toBe(1);
  expect(enforced(endpointOf('a', { labels: {} }), endpointOf('c'))).toBe(0);
});

test('a selector without nodes is said', () => {
  const some: readonly DesiredObject[] = desired.slice(0, 2);
  const found = standing(some.map(live), { desired: some, summary: { ...summary, selected: [] } });
  expect(found.condition.reason).toBe('NoNodeSelected');
});

test('allows are missing where they cannot be written, not where they are still to be', () => {
  const [zone] = desired;
  if (zone === undefined) throw new Error('no zone');
  const verdicts = (stored: readonly LiveObject[], unwritten: readonly Unwritten[] = []) =>
    verdictsAfter(planned({ desired, live: stored }), unwritten);
  const web = allow({ name: 'web' });
  const needing = nodeAllow({ name: 'needing', rules: zone.rules });
  const office = set({ name: 'office' });
  const ingress = [{ action: 'Pass', source: { selector: `${LABEL_SET} == 'office'` } }];
  const named = { ...needing, object: { ...needing.object, spec: { ...needing.object.spec, ingress } } };
  const others = verdictsAfter(
    planned({ desired: [office, named as DesiredObject, web], live: [foreign(office)] }),
    [{ step: creation(web), refusal: 'no' }],
  );
  expect(others.map(({ is }) => is).toSorted()).toEqual(['NameTaken', 'NeedsTaken', 'Refused']);
  expect(lacksAllows(others)).toBe(true);
  expect(lacksAllows(others.filter(({ is }) => is !== 'NeedsTaken'))).toBe(false);
  const step = creation(zone);
  const old = { ...zone.object, spec: { ...zone.object.spec, order: 1 } } as GeneratedObject;
  const changed = live({ ...zone, object: old });
  expect(lacksAllows(verdicts(without('zone')))).toBe(false);
  expect(lacksAllows(verdicts(without('zone'), [{ step, refusal: 'no' }]))).toBe(true);
  expect(lacksAllows(verdicts(without('zone'), [{ step, refusal: undefined }]))).toBe(true);
  expect(lacksAllows(verdicts([...without('zone'), foreign(zone)]))).toBe(true);
  if (!changed.ours) throw new Error('not ours');
  const update = applyStep(zone, changed);
  expect(lacksAllows(verdicts([...without('zone'), changed], [{ step: update, refusal: 'no' }]))).toBe(false);
  const altered = { step: update, refusal: undefined, altered: ['spec.selector'] };
  expect(lacksAllows(verdicts([...without('zone'), changed], [altered]))).toBe(true);
});

test.each([
  ['an allow', nodeAllow({ name: 'old' }), false],
  ['a set, which goes last', set({ name: 'old' }), true],
])('whether nodes may join while %s is still to be removed', (_, old, expected) => {
  const after = planned({ desired, live: [...desired, old].map(live) });
  expect(nodesStand(after, verdictsAfter(after))).toBe(expected);
});
