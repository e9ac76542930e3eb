/**
 * An import of policies opens only flows that were open before, apart from DNS: every class of packets between every
 * class of ends, by the simulator. It closes only flows that no rule has named.
 */
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { FEWER } from '../../compiler/testing/runs.ts';
import { ImportError } from '../../importing/result.ts';
import { importPolicies } from '../../importing/policies/import.ts';
import { parseCidr } from '../../net/cidr.ts';
import { changeText, type PlainCluster, Worlds } from './testing/policies.ts';

const CLUSTER: PlainCluster = {
  namespaces: { shop: { team: 'a' }, bank: { team: 'b' }, edge: { role: 'ingress' } },
  pods: [
    { name: 'shop/web', labels: { app: 'web' }, ports: { http: 8080 } },
    { name: 'shop/db', labels: { app: 'db', tier: 'data' }, serviceAccount: 'robot' },
    { name: 'bank/web', labels: { app: 'web' } },
    { name: 'bank/plain' },
    { name: 'edge/proxy', labels: { app: 'proxy' } },
  ],
};
const KNOWN = {
  pods: ['10.244.0.0/16', 'fd00:244::/48'].map(parseCidr),
  nodes: ['10.99.0.0/24', 'fd00:99::/64'].map(parseCidr),
  interfaces: new Map(),
  ipv4Only: false,
};

const selectors = fc.constantFrom(
  'all()',
  "app == 'web'",
  "app != 'web'",
  "app in {'web', 'db'} && has(tier)",
  '!has(tier)',
  "app == 'db' || app == 'proxy'",
  "app starts with 'w'",
  "!(app == 'web' && !has(tier))",
);
const namespaceSelectors = fc.constantFrom(
  'all()',
  "team == 'a'",
  "kubernetes.io/metadata.name not in {'kube-system', 'calico-system'}",
  'has(role)',
  "projectcalico.org/name == 'shop'",
);
const nets = fc.constantFrom('0.0.0.0/0', '::/0', '10.0.0.0/8', '10.244.0.0/16', '198.51.100.0/24');

const calicoEnd = fc.record(
  {
    selector: selectors,
    namespaceSelector: namespaceSelectors,
    nets: fc.array(nets, { minLength: 1, maxLength: 2 }),
    notNets: fc.array(nets, { minLength: 1, maxLength: 1 }),
    serviceAccounts: fc.constant({ names: ['robot'] }),
  },
  { requiredKeys: [] },
);

const ports = fc.array(fc.constantFrom<number | string>(80, 8080, '8000:9000', 'http'), {
  minLength: 1,
  maxLength: 2,
});

const calicoRule = fc
  .record({
    action: fc.constantFrom('Allow', 'Allow', 'Allow', 'Deny', 'Pass', 'Log'),
    protocol: fc.constantFrom('TCP', 'UDP', 'ICMP', undefined),
    source: fc.option(calicoEnd, { nil: undefined }),
    destination: fc.option(calicoEnd, { nil: undefined }),
    ports: fc.option(ports, { nil: undefined }),
  })
  .map(({ action, protocol, source, destination, ports: list }) => ({
    action,
    ...(protocol !== undefined && { protocol }),
    ...(source !== undefined && { source }),
    ...((destination !== undefined || list !== undefined) && {
      destination: { ...destination, ...(list !== undefined && protocol === 'TCP' && { ports: list }) },
    }),
  }));

const types = fc.constantFrom<readonly string[]>(['Ingress'], ['Egress'], ['Ingress', 'Egress']);
const rules = fc.array(calicoRule, { maxLength: 3 });
const metadataOf = (index: number, namespace?: string) => ({
  name: `p${String(index)}`,
  ...(namespace !== undefined && { namespace }),
});

const calicoPolicies = fc
  .array(
    fc.record({
      namespace: fc.constantFrom('shop', 'bank', undefined),
      order: fc.constantFrom(10, 20, undefined),
      selector: selectors,
      namespaceSelector: fc.option(namespaceSelectors, { nil: undefined }),
      types,
      ingress: rules,
      egress: rules,
    }),
    { minLength: 1, maxLength: 4 },
  )
  .map((list) =>
    list.map(({ namespace, order, namespaceSelector, types: own, ...spec }, index) => ({
      apiVersion: 'projectcalico.org/v3',
      kind: namespace === undefined ? 'GlobalNetworkPolicy' : 'NetworkPolicy',
      metadata: metadataOf(index, namespace),
      spec: {
        ...(order !== undefined && { order }),
        selector: spec.selector,
        ...(namespace === undefined && namespaceSelector !== undefined && { namespaceSelector }),
        types: own,
        ...(own.includes('Ingress') && { ingress: spec.ingress }),
        ...(own.includes('Egress') && { egress: spec.egress }),
      },
    })),
  );

