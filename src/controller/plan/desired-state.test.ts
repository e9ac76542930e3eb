import { describe, expect, test } from '@jest/globals';
import type { ClusterFirewall } from '../../api/schema.ts';
import type { Compile } from '../../compiler/types.ts';
import { projectFirewall, type StoredFirewall } from '../observe/firewalls.ts';
import { desiredState } from './desired-state.ts';
import { allow, live } from '../testing/objects.ts';
import { UNKNOWN } from '../../inventory/known.ts';
import { UNKNOWN_CLUSTER } from '../../inventory/types.ts';

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
  held: ['default/g/ingress/a'],
  summaries: [],
  labelledNodes: UNKNOWN,
});

const state = (
  firewalls: readonly StoredFirewall[],
  stored = firewalls.map(({ name }) => live(allow({ name, firewall: name }))),
) => {
  const { desired, held, owners, lifecycles } = desiredState({
    firewalls,
    inventory: UNKNOWN_CLUSTER,
    live: stored,
    compile,
  });
  return {
    desired: desired.map((each) => each.firewall),
    held,
    owners: [...owners],
    lifecycles: Object.fromEntries(lifecycles),
  };
};

describe('what is to be done with each firewall', () => {
  test('all valid: compiled', () => {
    expect(state([firewall('default'), firewall('team')])).toEqual({
      desired: ['default', 'team'],
      held: ['default/g/ingress/a'],
      owners: ['default', 'team'],
      lifecycles: { default: 'active', team: 'active' },
    });
  });

  test('an invalid one keeps everything, the others go on', () => {
    const { desired, held } = state([firewall('default'), firewall('team', { spec: invalid })]);
    expect(desired).toEqual(['default']);
    expect(held).toContain('team/');
  });

  test('with an invalid default nothing changes for anybody, and yet another can be deleted', () => {
    const { desired, held, owners, lifecycles } = state([
      firewall('default', { spec: invalid }),
      firewall('team'),
      firewall('old', { deleting: true }),
    ]);
    expect(desired).toEqual([]);
    expect(held).toEqual(['default/', 'team/']);
    expect(lifecycles).toEqual({ default: 'invalid', team: 'frozen', old: 'leaving' });
    expect(owners).toContain('old');
  });

  test('an invalid one can be deleted', () => {
    const { held, owners, lifecycles } = state([firewall('default', { spec: invalid, deleting: true })]);
    expect(lifecycles).toEqual({ default: 'leaving' });
    expect(held).not.toContain('default/');
    expect(owners).toEqual(['default']);
  });

  test('when default goes, the objects of the others go too', () => {
    const { desired, held } = state([firewall('default', { deleting: true }), firewall('team')]);
    expect(desired).toEqual([]);
    expect(held).not.toContain('team/');
  });

  test.each([
    [
      'is being deleted',
      [firewall('default', { deleting: true, spec: { deletionPolicy: 'Retain' } }), firewall('team')],
    ],
    ['is gone', [firewall('team')]],
  ])('a retained default deny that %s keeps the allows of the others', (_, firewalls) => {
    const stored = [live(allow({ name: 'deny', firewall: 'default' }))];
    const { held, owners } = state(firewalls, stored);
    expect(held).toContain('team/');
    expect(owners).toEqual(['team']);
  });
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
        held: [],
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
    expect(gatedBy([retained])).toBe(UNKNOWN);
    expect(gatedBy([])).toBe(UNKNOWN);
  });

  test('go with the firewall', () => {
    expect(gatedBy([firewall('default', { deleting: true })])).toEqual(new Set());
  });
});
