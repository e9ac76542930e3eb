import { describe, expect, test } from '@jest/globals';
import type { Compilation } from '../../compiler/types.ts';
import type { WriteResult } from '../apply/execute.ts';
import { verdictsOf, type VerdictsInput } from '../apply/verdicts.ts';
import { findingOf } from './findings.ts';
import { projectFirewall } from '../observe/firewalls.ts';
import { desiredState } from '../plan/desired-state.ts';
import type { LiveObject } from '../objects/live.ts';
import { plan } from '../plan/plan.ts';
import { applyStep } from '../plan/step.ts';
import { allow, foreign, live, set } from '../testing/objects.ts';
import { UNKNOWN } from '../../inventory/known.ts';
import { UNKNOWN_CLUSTER } from '../../inventory/types.ts';
import { ruleId } from '../../compiler/names.ts';

const rule = 'default/blog/ingress/web';
const web = allow({ name: 'web', rules: [rule] });
const firewall = projectFirewall({
  metadata: { name: 'default', uid: 'u', resourceVersion: '1', generation: 1 },
  spec: {
    mode: 'Enforce',
    namespaces: [
      {
        name: 'blog',
        namespaces: ['wordpress'],
        ingress: [{ name: 'web', pods: {}, from: [{ entity: 'Pods' }], ports: [80] }],
      },
    ],
  },
});
const summaries = [{ firewall: 'default', namespaces: { enforced: 3, observed: 0, exempt: 1 } }];

const NOTHING_WRITTEN: WriteResult = {
  written: [],
  repairs: [],
  unwritten: [],
  stopped: undefined,
  interrupted: false,
  mistaken: [],
};

type Fields = Partial<Pick<VerdictsInput, 'serves' | 'isContested'>> & { readonly outcome?: WriteResult };

function finding(
  stored: readonly LiveObject[],
  { outcome = NOTHING_WRITTEN, serves = () => true, isContested = () => false }: Fields = {},
  compiled: Partial<Compilation> = {},
) {
  const objects = [web, set({ name: 'nodes' })];
  const compilation: Compilation = {
    objects,
    problems: [],
    frozen: [],
    summaries,
    labelledNodes: UNKNOWN,
    ...compiled,
  };
  const wanted = desiredState({
    firewalls: [firewall],
    inventory: UNKNOWN_CLUSTER,
    live: stored,
    compile: () => compilation,
  });
  const { desired, frozen, owners: firewalls } = wanted;
  const after = plan({
    desired: desired.filter(({ object }) => serves(object.kind)),
    frozen,
    firewalls,
    live: stored,
    isClosedNamespace: (name) => name === 'absent',
  });
  return findingOf(firewall, {
    wanted,
    plan: after,
    outcome,
    namespacePolicies: { policies: [], isComplete: true },
    verdicts: verdictsOf({
      desired,
      plan: after,
      unwritten: outcome.unwritten,
      serves,
      isContested,
    }),
  });
}

test('everything stored as desired', () => {
  expect(finding([web, set({ name: 'nodes' })].map(live))).toEqual({
    type: 'compiled',
    problems: [],
    programming: { programmed: true },
    policies: { desired: 2, current: 2 },
    namespaces: { enforced: 3, observed: 0, exempt: 1 },
  });
});

test('a taken name is a problem of its rule, with the place in the manifest', () => {
  expect(finding([foreign(web, 'helm'), live(set({ name: 'nodes' }))])).toMatchObject({
    problems: [{ rule, path: 'spec.namespaces[0].ingress[0]', reason: 'NameTaken' }],
    programming: {
      programmed: false,
      reason: 'NameTaken',
      message: 'GlobalNetworkPolicy/web exists and is not ours (written by helm): delete or rename it',
      stalled: true,
    },
    policies: { desired: 2, current: 1 },
  });
});

test('a refused object is a problem of its rule, in the words of the API server', () => {
  const step = applyStep(web, undefined);
  const outcome: WriteResult = { ...NOTHING_WRITTEN, unwritten: [{ step, refusal: 'quota exceeded' }] };
  expect(finding([live(set({ name: 'nodes' }))], { outcome })).toMatchObject({
    problems: [
      { rule, reason: 'Refused', message: 'the API server refused GlobalNetworkPolicy/web: quota exceeded' },
    ],
    programming: { programmed: false, reason: 'Refused', stalled: true },
  });
});

