import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { loadAll } from 'js-yaml';
import { validateDocument } from '../../api/validate.ts';
import { compile } from '../../compiler/compile.ts';
import { LABEL_ENFORCED, ruleId } from '../../compiler/names.ts';
import { compiled } from '../../compiler/testing/compiled-nodes.ts';
import { cluster } from '../../compiler/testing/inventories.ts';
import { web } from '../../compiler/testing/examples.ts';
import { firewalls } from '../../compiler/testing/generators.ts';
import { withNodes } from '../../compiler/testing/node-generators.ts';
import { FEWER } from '../../compiler/testing/runs.ts';
import { scene } from '../../compiler/testing/surroundings.ts';
import type { DesiredObject } from '../../compiler/types.ts';
import { newBridges, oldBridges } from '../plan/bridges.ts';
import { nodeShadows } from '../plan/node-shadows.ts';
import { desiredRole } from '../plan/step.ts';
import { allow, live, storedObject } from '../testing/objects.ts';
import { roleOf, whenHeld, type Role } from './role.ts';

const roleOfStored = (desired: DesiredObject): Role | undefined => {
  const stored = live(desired);
  return stored.ours ? stored.role : undefined;
};

/** Temporary objects that a transition from or to these objects may write. */
function temporary(desired: readonly DesiredObject[]): readonly DesiredObject[] {
  const stored = desired.map((each) => storedObject(each));
  return [...newBridges(desired), ...oldBridges(stored), ...nodeShadows(stored).values()];
}

const { objects } = compiled(
  {
    blocked: [{ ipBlock: { cidr: '203.0.113.0/24' } }],
    breakGlass: [{ peer: 'office' }],
    zones: [{ name: 'office', from: [{ peer: 'office' }], allow: { ports: [22] } }],
  },
  {
    peers: [{ name: 'office', cidrs: ['198.51.100.0/24'] }],
    guardrails: [{ name: 'corp', pods: {}, to: [{ ipBlock: { cidr: '10.0.0.0/8' } }], ports: ['All'] }],
    namespaces: [web],
  },
);

/** Roles of objects by their kinds and the ids of their first rules. */
const rolesOf = (desired: readonly DesiredObject[]): Readonly<Record<string, readonly Role[]>> => {
  const roles: Record<string, Role[]> = {};
  for (const each of desired) {
    const key = `${each.object.kind} ${each.rules.slice(0, 2).join(' ')}`;
    roles[key] = [...new Set([...(roles[key] ?? []), desiredRole(each)])];
  }
  return roles;
};

