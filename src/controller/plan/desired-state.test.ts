import { describe, expect, test } from '@jest/globals';
import type { ClusterFirewall } from '../../api/schema.ts';
import type { Compile, DesiredObject } from '../../compiler/types.ts';
import { projectFirewall, type StoredFirewall } from '../observe/firewalls.ts';
import { desiredState } from './desired-state.ts';
import { allow, foreign, live, open, set } from '../testing/objects.ts';
import type { LiveObject } from '../objects/live.ts';
import { UNKNOWN } from '../../inventory/known.ts';
import { UNKNOWN_CLUSTER } from '../../inventory/types.ts';
import { ruleId } from '../../compiler/names.ts';

interface Made {
  readonly deleting?: boolean;
  readonly spec?: object;
}
const firewall = (name: string, { deleting = false, spec = {} }: Made = {}): StoredFirewall =>
  projectFirewall({
    metadata: {
      name,
      uid: name,
      resourceVersion: '1',
      generation: 1,
      ...(deleting ? { deletionTimestamp: '2026-01-01T00:00:00Z' } : {}),
    },
    spec: { mode: 'Enforce', ...spec },
  });
const invalid = { mode: 'Perhaps' };

/** One object a firewall, none without default, as the compiler. */
const compile: Compile = (firewalls: readonly ClusterFirewall[]) => ({
  objects: firewalls.some(({ metadata }) => metadata.name === 'default')
    ? firewalls.map(({ metadata }) => allow({ name: metadata.name, firewall: metadata.name }))
    : [],
  problems: [],
  frozen: [{ rule: ruleId('default/g/ingress/a') }],
  summaries: [],
  labelledNodes: UNKNOWN,
});

const state = (
  firewalls: readonly StoredFirewall[],
  stored = firewalls.map(({ name }) => live(allow({ name, firewall: name }))),
) => {
  const { desired, frozen, owners, lifecycles } = desiredState({
    firewalls,
    inventory: UNKNOWN_CLUSTER,
    live: stored,
    compile,
  });
  return {
    desired: desired.map((each) => each.firewall),
    frozen,
    owners: [...owners],
    lifecycles: Object.fromEntries(lifecycles),
  };
};

describe('what is to be done with each firewall', () => {
  test('all valid: compiled', () => {
    expect(state([firewall('default'), firewall('team')])).toEqual({
      desired: ['default', 'team'],
      frozen: [{ rule: 'default/g/ingress/a' }],
      owners: ['default', 'team'],
      lifecycles: { default: 'active', team: 'active' },
    });
  });

  test('an invalid one keeps everything, the others go on', () => {
    const { desired, frozen } = state([firewall('default'), firewall('team', { spec: invalid })]);
    expect(desired).toEqual(['default']);
    expect(frozen).toContainEqual({ prefix: 'team' });
  });

  test('with an invalid default nothing changes for anybody, and yet another can be deleted', () => {
    const { desired, frozen, owners, lifecycles } = state([
      firewall('team'),
      firewall('default', { spec: invalid }),
      firewall('broken', { spec: invalid }),
      firewall('old', { deleting: true }),
    ]);
    expect(desired).toEqual([]);
    expect(frozen).toEqual(['team', 'default', 'broken'].map((prefix) => ({ prefix })));
    expect(lifecycles).toEqual({ default: 'invalid', broken: 'invalid', team: 'frozen', old: 'leaving' });
    expect(owners.toSorted()).toEqual(['broken', 'default', 'old', 'team']);
  });

  test('an invalid one can be deleted', () => {
    const { frozen, owners, lifecycles } = state([firewall('default', { spec: invalid, deleting: true })]);
    expect(lifecycles).toEqual({ default: 'leaving' });
    expect(frozen).not.toContainEqual({ prefix: 'default' });
    expect(owners).toEqual(['default']);
  });

  test('when default goes, the objects of the others go too', () => {
    const { desired, frozen } = state([firewall('default', { deleting: true }), firewall('team')]);
    expect(desired).toEqual([]);
    expect(frozen).not.toContainEqual({ prefix: 'team' });
  });

  test.each([
    [
      'is being deleted',
      [firewall('default', { deleting: true, spec: { deletionPolicy: 'Retain' } }), firewall('team')],
    ],
    ['is gone', [firewall('team')]],
  ])('a retained default deny that %s keeps the allows of the others', (_, firewalls) => {
    const stored = [live(allow({ name: 'deny', firewall: 'default' }))];
    const { frozen, owners } = state(firewalls, stored);
    expect(frozen).toContainEqual({ prefix: 'team' });
    expect(owners).toEqual(['team']);
  });

  test('a retained default deny of which nothing is stored keeps nothing', () => {
    const retained = firewall('default', { deleting: true, spec: { deletionPolicy: 'Retain' } });
    const others = [
      live(allow({ name: 'a', firewall: 'team' })),
      foreign(allow({ name: 'b' })),
      // A tenant may say that his policy belongs to any firewall.
      open(allow({ name: 'c', namespace: 'evil', firewall: 'default' })),
    ];
    for (const stored of [[], others])
      expect(state([retained, firewall('team')], stored).frozen).toEqual([{ rule: 'default/g/ingress/a' }]);
  });

  test('a default deny in force keeps nothing but what the compiler holds', () => {
    expect(state([firewall('default'), firewall('team')]).frozen).toEqual([{ rule: 'default/g/ingress/a' }]);
  });

  test('each can be retained, and is no owner any more', () => {
    const { lifecycles, owners, frozen } = state([
      firewall('default'),
      firewall('team', { deleting: true, spec: { deletionPolicy: 'Retain' } }),
    ]);
    expect(lifecycles).toEqual({ default: 'active', team: 'retained' });
    expect(owners).toEqual(['default']);
    expect(frozen).toEqual([{ rule: 'default/g/ingress/a' }]);
  });

  test('an invalid firewall that is deleted leaves, and freezes nobody', () => {
    const { lifecycles } = state([
      firewall('default', { spec: invalid, deleting: true }),
      firewall('team'),
      firewall('other', { spec: invalid }),
    ]);
    expect(lifecycles).toEqual({ default: 'leaving', team: 'active', other: 'invalid' });
  });
});