test.each([
  [['spec.selector'], 'spec.selector than'],
  [['a', 'b', 'c', 'd', 'e', 'f', 'g'], 'a, b, c, d, e and more than'],
])('an object that the API server alters is a problem of its rule, with the fields: %j', (altered, said) => {
  const step = applyStep(web, undefined);
  const outcome: WriteResult = { ...NOTHING_WRITTEN, unwritten: [{ step, refusal: undefined, altered }] };
  const message = expect.stringContaining(
    `the API server stores GlobalNetworkPolicy/web with another ${said} was written: exempt it from`,
  );
  expect(finding([live(set({ name: 'nodes' }))], { outcome })).toMatchObject({
    problems: [
      { severity: 'problem', rule, path: 'spec.namespaces[0].ingress[0]', reason: 'Altered', message },
    ],
    programming: { programmed: false, reason: 'Altered', message, stalled: true },
    policies: { desired: 2, current: 1 },
  });
});

test('a passing error is retried', () => {
  const outcome: WriteResult = {
    ...NOTHING_WRITTEN,
    stopped: { message: 'connection refused', retryAfterMs: 0 },
  };
  expect(finding([], { outcome })).toMatchObject({
    programming: { programmed: false, reason: 'APIError', message: 'connection refused', stalled: false },
    policies: { desired: 2, current: 0 },
  });
});

test('an object fought over is named', () => {
  const stored = [web, set({ name: 'nodes' })].map(live);
  expect(finding(stored, { isContested: (id) => id === 'GlobalNetworkPolicy/web' })).toMatchObject({
    programming: { programmed: false, reason: 'DriftContested', stalled: true },
  });
});

test('a kind that this Calico does not have', () => {
  expect(
    finding([live(set({ name: 'nodes' }))], { serves: (kind) => kind !== 'GlobalNetworkPolicy' }),
  ).toMatchObject({
    problems: [{ rule, reason: 'StagedPoliciesNotServed' }],
    programming: { programmed: false, reason: 'StagedPoliciesNotServed' },
  });
});

test('what waits for its namespace is not counted, what is frozen counts as it is', () => {
  const inAbsent = allow({ name: 'later', namespace: 'absent' });
  const frozen = allow({ name: 'web', rules: [rule, 'default/blog/ingress/bad'], content: 'old' });
  expect(
    finding(
      [live(frozen)],
      {},
      { objects: [web, inAbsent], frozen: [{ rule: ruleId('default/blog/ingress/bad') }] },
    ),
  ).toMatchObject({
    programming: { programmed: true },
    policies: { desired: 1, current: 1 },
  });
});

describe('a firewall that is being deleted', () => {
  const leaving = projectFirewall({
    metadata: {
      name: 'default',
      uid: 'u',
      resourceVersion: '1',
      generation: 2,
      deletionTimestamp: '2026-01-01T00:00:00Z',
    },
    spec: { mode: 'Enforce' },
  });
  const nothing: Compilation = {
    objects: [],
    problems: [],
    frozen: [],
    summaries: [],
    labelledNodes: UNKNOWN,
  };
  const judged = (fields: Partial<WriteResult>, stored: readonly LiveObject[] = [live(web)]) => {
    const wanted = desiredState({
      firewalls: [leaving],
      inventory: UNKNOWN_CLUSTER,
      live: stored,
      compile: () => nothing,
    });
    const { desired, frozen, owners: firewalls } = wanted;
    const after = plan({ desired, frozen, firewalls, live: stored, isClosedNamespace: () => false });
    const outcome: WriteResult = { ...NOTHING_WRITTEN, ...fields };
    return findingOf(leaving, {
      wanted,
      plan: after,
      outcome,
      verdicts: [],
      namespacePolicies: { policies: [], isComplete: true },
    });
  };

  test('has nothing to say while all goes well', () => {
    expect(judged({ interrupted: true })).toBeUndefined();
  });

  test('says whose finalizer holds an object', () => {
    const frozen = { ...live(web), waitsFor: ['example.com/keep'] };
    expect(judged({}, [frozen])).toMatchObject({
      reason: 'RemovalIncomplete',
      message: expect.stringContaining(
        'GlobalNetworkPolicy/web is being deleted and waits for the finalizers example.com/keep',
      ),
      stalled: true,
    });
  });

  test('says what keeps its objects', () => {
    expect(judged({ stopped: { message: 'connection refused', retryAfterMs: 0 } })).toEqual({
      type: 'blocked',
      reason: 'RemovalIncomplete',
      message: '1 generated objects are still there: connection refused',
      stalled: false,
    });
  });
});
