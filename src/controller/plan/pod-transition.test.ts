import { describe, expect, test } from '@jest/globals';
import { ruleId, TIER } from '../../compiler/names.ts';
import type { DesiredObject } from '../../compiler/types.ts';
import type { OwnedObject } from '../objects/live.ts';
import {
  allow,
  creation,
  deny,
  foreign,
  live,
  nodeAllow,
  owned as ours,
  removal,
  replacement,
  set,
  storedObject,
  tier,
} from '../testing/objects.ts';
import { newBridges, oldBridges } from './bridges.ts';
import { plan, type Plan } from './plan.ts';
import { podChange, type PodChange, type PodChangeInput } from './pod-transition.ts';
import type { Step } from './step.ts';

const guardrail = (name: string, content = 'a'): DesiredObject => deny({ name, content }, TIER);
const outgoing = (content: string): DesiredObject => {
  const made = allow({ name: 'out', content });
  const spec = { ...made.object.spec, types: ['Egress'] };
  return { ...made, object: { ...made.object, spec } as DesiredObject['object'] };
};
const inShop = (content: string): DesiredObject => allow({ name: 'cfw-a', namespace: 'shop', content });
/** Calico counts what it would do, and does nothing. */
const observed = (made: DesiredObject): DesiredObject => ({
  ...made,
  object: { ...made.object, kind: 'StagedGlobalNetworkPolicy' } as DesiredObject['object'],
});
const changed = (make: (content: string) => DesiredObject): Step => replacement(make('a'), make('b'));
const changedAllow = changed((content) => allow({ name: 'changed', content }));
const changedDeny = changed((content) => deny({ name: 'deny', content }));
const web = allow({ name: 'web' });
const closing = deny({ name: 'deny' });
const some = set({ name: 'office' });

const noPlan: Plan = {
  phases: [],
  comparisons: [],
  frozen: [],
  strays: new Map(),
  orphans: [],
  lingering: [],
  held: [],
  needed: [],
};
const change = (steps: readonly Step[], given: Partial<PodChangeInput> = {}): PodChange =>
  podChange({ bare: noPlan, steps, bridges: [], oldBridges: undefined, ...given });

const owned = (desired: DesiredObject): OwnedObject => ours(live(desired));
const bridgesFrom = oldBridges([closing, web].map((each) => storedObject(each)));
const bridgesTo = newBridges([closing, web]);

describe('waves wait for one another', () => {
  test.each<[what: string, ...steps: Step[]]>([
    ['a set comes with its policy', creation(some), creation(web)],
    ['a set goes with its policy', removal(some), removal(web)],
    ['one set goes and another comes', creation(set({ name: 'b' })), removal(some), removal(web)],
    ['a default deny comes with an allow', creation(closing), creation(web)],
    ['a default deny comes with a guardrail', creation(closing), creation(guardrail('g'))],
    ['default denies come', creation(closing), creation(deny({ name: 'other' }))],
    ['a guardrail comes with an allow', creation(guardrail('g')), creation(web)],
    ['a guardrail goes with an allow', removal(guardrail('g')), removal(web)],
    ['an allow changes and another comes', changedAllow, creation(web)],
    ['an allow goes and another changes', removal(web), changedAllow],
    ['an allow of a namespace changes and another comes', changed(inShop), creation(web)],
    ['an allow of the other direction goes and one changes', removal(web), changed(outgoing)],
    [
      'one guardrail changes, another goes',
      changed((content) => guardrail('g', content)),
      removal(guardrail('h')),
    ],
  ])('when %s', (_, ...steps) => {
    expect(change(steps).staged).toBe(true);
  });

  test.each<[what: string, ...steps: Step[]]>([
    ['there is nothing to do'],
    ['a set comes alone', creation(some)],
    ['a set goes alone', removal(some)],
    ['a set comes when a policy goes', creation(some), removal(web)],
    ['a set goes when a policy comes', removal(some), creation(web)],
    ['a set changes', replacement(some, set({ name: 'office', content: '10.0.0.0/8' })), creation(web)],
    ['a default deny comes alone', creation(closing)],
    ['a guardrail comes alone', creation(guardrail('g'))],
    ['guardrails come', creation(guardrail('g')), creation(guardrail('h'))],
    ['a guardrail changes alone', changed((content) => guardrail('g', content))],
    ['an allow changes alone', changedAllow],
    ['allows come', creation(web), creation(allow({ name: 'other' }))],
    ['allows go', removal(web), removal(allow({ name: 'other' }))],
    ['allows of both directions change', changedAllow, changed(outgoing)],
    ['policies of nodes change', creation(nodeAllow({ name: 'zone' })), creation(web)],
    ['a set comes with a policy of nodes', creation(some), creation(nodeAllow({ name: 'zone' }))],
    ['an observed policy comes with its set', creation(some), creation(observed(web))],
    ['an observed default deny comes with an allow', creation(observed(closing)), creation(web)],
    ['the tier comes', creation(tier()), creation(web)],
  ])('not when %s', (_, ...steps) => {
    expect(change(steps)).toEqual({ wanted: [], kept: [], staged: false, needsStored: false });
  });
});

