import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { ruleId, TIER } from '../../compiler/names.ts';
import type { DesiredObject } from '../../compiler/types.ts';
import { objectId } from '../objects/kinds.ts';
import type { LiveObject } from '../objects/live.ts';
import { only, plan, type PlanInput } from '../plan/plan.ts';
import { applyStep } from '../plan/step.ts';
import { allow, deny, endpoint, foreign, live, removal, set, tier } from '../testing/objects.ts';
import type { Unwritten } from './execute.ts';
import { isInPlace, isMissing, verdictsOf, type Verdict } from './verdicts.ts';

const rule = 'default/g/ingress/a';
const web = allow({ name: 'web', rules: [rule] });
const old = live(allow({ name: 'web', rules: [rule], content: 'old' }));
const idOf = ({ object }: DesiredObject): string => objectId(object.kind, object.metadata);

interface Case extends Partial<PlanInput> {
  readonly stored?: readonly LiveObject[];
  readonly temporary?: readonly DesiredObject[];
  readonly unwritten?: readonly Unwritten[];
  readonly contested?: readonly string[];
  readonly unserved?: readonly string[];
}

function verdicts(input: Case): readonly Verdict[] {
  const {
    desired = [web],
    stored = [],
    temporary = [],
    unwritten = [],
    contested = [],
    unserved = [],
  } = input;
  const serves = (kind: string): boolean => !unserved.includes(kind);
  const after = plan({
    frozen: [],
    firewalls: new Set(['default']),
    isClosedNamespace: (namespace) => namespace === 'absent',
    ...input,
    live: stored,
    desired: [...desired.filter(({ object }) => serves(object.kind)), ...temporary],
  });
  return verdictsOf({
    desired,
    plan: after,
    unwritten,
    serves,
    isContested: (id) => contested.includes(id),
  });
}

/** The verdict on the policy `web`. */
const on = (input: Case): Verdict | undefined => verdicts(input).find(({ desired }) => desired === web);

const refused = (stored?: LiveObject): Unwritten => ({
  step: applyStep(web, stored?.ours === true ? stored : undefined),
  refusal: 'quota exceeded',
});
const altered = (stored?: LiveObject): Unwritten => ({
  ...refused(stored),
  refusal: undefined,
  altered: ['spec.order'],
});
const skipped: Unwritten = { step: applyStep(web, undefined), refusal: undefined };
const contested = [idOf(web)];

describe('the verdict on an object', () => {
  const frozen: Case = {
    stored: [live(allow({ name: 'web', rules: [rule, 'default/g/ingress/bad'], content: 'old' }))],
    frozen: [{ rule: ruleId('default/g/ingress/bad') }],
  };

  test.each<[string, Case, object]>([
    ['that is stored as desired', { stored: [live(web)] }, { is: 'Current' }],
    ['that is not stored', {}, { is: 'Pending' }],
    ['that is stored with another content', { stored: [old] }, { is: 'Pending' }],
    ['that carries a frozen rule', frozen, { is: 'Frozen' }],
    ['whose name is taken', { stored: [foreign(web, 'helm')] }, { is: 'NameTaken', foreignManager: 'helm' }],
    ['whose kind is not served', { unserved: ['GlobalNetworkPolicy'] }, { is: 'NotServed' }],
    [
      'that is refused',
      { unwritten: [refused()] },
      { is: 'Refused', message: 'quota exceeded', isStored: false },
    ],
    [
      'whose change is refused',
      { stored: [old], unwritten: [refused(old)] },
      { is: 'Refused', isStored: true },
    ],
    [
      'that is altered',
      { stored: [old], unwritten: [altered(old)] },
      { is: 'Altered', fields: ['spec.order'] },
    ],
    ['that needs what is refused', { unwritten: [skipped] }, { is: 'NeedsRefused', isStored: false }],
    [
      'that is fought over, as desired',
      { stored: [live(web)], contested },
      { is: 'Contested', isCurrent: true },
    ],
    ['that is fought over, changed', { stored: [old], contested }, { is: 'Contested', isCurrent: false }],
  ])('%s', (_, input, expected) => {
    expect(on(input)).toMatchObject({ isTemporary: false, ...expected });
  });

  test.each<[string, Case, Verdict['is']]>([
    [
      'stored as desired after all, before refused',
      { stored: [live(web)], unwritten: [refused()] },
      'Current',
    ],
    ['taken, before refused', { stored: [foreign(web)], unwritten: [refused()] }, 'NameTaken'],
    ['frozen, before refused', { ...frozen, unwritten: [refused(old)] }, 'Frozen'],
    ['frozen, before fought over', { ...frozen, contested }, 'Frozen'],
    ['as desired after all, before altered', { stored: [live(web)], unwritten: [altered()] }, 'Current'],
    ['altered, before fought over', { stored: [old], unwritten: [altered(old)], contested }, 'Altered'],
    ['refused, before fought over', { stored: [old], unwritten: [refused(old)], contested }, 'Refused'],
    ['not served, before fought over', { unserved: ['GlobalNetworkPolicy'], contested }, 'NotServed'],
  ])('%s', (_, input, is) => {
    expect(on(input)?.is).toBe(is);
  });

  test('whose namespace does not exist: it waits, whatever else', () => {
    const later = allow({ name: 'later', namespace: 'absent' });
    const unwritten = [{ step: applyStep(later, undefined), refusal: 'no' }];
    expect(verdicts({ desired: [later], unwritten, contested: [idOf(later)] }).map(({ is }) => is)).toEqual([
      'Waiting',
    ]);
  });

  test('that is a host endpoint which may not join yet: it waits', () => {
    const desired = [endpoint('a', 'lo'), endpoint('a', '*')];
    expect(verdicts({ desired, holdsEndpoints: true }).map(({ is }) => is)).toEqual(['Pending', 'Waiting']);
  });

  test('whose tier has a taken name', () => {
    const guard = deny({ name: 'guard' }, TIER);
    const stored = [foreign(tier())];
    expect(verdicts({ desired: [tier(), guard], stored }).map(({ is }) => is)).toEqual([
      'NameTaken',
      'NeedsTaken',
    ]);
  });
});