test('what the compiler says is handed on, and nothing of it while default is invalid', () => {
  const said: ReturnType<Compile> = {
    objects: [],
    problems: [
      {
        severity: 'problem',
        firewall: 'default',
        rule: ruleId('default/g/ingress/a'),
        path: 'spec',
        reason: 'NodesUnknown',
        message: 'No nodes.',
      },
    ],
    frozen: [],
    summaries: [{ firewall: 'default', namespaces: null }],
    labelledNodes: UNKNOWN,
    nodes: { mode: 'Observe', endpoints: 'Contradiction', selected: UNKNOWN, failsafesOpen: [], notes: [] },
  };
  const given: (readonly ClusterFirewall[])[] = [];
  const handedOn = (...firewalls: readonly StoredFirewall[]) => {
    const { problems, summaries, nodes } = desiredState({
      firewalls,
      inventory: UNKNOWN_CLUSTER,
      live: [],
      compile: (active) => {
        given.push(active);
        return said;
      },
    });
    return { problems, summaries, nodes };
  };
  const { problems, summaries, nodes } = said;
  expect(handedOn(firewall('default'), firewall('team', { deleting: true }))).toEqual({
    problems,
    summaries,
    nodes,
  });
  expect(given.map((active) => active.map(({ metadata }) => metadata.name))).toEqual([['default']]);
  expect(handedOn(firewall('default', { spec: invalid }))).toEqual({
    problems: [],
    summaries: [],
    nodes: undefined,
  });
  expect(given).toHaveLength(1);
});

describe('gates', () => {
  const gatedBy = (stored: readonly StoredFirewall[], gated?: readonly string[]) =>
    desiredState({
      firewalls: stored,
      inventory: UNKNOWN_CLUSTER,
      live: [],
      compile: () => ({
        objects: [],
        problems: [],
        frozen: [],
        summaries: [],
        labelledNodes: gated ?? UNKNOWN,
      }),
    }).labelledNodes;

  test('are what the compiler says', () => {
    expect(gatedBy([firewall('default')], ['a'])).toEqual(new Set(['a']));
  });

  test('stay as they are while that cannot be told', () => {
    expect(gatedBy([firewall('default')])).toBe(UNKNOWN);
    expect(gatedBy([firewall('default', { spec: invalid })], ['a'])).toBe(UNKNOWN);
    const retained = firewall('default', { deleting: true, spec: { deletionPolicy: 'Retain' } });
    expect(gatedBy([retained], ['a'])).toBe(UNKNOWN);
    expect(gatedBy([], ['a'])).toBe(UNKNOWN);
  });

  test('go with the firewall', () => {
    expect(gatedBy([firewall('default', { deleting: true })])).toEqual(new Set());
  });
});

describe('a set that keeps its addresses', () => {
  const rules = ['default/nodes/judged'];
  const wanted = set({ name: 'nodes', rules, content: '10.0.0.1/32' });
  const withNets = (...nets: readonly string[]): DesiredObject =>
    ({ ...wanted, object: { ...wanted.object, spec: { nets } } }) as DesiredObject;
  const netsOf = (objects: readonly DesiredObject[], stored: readonly LiveObject[]) => {
    const { desired } = desiredState({
      firewalls: [firewall('default')],
      inventory: UNKNOWN_CLUSTER,
      live: stored,
      compile: () => ({ ...compile([], UNKNOWN_CLUSTER), objects }),
    });
    return desired.map(({ object: { spec } }) => ('nets' in spec ? spec.nets : undefined));
  };
  const keeping: DesiredObject = { ...wanted, keepsAddresses: true };

  test('has the stored single addresses as well, and no stored network or rubbish', () => {
    const stored = live(withNets('10.0.0.9/32', 'fd00::9/128', 'fd00::/32', '10.0.0.0/24', 'rubbish'));
    expect(netsOf([keeping], [stored])).toEqual([['10.0.0.1/32', '10.0.0.9/32', 'fd00::9/128']]);
  });

  test('of a deny has the stored networks as well', () => {
    const stored = live(withNets('10.0.0.9/32', '10.1.0.0/24', 'rubbish'));
    expect(netsOf([{ ...wanted, keepsNets: true }], [stored])).toEqual([
      ['10.0.0.1/32', '10.0.0.9/32', '10.1.0.0/24'],
    ]);
  });

  test('has its own where nothing is stored, or where another client has the name', () => {
    expect(netsOf([keeping], [])).toEqual([['10.0.0.1/32']]);
    expect(netsOf([keeping], [foreign(withNets('10.0.0.9/32'))])).toEqual([['10.0.0.1/32']]);
  });

  test('changes no other object', () => {
    const other = allow({ name: 'web' });
    const stored = [live(withNets('10.0.0.9/32'))];
    expect(netsOf([wanted, { ...other, keepsAddresses: true }], stored)).toEqual([
      ['10.0.0.1/32'],
      undefined,
    ]);
  });
});