const labelSelector = fc.constantFrom(
  {},
  { matchLabels: { app: 'web' } },
  { matchExpressions: [{ key: 'tier', operator: 'DoesNotExist' }] },
  { matchExpressions: [{ key: 'app', operator: 'NotIn', values: ['db'] }] },
);
const peer = fc.oneof(
  fc.record({ podSelector: labelSelector }),
  fc.record({
    namespaceSelector: fc.constantFrom(
      {},
      { matchLabels: { team: 'a' } },
      { matchLabels: { role: 'ingress' } },
    ),
  }),
  fc.record({
    podSelector: labelSelector,
    namespaceSelector: fc.constantFrom({}, { matchLabels: { team: 'b' } }),
  }),
  fc.record({
    ipBlock: fc.constantFrom(
      { cidr: '0.0.0.0/0', except: ['169.254.169.254/32'] },
      { cidr: '198.51.100.0/24' },
      { cidr: '::/0' },
    ),
  }),
);
const kubernetesRules = (key: 'from' | 'to') =>
  fc.array(
    fc.record({
      [key]: fc.array(peer, { maxLength: 2 }),
      ports: fc.array(
        fc.constantFrom<object>(
          { port: 80 },
          { port: 'http' },
          { protocol: 'UDP', port: 53 },
          { port: 8000, endPort: 9000 },
        ),
        { maxLength: 2 },
      ),
    }),
    { maxLength: 2 },
  );
const networkPolicies = fc
  .array(
    fc.record({
      namespace: fc.constantFrom('shop', 'bank', 'edge'),
      podSelector: labelSelector,
      policyTypes: types,
      ingress: kubernetesRules('from'),
      egress: kubernetesRules('to'),
    }),
    { minLength: 1, maxLength: 5 },
  )
  .map((list) =>
    list.map(({ namespace, ...spec }, index) => ({
      apiVersion: 'networking.k8s.io/v1',
      kind: 'NetworkPolicy',
      metadata: metadataOf(index, namespace),
      spec: {
        podSelector: spec.podSelector,
        policyTypes: spec.policyTypes,
        ...(spec.policyTypes.includes('Ingress') && { ingress: spec.ingress }),
        ...(spec.policyTypes.includes('Egress') && { egress: spec.egress }),
      },
    })),
  );

function imported(policies: readonly unknown[]) {
  const documents = policies.map((value) => ({ file: 'policies', value, lineOf: () => 1 }));
  return importPolicies('calico', documents, KNOWN);
}

describe('an import of policies', () => {
  test.each([
    ['Calico', calicoPolicies],
    ['Kubernetes', networkPolicies],
  ] as const)('opens what they open, and never more: %s', (_, arbitrary) => {
    fc.assert(
      fc.property<[readonly object[]]>(arbitrary as fc.Arbitrary<readonly object[]>, (policies) => {
        const { spec } = imported(policies);
        expect(new Worlds(CLUSTER, policies, spec).opened()).toEqual([]);
      }),
      FEWER,
    );
  });

  test('closes nothing that a rule of NetworkPolicies has opened at both ends', () => {
    fc.assert(
      fc.property(networkPolicies, (policies) => {
        const { spec, differences } = imported(policies);
        const isClosed = new Worlds(CLUSTER, policies, spec)
          .changes()
          .filter(({ kind }) => kind === 'closes');
        const said = differences.map(({ what }) => what.replace(/:.*/, ''));
        const isSelected = (pod: string, type: string): boolean =>
          policies.some(
            ({ metadata, spec: own }) =>
              pod.startsWith(`${String(metadata.namespace)}/`) &&
              own.policyTypes.includes(type) &&
              Object.keys(own.podSelector).length === 0,
          );
        for (const change of isClosed) {
          const ends = [
            ...(change.from.kind === 'pods'
              ? change.from.names.map((name) => isSelected(name, 'Egress'))
              : []),
            ...(change.to.kind === 'pods' ? change.to.names.map((name) => isSelected(name, 'Ingress')) : []),
          ];
          // A flow that policies at both of its ends had to allow is still allowed, or the table names why not.
          const isExplained =
            ends.some((isEnd) => !isEnd) ||
            change.ports.every((port) => port === 'other protocols') ||
            said.some((what) => /one IP family|metadata API/.test(what));
          expect([changeText(change), isExplained]).toEqual([changeText(change), true]);
        }
      }),
      FEWER,
    );
  });

  test('says it where there is no policy', () => {
    expect(() => imported([])).toThrow(ImportError);
  });
});
