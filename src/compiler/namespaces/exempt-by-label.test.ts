import { describe, expect, test } from '@jest/globals';
import { compile } from '../compile.ts';
import { firewall } from '../testing/examples.ts';
import { clusterWith } from '../testing/inventories.ts';

const named = (name: string, labels: Readonly<Record<string, string>> = {}) => ({
  name,
  labels: { 'kubernetes.io/metadata.name': name, ...labels },
});
const cluster = clusterWith({ namespaces: [named('shop'), named('platform', { platform: 'yes' })] });
const main = firewall({
  defaults: { exempt: { namespaceSelector: { matchLabels: { platform: 'yes' } } } },
  guardrails: [{ name: 'corp', pods: {}, to: [{ ipBlock: { cidr: '192.0.2.0/24' } }], ports: ['All'] }],
  namespaces: [{ name: 'all', everyNamespace: true, isolation: 'SameNamespace' }],
});

describe('a namespace that is exempt by its label', () => {
  const { objects, problems, summaries } = compile([main], cluster);

  test('is listed by name, with the label', () => {
    expect(problems).toMatchObject([
      {
        severity: 'warning',
        reason: 'ExemptByLabel',
        rule: 'default/defaults/exempt/platform',
        path: 'spec.defaults.exempt.namespaceSelector',
      },
    ]);
    expect(problems[0]?.message).toContain(
      'namespace "platform" is exempt because of its labels (platform=yes)',
    );
    expect(summaries).toMatchObject([{ namespaces: { enforced: 1, observed: 0, exempt: 1 } }]);
  });

  test('is not listed where it is exempt by name as well', () => {
    const labelled = [named('kube-system', { platform: 'yes' }), named('istio', { platform: 'yes' })];
    const exempt = { ...main.spec.defaults?.exempt, names: ['istio'] };
    const listed = (of: object) =>
      compile(
        [firewall({ defaults: { exempt: { ...exempt, ...of } } })],
        clusterWith({ namespaces: labelled }),
      )
        .problems.filter(({ reason }) => reason === 'ExemptByLabel')
        .map(({ rule }) => rule);
    expect(listed({})).toEqual([]);
    expect(listed({ systemNamespaces: 'None' })).toEqual(['default/defaults/exempt/kube-system']);
  });

  test('is left out of every policy by its label, guardrails too, so that one made later is left out at once', () => {
    const policies = objects.flatMap(({ object }) => ('types' in object.spec ? [object] : []));
    expect(policies.length).toBeGreaterThan(4);
    for (const { metadata, spec } of policies) {
      if (metadata.namespace !== undefined) expect(metadata.namespace).toBe('shop');
      else expect('namespaceSelector' in spec && spec.namespaceSelector).toContain("platform != 'yes'");
    }
  });
});
