import { expect, test } from '@jest/globals';
import { LABEL_ENFORCED } from '../../compiler/names.ts';
import type { HostEndpointInfo } from '../../inventory/types.ts';
import type { DesiredObject, NodesSummary } from '../../compiler/types.ts';
import type { LiveObject } from '../objects/live.ts';
import { lacksAllows, nodesReport, nodesStand, type NodesReportInput } from './nodes-report.ts';
import { plan, type PlanInput } from '../plan/plan.ts';
import { applyStep, desiredRole } from '../plan/step.ts';
import type { Unwritten } from '../apply/execute.ts';
import {
  creation,
  verdictsAfter,
  endpoint,
  finalDeny,
  foreign,
  live,
  nodeAllow,
  set,
} from '../testing/objects.ts';

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
  held: readonly string[] = [],
) {
  const after = planned({ desired: wanted, live: stored, held });
  return nodesReport({
    summary,
    verdicts: verdictsAfter(after),
    plan: after,
    hostEndpoints: [],
    labelFailure: undefined,
    ...fields,
  });
}
const planned = (input: Partial<PlanInput>) =>
  plan({
    desired,
    live: [],
    held: [],
    firewalls: new Set(['default']),
    isClosedNamespace: () => false,
    ...input,
  });
const without = (...ids: readonly string[]) =>
  desired.filter(({ object }) => !ids.includes(object.metadata.name)).map(live);

test('enforced where lo is exempt and the endpoint is there', () => {
  expect(standing(desired.map(live))).toEqual({
    selected: 2,
    enforced: 2,
    failsafesOpen: ['6443/TCP'],
    condition: {
      status: 'True',
      reason: 'Enforced',
      message: 'every node that is selected, 2; load balancers are not judged',
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
  expect(standing(stored, { desired: [] }, ['default/']).enforced).toBe(2);
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

test('a selector without nodes is said', () => {
  const some: readonly DesiredObject[] = desired.slice(0, 2);
  const found = standing(some.map(live), { desired: some, summary: { ...summary, selected: [] } });
  expect(found.condition.reason).toBe('NoNodeSelected');
});

test('allows are missing where they cannot be written, not where they are still to be', () => {
  const [zone] = desired;
  if (zone === undefined) throw new Error('no zone');
  const verdicts = (stored: readonly LiveObject[], unwritten: readonly Unwritten[] = []) =>
    verdictsAfter(planned({ live: stored }), unwritten);
  const step = creation(zone);
  const changed = live(nodeAllow({ name: 'zone', rules: zone.rules, content: 'old' }));
  expect(lacksAllows(verdicts(without('zone')))).toBe(false);
  expect(lacksAllows(verdicts(without('zone'), [{ step, refusal: 'no' }]))).toBe(true);
  expect(lacksAllows(verdicts(without('zone'), [{ step, refusal: undefined }]))).toBe(true);
  expect(lacksAllows(verdicts([...without('zone'), foreign(zone)]))).toBe(true);
  if (!changed.ours) throw new Error('not ours');
  const update = applyStep(zone, changed);
  expect(lacksAllows(verdicts([...without('zone'), changed], [{ step: update, refusal: 'no' }]))).toBe(false);
});

test.each([
  ['an allow', nodeAllow({ name: 'old' }), false],
  ['a set, which goes last', set({ name: 'old' }), true],
])('whether nodes may join while %s is still to be removed', (_, old, expected) => {
  const after = planned({ live: [...desired, old].map(live) });
  expect(nodesStand(after, verdictsAfter(after))).toBe(expected);
});