describe('a temporary object', () => {
  const bridge = allow({ name: 'bridge', rules: ['default/defaults/bridge-to'] });
  const unwritten = [{ step: applyStep(bridge, undefined), refusal: 'no' }];

  test('is marked', () => {
    expect(verdicts({ temporary: [bridge] }).map(({ id, isTemporary }) => [id, isTemporary])).toEqual([
      ['GlobalNetworkPolicy/web', false],
      ['GlobalNetworkPolicy/bridge', true],
    ]);
  });

  test.each([[[bridge]], [[]]])(
    'that is refused has its verdict, also where it is not wanted any more',
    (temporary) => {
      expect(
        only(verdicts({ temporary, unwritten }), 'Refused').map(({ id, isTemporary }) => [id, isTemporary]),
      ).toEqual([['GlobalNetworkPolicy/bridge', true]]);
    },
  );
});

test('a removal that is refused is no verdict on an object that is wanted', () => {
  const unwritten = [{ step: removal(allow({ name: 'gone' })), refusal: 'no' }];
  expect(verdicts({ unwritten }).map(({ id, is }) => [id, is])).toEqual([
    ['GlobalNetworkPolicy/web', 'Pending'],
  ]);
});

describe('an object', () => {
  const objects = [
    web,
    allow({ name: 'later', namespace: 'absent' }),
    deny({ name: 'deny' }),
    set({ name: 'nodes' }),
  ];
  const any = fc.record({
    desired: fc.subarray(objects),
    stored: fc.subarray([...objects.map(live), old, foreign(web), foreign(set({ name: 'nodes' }))]),
    frozen: fc.subarray([{ rule: ruleId(rule) }, { prefix: ruleId('default') }]),
    unwritten: fc.subarray([
      refused(),
      altered(),
      skipped,
      { step: applyStep(objects[3] ?? web, undefined), refusal: 'no' },
    ]),
    contested: fc.subarray(objects.map(idOf)),
    unserved: fc.subarray(['GlobalNetworkPolicy', 'NetworkPolicy']),
  });

  test('that is desired has exactly one verdict, whatever is stored and whatever was refused', () => {
    fc.assert(
      fc.property(any, (input) => {
        const ofDesired = verdicts(input).filter(({ isTemporary }) => !isTemporary);
        expect(ofDesired.map(({ id }) => id).toSorted()).toEqual(input.desired.map(idOf).toSorted());
      }),
    );
  });

  test.each<[is: Verdict['is'], isCurrent: boolean, inPlace: boolean, missing: boolean]>([
    ['Current', false, true, false],
    ['Frozen', false, true, false],
    ['Contested', true, true, false],
    ['Contested', false, false, true],
    ['Pending', false, false, true],
    ['Refused', false, false, true],
    ['Altered', false, false, true],
    ['NeedsRefused', false, false, true],
    ['NameTaken', false, false, true],
    ['NeedsTaken', false, false, true],
    ['Waiting', false, false, false],
    ['NotServed', false, false, false],
  ])('is %s (as desired: %j): in place %j, missing %j', (is, isCurrent, inPlace, missing) => {
    const verdict = { is, isCurrent, id: '', desired: web, isTemporary: false } as unknown as Verdict;
    expect([isInPlace(verdict), isMissing(verdict)]).toEqual([inPlace, missing]);
  });

  test('is in place, missing, or neither because it waits or is not served', () => {
    fc.assert(
      fc.property(any, (input) => {
        for (const verdict of verdicts(input)) {
          const isOpen = verdict.is === 'Waiting' || verdict.is === 'NotServed';
          expect([isInPlace(verdict), isMissing(verdict), isOpen].filter(Boolean)).toHaveLength(1);
        }
      }),
    );
  });
});