describe('the role of an object', () => {
  test('of everything that a firewall compiles to', () => {
    expect(rolesOf(objects)).toEqual({
      'Tier ': ['tier'],
      'GlobalNetworkPolicy default/defaults/pass': ['finalPass'],
      'GlobalNetworkSet default/nodes': ['set'],
      'GlobalNetworkSet default/etcd': ['set'],
      'GlobalNetworkSet default/control-plane': ['set'],
      'GlobalNetworkSet default/dns-services/686606': ['set'],
      'GlobalNetworkPolicy default/guardrails/corp': ['guardrail'],
      'GlobalNetworkPolicy default/defaults/metadataAPI': ['guardrail'],
      'GlobalNetworkPolicy default/blog/ingress/web': ['allow'],
      'NetworkPolicy default/blog/ingress/web': ['allow'],
      'GlobalNetworkPolicy default/defaults/deny': ['defaultDeny'],
      'GlobalNetworkPolicy default/defaults/dns': ['allow'],
      'HostEndpoint default/nodes/lo': ['lo'],
      'GlobalNetworkPolicy default/nodes/lo': ['lo'],
      'GlobalNetworkPolicy default/nodes/breakGlass': ['nodeAllow'],
      'GlobalNetworkPolicy default/nodes/blocked': ['nodeBlock'],
      'GlobalNetworkPolicy default/nodes/loopback': ['nodeBlock'],
      'GlobalNetworkPolicy default/nodes/baseline/ah default/nodes/baseline/api-server': ['nodeAllow'],
      'GlobalNetworkPolicy default/nodes/zones/office': ['nodeAllow'],
      'GlobalNetworkPolicy default/nodes/deny default/nodes/pass': ['finalDeny'],
      'GlobalNetworkPolicy default/nodes/pods': ['podBlock'],
      'GlobalNetworkSet default/nodes/judged': ['nodeAddresses'],
      'HostEndpoint default/nodes/endpoints': ['nodeEndpoint'],
    });
  });

  test('of bridges and shadows', () => {
    expect(rolesOf(temporary(objects))).toEqual({
      'GlobalNetworkPolicy default/defaults/bridge-to': ['bridgeNew'],
      'GlobalNetworkPolicy default/defaults/bridge-from': ['guardrailOld'],
      'GlobalNetworkPolicy default/defaults/bridge-from default/defaults/bridge-complete': [
        'bridgeOldComplete',
      ],
      'GlobalNetworkPolicy default/nodes/bridge-from': ['nodeShadow'],
      'GlobalNetworkPolicy default/nodes/bridge-from default/nodes/bridge-deny': ['finalShadow'],
      'GlobalNetworkPolicy default/nodes/bridge-from default/nodes/bridge-pods': ['podShadow'],
    });
  });

  test('of a final policy of nodes that are observed', () => {
    const observed = compiled({ mode: 'Observe' }).objects;
    expect(rolesOf(observed)).toMatchObject({
      'GlobalNetworkPolicy default/nodes/deny default/nodes/pass': ['finalObserve'],
    });
  });

  test.each(['NetworkPolicy', 'StagedNetworkPolicy'] as const)(
    'a %s is an allow, whatever it says of itself',
    (kind) => {
      const claims = [
        ['default/defaults/deny'],
        ['default/defaults/bridge-from', 'default/defaults/bridge-complete'],
        ['default/nodes/deny'],
        ['default/guardrails/g'],
      ];
      const spec = { selector: `has(${LABEL_ENFORCED})`, egress: [{ action: 'Deny' }] };
      for (const rules of claims)
        expect(roleOf({ kind, spec, rules: rules.map((rule) => ruleId(rule)) })).toBe('allow');
    },
  );

  test('a group may be called nodes or defaults', () => {
    const rules = ['team/nodes/ingress/deny', 'team/defaults/egress/pass'];
    expect(desiredRole(allow({ name: 'a', rules }))).toBe('allow');
  });

  test('an object whose annotations somebody has removed is still known by its content', () => {
    const stripped = (spec: object) => roleOf({ kind: 'GlobalNetworkPolicy', spec, rules: [] });
    expect(stripped({ selector: `has(${LABEL_ENFORCED})`, ingress: [{ action: 'Pass' }] })).toBe('nodeAllow');
    expect(stripped({ selector: 'all()', egress: [{ action: 'Deny' }] })).toBe('guardrail');
    expect(stripped({ selector: 'all()', egress: [{ action: 'Allow' }] })).toBe('allow');
    expect(roleOf({ kind: 'GlobalNetworkPolicy', spec: undefined, rules: [ruleId('constructor')] })).toBe(
      'allow',
    );
  });
});

describe('an object that is deleted and kept by finalizers of others', () => {
  /** The roles that count as the same. */
  const counted = (kinds: readonly DesiredObject[]): Readonly<Record<string, readonly string[]>> => {
    const groups: Record<string, string[]> = {};
    for (const each of kinds) {
      const role = desiredRole(each);
      (groups[whenHeld(each.object.kind, role)] ??= []).push(role);
    }
    return Object.fromEntries(Object.entries(groups).map(([is, roles]) => [is, [...new Set(roles)].sort()]));
  };

  test('counts as there where it refuses', () => {
    const all = [...objects, ...compiled({ mode: 'Observe' }).objects, ...temporary(objects)];
    const { there, gone } = counted(
      all.filter(({ object }) => !/^(?:Staged|NetworkPolicy)/.test(object.kind)),
    );
    expect(there).toEqual(['defaultDeny', 'finalDeny', 'guardrail', 'nodeBlock', 'podBlock']);
    expect(gone).toEqual(['finalPass', 'nodeAddresses', 'set', 'tier']);
  });

  test('counts as gone where Calico enforces nothing of it', () => {
    expect(whenHeld('StagedGlobalNetworkPolicy', 'guardrail')).toBe('gone');
    expect(whenHeld('StagedNetworkPolicy', 'allow')).toBe('gone');
  });
});

describe('an object that is desired and the same object when it is stored have one role', () => {
  const check = (desired: readonly DesiredObject[]): void => {
    for (const each of [...desired, ...temporary(desired)])
      expect([each.rules, roleOfStored(each)]).toEqual([each.rules, desiredRole(each)]);
  };

  test('whatever the firewalls say', () => {
    fc.assert(
      fc.property(firewalls.chain(withNodes), scene, fc.boolean(), (list, { inventory }, automatic) => {
        check(compile(list, { ...inventory, automaticHostEndpoints: automatic }).objects);
      }),
      FEWER,
    );
  });

  const folder = path.resolve(import.meta.dirname, '../../../config/samples');
  test.each(readdirSync(folder).filter((name) => name.endsWith('.yaml')))('in %s', (name) => {
    const list = loadAll(readFileSync(path.join(folder, name), 'utf8')).flatMap((document) => {
      const validation = validateDocument(document);
      return validation.ok ? [validation.firewall] : [];
    });
    const { objects: made } = compile(list, cluster);
    expect(made.length).toBeGreaterThan(0);
    check(made);
  });
});
