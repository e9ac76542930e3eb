import { expect, test } from '@jest/globals';
import type { Rule } from '../../calico/types.ts';
import { compiled, policies } from '../../compiler/testing/compiled-nodes.ts';
import { TIER } from '../../compiler/names.ts';
import type { DesiredObject } from '../../compiler/types.ts';
import { allow, deny, finalDeny, live, nodeAllow, set, storedObject } from '../testing/objects.ts';
import { nodeShadows, shadowName } from './node-shadows.ts';

const compilation = compiled({ blocked: [{ ipBlock: { cidr: '203.0.113.0/24' } }] });
const shadows = nodeShadows(compilation.objects.map((each) => storedObject(each)));
const shadowedRules = (name: string): readonly Rule[] => {
  const spec = shadows.get(name)?.object.spec;
  return spec !== undefined && 'ingress' in spec ? (spec.ingress ?? []) : [];
};

test('a shadow of a block says what the block says', () => {
  for (const { metadata, spec } of policies(compilation, 'default/nodes/blocked'))
    expect(shadowedRules(metadata.name)).toEqual(spec.ingress);
});

test('a shadow of a final policy denies what it denies, and leaves the rest to the new one', () => {
  for (const { metadata, spec } of policies(compilation, 'default/nodes/deny')) {
    expect(spec.ingress?.at(-1)?.action).toBe('Pass');
    expect(shadowedRules(metadata.name)).toEqual(spec.ingress?.slice(0, -1));
  }
});

const shadowsOf = (...policies: readonly DesiredObject[]) =>
  nodeShadows(policies.map((each) => storedObject(each)));

test.each([
  ['an allow', nodeAllow({ name: 'zone' }), 'nodeShadow'],
  ['a block', nodeAllow({ name: 'zone', rules: ['default/nodes/blocked'] }), 'nodeShadow'],
  ['a block at pods', nodeAllow({ name: 'zone', rules: ['default/nodes/pods'] }), 'podShadow'],
  ['a last policy that denies', finalDeny(), 'finalShadow'],
  ['a last policy that observes', finalDeny('Allow'), 'finalShadow'],
])('a shadow is ours and stands for a policy of nodes: %s', (_, policy, role) => {
  const { name } = policy.object.metadata;
  const shadow = shadowsOf(policy).get(name);
  if (shadow === undefined) throw new Error('no shadow');
  expect(shadow).toMatchObject({
    firewall: 'default',
    object: { apiVersion: 'projectcalico.org/v3', kind: 'GlobalNetworkPolicy' },
  });
  expect(shadow.object.spec).toEqual(policy.object.spec);
  expect(shadow.object.metadata.name).toBe(shadowName('default', name));
  expect(live(shadow)).toMatchObject({ ours: true, role, firewall: 'default', rules: shadow.rules });
});

test('a shadow of a last policy that denies nothing denies nothing', () => {
  const observing = finalDeny('Pass');
  expect(shadowsOf(observing).get('last')?.object.spec).toEqual(observing.object.spec);
});

test('a shadow stands for a policy that somebody stripped of its firewall', () => {
  const policy = nodeAllow({ name: 'zone' });
  const labels = { 'app.kubernetes.io/managed-by': 'clusterfirewall' };
  const stripped = { ...policy.object, metadata: { name: 'zone', labels } };
  expect(shadowsOf({ ...policy, object: stripped }).get('zone')).toMatchObject({
    firewall: '',
    rules: ['/nodes/bridge-from'],
    object: { metadata: { name: shadowName('', 'zone') } },
  });
});

test('shadows have names in the tier, one for each policy', () => {
  const name = shadowName('default', `${TIER}.cfw-zone`);
  expect(name).toMatch(/^clusterfirewall\.cfw-default-nodes-bridge-from-cfw-zone-[^.]+$/);
  expect(shadowName('default', `${TIER}.cfw-other`)).not.toBe(name);
  expect(shadowName('team', `${TIER}.cfw-zone`)).not.toBe(name);
});

const elsewhere = (policy: DesiredObject, tier: string): DesiredObject => ({
  ...policy,
  object: { ...policy.object, spec: { ...policy.object.spec, tier } } as DesiredObject['object'],
});

test.each([
  ['a guardrail', deny({ name: 'guard' }, TIER)],
  ['a policy in another tier', elsewhere(nodeAllow({ name: 'zone' }), 'default')],
  [
    'a policy of a namespace',
    elsewhere(allow({ name: 'a', namespace: 'shop', rules: ['default/nodes/blocked'] }), TIER),
  ],
  ['a set', set({ name: 'judged', rules: ['default/nodes/judged'] })],
])('%s has none', (_, stored) => {
  expect([...shadowsOf(stored)]).toEqual([]);
});
