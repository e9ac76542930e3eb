import { describe, expect, test } from '@jest/globals';
import type { ClusterFirewall, Group } from '../../api/schema.ts';
import type { GeneratedObject } from '../../calico/types.ts';
import { UNKNOWN } from '../../inventory/known.ts';
import type { Inventory } from '../../inventory/types.ts';
import { compile } from '../compile.ts';
import { firewall, inventory, web } from '../testing/examples.ts';
import { namespace } from '../testing/inventories.ts';
import { ruleId } from '../names.ts';

const known = inventory(namespace('blog', { team: 'a' }), namespace('shop', { team: 'b' }));
const shop = { pods: { namespaceSelector: { matchLabels: { team: 'b' } } } };
const bySelector: Group = {
  name: 'blog',
  namespaceSelector: { matchLabels: { team: 'a' } },
  ingress: [{ name: 'in', pods: {}, from: [shop], ports: [80] }],
};
const out: Group = {
  name: 'blog',
  namespaces: ['blog'],
  egress: [{ name: 'out', pods: {}, to: [shop], ports: [80] }],
};

/** Kind, direction and the namespaces of each policy that carries a rule of the group. */
const policiesOf = (firewalls: readonly ClusterFirewall[], name = 'default') =>
  compile(firewalls, known)
    .objects.filter(({ rules }) => rules.some((id) => id.startsWith(`${name}/blog/`)))
    .map(({ object }) => `${object.kind} ${directionsOf(object)} ${whereOf(object)}`);
const directionsOf = ({ spec }: GeneratedObject): string => ('types' in spec ? spec.types.join() : '');
const whereOf = ({ spec, metadata }: GeneratedObject): string =>
  ('namespaceSelector' in spec ? spec.namespaceSelector : undefined) ?? metadata.namespace ?? '';

describe('a rule has two sides', () => {
  test('ingress: one at its pods, one at the pods that send', () => {
    const [peers, own] = policiesOf([firewall({ namespaces: [web] })]);
    expect(own).toBe('NetworkPolicy Ingress blog');
    expect(peers).toMatch(/^GlobalNetworkPolicy Egress .*role == 'edge'/);
  });

  test('egress: one at its pods, one at the pods that receive', () => {
    const [peers, own] = policiesOf([firewall({ namespaces: [out] })]);
    expect(own).toBe('NetworkPolicy Egress blog');
    expect(peers).toMatch(/^GlobalNetworkPolicy Ingress .*team == 'b'/);
  });

  test('the second one is staged in namespaces that are observed', () => {
    const observing: Group = { name: 'trial', namespaces: ['shop'], mode: 'Observe' };
    const staged = policiesOf([firewall({ namespaces: [out, observing] })]).filter((text) =>
      text.startsWith('Staged'),
    );
    expect(staged).toEqual([expect.stringMatching(/^StagedGlobalNetworkPolicy Ingress .*'shop'/)]);
  });

  test('both are staged where another firewall observes', () => {
    const observer: ClusterFirewall = {
      metadata: { name: 'team' },
      spec: { mode: 'Observe', namespaces: [bySelector] },
    };
    expect(policiesOf([firewall({}), observer], 'team').toSorted()).toEqual([
      expect.stringMatching(/^StagedGlobalNetworkPolicy Egress .*team == 'b'$/),
      expect.stringMatching(/^StagedGlobalNetworkPolicy Ingress .*team == 'a'$/),
    ]);
  });
});

test('a rule inside a namespace has all its sources in one policy', () => {
  const app = (name: string) => ({ podSelector: { matchLabels: { app: name } } });
  const from = ['a', 'b', 'c'].map((name) => ({ pods: app(name) }));
  const rule = { name: 'in', pods: { matchLabels: { app: 'web' } }, from, ports: [80] };
  const group: Group = { name: 'blog', namespaces: ['blog'], ingress: [rule] };
  const { objects } = compile([firewall({ namespaces: [group] })], known);
  const [policy, ...others] = objects
    .filter(({ rules }) => rules.includes(ruleId('default/blog/ingress/in')))
    .map(({ object: { spec } }) => ('ingress' in spec ? spec.ingress : undefined));
  expect(others).toEqual([]);
  expect(policy?.map(({ source }) => /app == '(.)'/.exec(source?.selector ?? '')?.[1])).toEqual([
    'a',
    'b',
    'c',
  ]);
});

describe('a group is warned of namespaces', () => {
  const local: Group = {
    ...bySelector,
    connections: [{ name: 'db', fromPods: {}, toPods: {}, ports: [5432] }],
  };
  const warnings = (group: Group, of: Inventory) =>
    compile([firewall({ namespaces: [group] })], of).problems.map(
      ({ severity, reason, path }) => `${severity} ${reason} ${path}`,
    );
  const path = 'spec.namespaces[0].namespaceSelector';
  const unknown: Inventory = { ...known, namespaces: UNKNOWN };

  test.each<[what: string, group: Group, of: Inventory, ...warnings: string[]]>([
    ['that match', bySelector, known],
    ['that nothing matches', bySelector, inventory(), `warning NoNamespaceMatches ${path}`],
    ['that exist', out, known],
    ['that do not exist', out, inventory(), 'warning NamespaceNotFound spec.namespaces[0].namespaces[0]'],
    [
      'that do not exist, and are too many to name',
      { ...out, namespaces: Array.from({ length: 21 }, (_, index) => `n${String(index)}`) },
      inventory(),
      'warning NamespaceNotFound spec.namespaces[0].namespaces',
    ],
    ['that are not known', bySelector, unknown],
    ['that are not known, with rules inside each', local, unknown, `warning NamespacesUnknown ${path}`],
    ['that are not known, but named', { ...out, connections: local.connections }, unknown],
  ])('%s', (_, group, of, ...expected) => {
    expect(warnings(group, of)).toEqual(expected);
  });
});