describe('bridges from what is stored', () => {
  test.each<[what: string, ...steps: Step[]]>([
    ['a default deny changes', changedDeny, creation(web)],
    ['a default deny goes', removal(closing), removal(web)],
    ['a guardrail changes', changed((content) => guardrail('g', content)), creation(web)],
  ])('are wanted when %s', (_, ...steps) => {
    expect(change(steps)).toMatchObject({ wanted: [], needsStored: true });
    expect(change(steps, { oldBridges: bridgesFrom })).toMatchObject({
      wanted: bridgesFrom,
      needsStored: false,
    });
  });

  test.each<[what: string, ...steps: Step[]]>([
    ['a default deny comes', creation(closing), creation(web)],
    ['a guardrail comes', creation(guardrail('g')), creation(web)],
    ['a guardrail goes, after all others', removal(guardrail('g')), removal(web)],
    ['allows change', changedAllow, creation(web)],
  ])('are not wanted when %s', (_, ...steps) => {
    expect(change(steps, { oldBridges: bridgesFrom })).toEqual({
      wanted: [],
      kept: [],
      staged: true,
      needsStored: false,
    });
  });

  test('stay when all of them are stored, and are made anew when an outage cut them short', () => {
    const steps = [changedDeny, creation(web)];
    const denies = [closing, deny({ name: 'other' })];
    const wide = oldBridges([...denies, web].map((each) => storedObject(each))).map(owned);
    expect(wide).toHaveLength(2);
    expect(change(steps, { bridges: wide })).toMatchObject({ kept: wide, needsStored: false });
    expect(change(steps, { bridges: wide, oldBridges: bridgesFrom }).wanted).toEqual([]);
    expect(change(steps, { bridges: wide.slice(0, -1) })).toMatchObject({ kept: [], needsStored: true });
  });
});

describe('bridges to what is desired', () => {
  const steps = [creation(closing), creation(web)];
  const planned = (stored: readonly DesiredObject[], desired = [closing, web]): Plan =>
    plan({
      desired,
      live: stored.map(live),
      frozen: [],
      firewalls: new Set(['default']),
      isClosedNamespace: () => false,
    });

  test('carry what will be in force, stored already or not', () => {
    expect(bridgesTo).not.toEqual([]);
    for (const stored of [[], [web]])
      expect(change(steps, { bare: planned(stored) }).wanted).toEqual(bridgesTo);
  });

  test('are made anew, stored or not', () => {
    const stored = bridgesTo.map(owned);
    const input = { bare: planned([]), bridges: stored };
    expect(change(steps, input)).toEqual({ wanted: bridgesTo, kept: [], staged: true, needsStored: false });
  });

  test('leave out what is frozen as it is', () => {
    const changedWeb = allow({ name: 'web', content: 'other' });
    const bare = plan({
      desired: [closing, changedWeb],
      live: [live(allow({ name: 'web', rules: ['default/g/ingress/a'] }))],
      frozen: [{ rule: ruleId('default/g/ingress/a') }],
      firewalls: new Set(['default']),
      isClosedNamespace: () => false,
    });
    expect(change(steps, { bare }).wanted).toEqual(newBridges([closing]));
  });

  test('leave out what waits, what is blocked and whose name is taken', () => {
    const waiting = allow({ name: 'cfw-waits', namespace: 'gone' });
    const desired = [closing, web, waiting, allow({ name: 'taken' })];
    const bare = plan({
      desired,
      live: [foreign(allow({ name: 'taken' }))],
      frozen: [],
      firewalls: new Set(['default']),
      isClosedNamespace: (namespace) => namespace === 'gone',
    });
    expect(change(steps, { bare }).wanted).toEqual(bridgesTo);
  });
});

describe('a transition that began with bridges', () => {
  const bridges = bridgesTo.map(owned);

  test('goes on with them, where the rest needs none', () => {
    expect(change([creation(web)], { bridges })).toEqual({
      wanted: [],
      kept: bridges,
      staged: true,
      needsStored: false,
    });
  });

  test.each<[what: string, ...steps: Step[]]>([
    ['nothing is left to do'],
    ['only sets go', removal(some)],
    ['only guardrails go', removal(guardrail('g'))],
    ['only what ends the tier comes', creation(allow({ name: 'pass', rules: ['default/defaults/pass'] }))],
    ['only observed policies change', creation(observed(web))],
    ['only nodes change', creation(nodeAllow({ name: 'zone' }))],
  ])('ends when %s', (_, ...steps) => {
    expect(change(steps, { bridges })).toEqual({ wanted: [], kept: [], staged: true, needsStored: false });
  });
});
