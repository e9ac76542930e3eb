import { describe, expect, test } from '@jest/globals';
import type { Guardrail } from '../../api/schema.ts';
import type { GeneratedObject } from '../../calico/types.ts';
import type { Inventory } from '../../inventory/types.ts';
import { compile } from '../compile.ts';
import { firewall } from '../testing/examples.ts';
import { clusterWith, CONTROL_PLANE, namespace, node } from '../testing/inventories.ts';

const known: Partial<Inventory> = {
  namespaces: [namespace('kube-system'), namespace('blog'), namespace('shop')],
  nodes: [
    node('cp', ['10.99.0.11'], CONTROL_PLANE),
    node('w1', ['10.99.0.12'], { edge: 'yes' }),
    node('w2', ['10.99.0.13']),
  ],
};
const only = (of: Partial<Guardrail>): Guardrail => ({ name: 'g', pods: {}, ports: ['All'], ...of });
const compiled = (guardrail: Guardrail, more: Partial<Inventory> = {}) => {
  const { objects, problems, frozen } = compile(
    [firewall({ guardrails: [guardrail] })],
    clusterWith({ ...known, ...more }),
  );
  const of = (id: string) => objects.filter(({ rules }) => rules.some((rule) => rule === id));
  return {
    own: of('default/guardrails/g').map(({ object }) => object),
    passes: of('default/defaults/pass').map(({ object }) => object),
    others: of('default/other-nodes/g').map(({ object }) => object),
    problems: problems.map(({ severity, reason, path }) => `${severity} ${reason} ${path}`),
    frozen,
  };
};
const orderOf = ({ spec }: GeneratedObject): unknown => ('types' in spec ? spec.order : undefined);

describe('a guardrail that names the only ends', () => {
  test('is one negation where the ends are labels', () => {
    const [policy, ...rest] = compiled(
      only({
        onlyFrom: [{ pods: { podSelector: { matchLabels: { app: 'a' } } } }, { entity: 'ControlPlane' }],
      }),
    ).own;
    expect(rest).toEqual([]);
    expect(policy?.spec).toMatchObject({
      types: ['Ingress'],
      ingress: [
        {
          action: 'Deny',
          source: {
            notSelector:
              "!has(projectcalico.org/created-by) && !has(projectcalico.org/namespace) && clusterfirewall.io/set == 'control-plane' || app == 'a' && projectcalico.org/orchestrator == 'k8s'",
          },
        },
      ],
    });
  });

  test('refuses the nodes that it does not name, next to addresses', () => {
    const nets = (onlyTo: Guardrail['onlyTo']) =>
      compiled(only({ onlyTo })).others.map(({ spec }) => ('nets' in spec ? spec.nets : undefined));
    expect(nets([{ entity: 'World' }])).toEqual([['10.99.0.11/32', '10.99.0.12/32', '10.99.0.13/32']]);
    expect(
      nets([{ entity: 'World' }, { entity: 'ControlPlane' }, { nodes: { matchLabels: { edge: 'yes' } } }]),
    ).toEqual([['10.99.0.13/32']]);
    expect(nets([{ ipBlock: { cidr: '198.51.100.0/24' } }, { entity: 'Nodes' }])).toEqual([]);
    expect(nets([{ entity: 'Pods' }])).toEqual([]);
  });

  test('with SameNamespace is a global policy for each namespace that is not exempt', () => {
    const { own } = compiled(only({ onlyTo: [{ entity: 'SameNamespace' }] }));
    expect(own.map(({ kind, metadata }) => `${kind} ${metadata.namespace ?? ''}`)).toEqual([
      'GlobalNetworkPolicy ',
      'GlobalNetworkPolicy ',
    ]);
    expect(own.map(({ spec }) => ('namespaceSelector' in spec ? spec.namespaceSelector : ''))).toEqual([
      expect.stringContaining("== 'blog'"),
      expect.stringContaining("== 'shop'"),
    ]);
  });

  test('comes after the pass of DNS and the API server, and before it where it judges them', () => {
    const open = compiled(only({ onlyTo: [{ entity: 'World' }] }));
    const last = Math.max(...open.own.map((each) => Number(orderOf(each))));
    const passing = open.passes.map(orderOf).map(Number);
    expect(Math.min(...passing)).toBeLessThan(last);
    expect(Math.max(...passing)).toBeGreaterThan(last);

    const judging = compiled(only({ onlyTo: [{ entity: 'World' }], defaults: 'Judged' }));
    expect(judging.passes).toHaveLength(1);
  });

  test.each<[what: string, of: Partial<Guardrail>, more: Partial<Inventory>, problem: string]>([
    [
      'an unknown peer',
      { onlyTo: [{ entity: 'Pods' }, { peer: 'nobody' }] },
      {},
      'problem UnknownPeer spec.guardrails[0].onlyTo[1].peer',
    ],
    [
      'no end left',
      { onlyFrom: [{ ipBlock: { cidr: '10.99.0.12/32' } }] },
      {},
      'problem ResolvesToNothing spec.guardrails[0].onlyFrom[0]',
    ],
    [
      'a port by name',
      { onlyTo: [{ entity: 'Pods' }], ports: ['http'] },
      {},
      'problem NamedPortNeedsPods spec.guardrails[0].ports',
    ],
    [
      'no endpoint of the API server',
      { onlyTo: [{ entity: 'KubeAPIServer' }] },
      { apiServerEndpoints: [] },
      'problem EntityUnresolved spec.guardrails[0].onlyTo[0].entity',
    ],
    [
      'more addresses than a negation holds',
      {
        onlyTo: Array.from({ length: 33 }, (_, index) => ({
          ipBlock: { cidr: `198.18.${String(index)}.0/24`, except: holes(index) },
        })),
      },
      {},
      'problem TooManyNames spec.guardrails[0]',
    ],
  ])('with %s is a problem as a whole, and what is stored stays', (_, of, more, problem) => {
    const { own, problems, frozen } = compiled(only(of), more);
    expect(own).toEqual([]);
    expect(problems).toContain(problem);
    expect(frozen).toContainEqual({ rule: 'default/guardrails/g' });
  });
});

/** Every second address of sixteen, so that they leave that many networks. */
function holes(third: number): string[] {
  return Array.from({ length: 8 }, (_, index) => `198.18.${String(third)}.${String(2 * index)}/32`);
}
