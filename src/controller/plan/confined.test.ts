import { describe, expect, test } from '@jest/globals';
import type { Spec } from '../../api/schema.ts';
import { compile } from '../../compiler/compile.ts';
import { firewall } from '../../compiler/testing/examples.ts';
import { clusterWith } from '../../compiler/testing/inventories.ts';
import type { GeneratedObject } from '../../calico/types.ts';
import { asStored, projected } from '../testing/objects.ts';
import { fromStored, transition } from './transition.ts';

const cluster = clusterWith({
  namespaces: ['a', 'b', 'c'].map((name) => ({ name, labels: { 'kubernetes.io/metadata.name': name } })),
});
const office = { name: 'office', cidrs: ['192.0.2.0/24'] };
const web = { name: 'web', pods: {}, from: [{ peer: 'office' }], ports: ['443/TCP'] };
const guardrail = { name: 'corp', pods: {}, to: [{ peer: 'office' }], ports: ['All'] };
const before: Spec = {
  mode: 'Enforce',
  peers: [office],
  guardrails: [guardrail],
  namespaces: [
    { name: 'all', everyNamespace: true, ingress: [web] },
    { name: 'a', namespaces: ['a'], ingress: [web] },
    { name: 'b', namespaces: ['b'], ingress: [web] },
  ],
};
/** The same, and the peer has gone, so every rule that names it has a problem. */
const broken = (more: Partial<Spec>): Spec => ({ ...before, peers: [], ...more });

type Policies = ReadonlyMap<string, GeneratedObject>;
const isPolicy = ({ kind }: GeneratedObject): boolean =>
  kind === 'GlobalNetworkPolicy' || kind === 'NetworkPolicy';

/** Writes all steps of the way from what is stored to what the spec asks for; waves and pauses apart. */
function changed(stored: Policies, spec: Spec): Policies {
  const objects = new Map(stored);
  for (let round = 0; round < 20; round++) {
    const { objects: desired, frozen, reach } = compile([firewall(spec)], cluster);
    const kinds = [...objects.values()].map((object) => [object.kind, asStored(object)] as const);
    const whole = kinds.map(([, object]) => object);
    const { plan } = transition({
      desired,
      frozen,
      reach,
      live: kinds.map(([kind, object]) => projected(kind, object)),
      firewalls: new Set(['default']),
      isClosedNamespace: () => false,
      ignoresWaves: () => false,
      fromStored: fromStored(whole),
    });
    if (plan.phases.length === 0) return objects;
    for (const step of plan.phases.flat()) {
      if (step.action === 'apply') objects.set(step.id, step.desired.object);
      else objects.delete(step.id);
    }
  }
  throw new Error('the change does not end');
}

const inForce = (stored: Policies, rule: string): readonly GeneratedObject[] =>
  [...stored.values()].filter(
    (object) =>
      isPolicy(object) && (object.metadata.annotations?.['clusterfirewall.io/rules'] ?? '').includes(rule),
  );
const enforced = changed(new Map(), before);

describe('rules that a problem holds', () => {
  test('stay where the default deny stays', () => {
    const stored = changed(enforced, broken({}));
    for (const rule of ['default/all/ingress/web', 'default/a/ingress/web', 'default/guardrails/corp'])
      expect([rule, inForce(stored, rule)]).toEqual([rule, inForce(enforced, rule)]);
    expect(inForce(stored, 'default/all/ingress/web')).toHaveLength(1);
  });

  test('go where nothing is enforced any more', () => {
    const stored = changed(enforced, broken({ mode: 'Observe' }));
    expect([...stored.values()].filter(isPolicy).map(({ metadata }) => metadata.name)).toEqual([]);
  });

  test('act only where something is still enforced', () => {
    const [all, a, b] = before.namespaces ?? [];
    const namespaces = [all, { ...a, mode: 'Enforce' }, b] as Spec['namespaces'];
    const stored = changed(enforced, broken({ mode: 'Observe', namespaces }));
    expect(inForce(stored, 'default/a/ingress/web')).toEqual(inForce(enforced, 'default/a/ingress/web'));
    expect(inForce(stored, 'default/b/ingress/web')).toMatchObject([
      {
        spec: {
          namespaceSelector:
            "has(projectcalico.org/name) && kubernetes.io/metadata.name == 'a' && kubernetes.io/metadata.name == 'b'",
        },
      },
    ]);
    for (const rule of ['default/all/ingress/web', 'default/guardrails/corp']) {
      const [policy] = inForce(stored, rule);
      const [former] = inForce(enforced, rule);
      expect(policy?.spec).toMatchObject({
        namespaceSelector: expect.stringContaining("kubernetes.io/metadata.name == 'a'"),
      });
      expect({ ...policy?.spec, namespaceSelector: '' }).toEqual({ ...former?.spec, namespaceSelector: '' });
    }
  });

  test('refuse nothing in a direction that is no longer closed', () => {
    const stored = changed(enforced, broken({ defaults: { deny: 'Egress' } }));
    expect(inForce(stored, 'default/all/ingress/web')).toEqual([]);
    expect(inForce(stored, 'default/guardrails/corp')).toHaveLength(1);
  });

  test('come back as a whole when the problem has gone', () => {
    const observed = changed(enforced, broken({ mode: 'Observe' }));
    expect(new Map(changed(observed, before))).toEqual(enforced);
  });
});
