import { describe, expect, test } from '@jest/globals';
import type { Compilation } from '../../compiler/types.ts';
import type { WriteResult } from '../apply/execute.ts';
import { verdictsOf, type VerdictsInput } from '../apply/verdicts.ts';
import { findingOf, type RoundResult } from './findings.ts';
import { projectFirewall } from '../observe/firewalls.ts';
import { desiredState } from '../plan/desired-state.ts';
import type { LiveObject } from '../objects/live.ts';
import { plan } from '../plan/plan.ts';
import { applyStep } from '../plan/step.ts';
import { allow, deny, emptiedObject, foreign, heldObject, live, set } from '../testing/objects.ts';
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
  contents: new Map(),
  repairs: [],
  unwritten: [],
  stopped: undefined,
  interrupted: false,
  mistaken: [],
};

type Fields = Partial<
  Pick<VerdictsInput, 'serves' | 'isContested' | 'contestant'> & Pick<RoundResult, 'isAside'>
> & {
  readonly outcome?: WriteResult;
};

function finding(
  stored: readonly LiveObject[],
  {
    outcome = NOTHING_WRITTEN,
    serves = () => true,
    isContested = () => false,
    contestant = () => undefined,
    isAside = () => false,
  }: Fields = {},
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
    admission: { held: new Map(), judged: new Map() },
    plan: after,
    outcome,
    namespacePolicies: { policies: [], isComplete: true },
    verdicts: verdictsOf({
      desired,
      plan: after,
      unwritten: outcome.unwritten,
      serves,
      isContested,
      contestant,
    }),
    isAside,
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
  const isContested = (id: string): boolean => id === 'GlobalNetworkPolicy/web';
  const programming = (message: string) => ({
    programming: {
      programmed: false,
      reason: 'DriftContested',
      stalled: true,
      message: expect.stringContaining(message),
    },
  });
  expect(finding(stored, { isContested })).toMatchObject(
    programming('another client keeps changing GlobalNetworkPolicy/web: stop it'),
  );
  expect(finding(stored, { isContested, contestant: () => 'kubectl-edit' })).toMatchObject(
    programming('kubectl-edit keeps changing GlobalNetworkPolicy/web: stop it'),
  );
});

describe('an object that is deleted and kept by finalizers of others', () => {
  const current = [web, set({ name: 'nodes' })].map(live);
  const shop = allow({ name: 'cfw-own', namespace: 'shop', rules: [rule] });
  const corp = allow({ name: 'corp' });
  const reason = 'HeldByFinalizer';

  test('is a warning that names it and who holds it, and makes nothing unready', () => {
    const finalizers = ['a.example/1', 'a.example/2', 'a.example/3', 'a.example/4', 'a.example/5'];
    const object = { ...heldObject(emptiedObject(shop), finalizers), foreignManager: 'kubectl-patch' };
    expect(finding([...current, object])).toMatchObject({
      programming: { programmed: true },
      problems: [
        {
          severity: 'warning',
          rule,
          path: 'spec.namespaces[0].ingress[0]',
          reason,
          message:
            'NetworkPolicy/shop/cfw-own is deleted and still stored, held by a.example/1, a.example/2, a.example/3 and more (last written by kubectl-patch); it has no effect any more: let the owners of these finalizers finish, or remove the finalizers',
        },
      ],
    });
  });

  test('is still to be written until it is emptied', () => {
    expect(finding([...current, heldObject(shop)])).toMatchObject({
      programming: { programmed: false, reason: 'Progressing', message: '1 objects are not yet as desired' },
      problems: [{ rule, reason }],
    });
  });

  test('makes nothing unready that its owner fills again, in his namespace', () => {
    expect(finding([...current, heldObject(shop)], { isAside: () => true })).toMatchObject({
      programming: { programmed: true },
      problems: [{ reason, message: expect.stringContaining('it may still let traffic through') }],
    });
  });

  test.each([
    ['refuses', deny({ name: 'deny' }), 'GlobalNetworkPolicy/deny', 'it still refuses traffic'],
    ['lets through', corp, 'GlobalNetworkPolicy/corp', 'it may still let traffic through'],
  ])('makes the firewall unready where it still %s in the cluster', (_, made, id, effect) => {
    const result = finding([...current, heldObject(made)], { isAside: (step) => step.action === 'empty' });
    expect(result).toMatchObject({
      programming: { programmed: false, reason, stalled: true, message: expect.stringContaining(effect) },
      problems: [
        { severity: 'warning', reason, rule: expect.any(String), message: expect.stringContaining(id) },
      ],
    });
  });

  test('without a rule is a warning of the firewall', () => {
    const result = finding([...current, heldObject(emptiedObject(corp))]);
    expect(result).toMatchObject({ problems: [{ rule: 'default', path: 'spec' }] });
  });

  test('is named by the firewall that it belongs to', () => {
    const result = finding([
      ...current,
      heldObject(emptiedObject({ ...corp, ...allow({ name: 'x', firewall: 'team' }) })),
    ]);
    expect(result).toMatchObject({ problems: [] });
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
  const inAbsent = allow({ name: 'cfw-later', namespace: 'absent' });
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

test('what a rule with a problem keeps is counted, and not as it should be', () => {
  const kept = allow({ name: 'kept', rules: ['default/blog/ingress/bad'] });
  const compiled = { objects: [web], frozen: [{ rule: ruleId('default/blog/ingress/bad') }] };
  expect(finding([live(web), live(kept)], {}, compiled)).toMatchObject({
    policies: { desired: 2, current: 1 },
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
  const judged = (
    fields: Partial<WriteResult>,
    stored: readonly LiveObject[] = [live(web)],
    isAside: RoundResult['isAside'] = () => false,
  ) => {
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
      admission: { held: new Map(), judged: new Map() },
      plan: after,
      outcome,
      verdicts: [],
      isAside,
      namespacePolicies: { policies: [], isComplete: true },
    });
  };

  test('has nothing to say while all goes well', () => {
    expect(judged({ interrupted: true })).toBeUndefined();
  });

  const closing = deny({ name: 'deny' });
  const message = (id: string, rest: string): string =>
    `${id} is deleted and still stored, held by example.com/keep; ${rest}: let the owners of these finalizers finish, or remove the finalizers`;

  test('says whose finalizer holds an object, and counts what has to stay with it', () => {
    const stored = [heldObject(closing), live(web), live(set({ name: 'office' }))];
    expect(judged({}, stored)).toMatchObject({
      reason: 'RemovalIncomplete',
      message: `3 generated objects are still there: ${message('GlobalNetworkPolicy/deny', 'it still refuses traffic')}`,
      stalled: true,
    });
    expect(judged({}, [heldObject(emptiedObject(web))])).toMatchObject({
      message: `1 generated objects are still there: ${message('GlobalNetworkPolicy/web', 'it has no effect any more')}`,
      stalled: true,
    });
  });

  test('does not wait for what somebody keeps in his namespace', () => {
    const own = allow({ name: 'cfw-own', namespace: 'shop' });
    expect(judged({}, [heldObject(emptiedObject(own))])).toBeUndefined();
    expect(judged({}, [heldObject(own)], () => true)).toBeUndefined();
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
