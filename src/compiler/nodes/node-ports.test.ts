import { describe, expect, test } from '@jest/globals';
import type { ClusterFirewall, IngressRule, Nodes } from '../../api/schema.ts';
import type { Rule } from '../../calico/types.ts';
import { compile } from '../compile.ts';
import type { Compilation } from '../types.ts';
import { clusterWith, namespace, node } from '../testing/inventories.ts';
import { ruleId } from '../names.ts';
import { knownOr } from '../../inventory/known.ts';

const cluster = clusterWith({ namespaces: [namespace('shop')], ipPools: ['10.244.0.0/16'] });
const ENFORCED: Nodes = { mode: 'Enforce' };
const web: IngressRule = {
  name: 'web',
  pods: {},
  from: [{ ipBlock: { cidr: '198.51.100.0/24' } }],
  ports: [8080],
  nodePorts: [30080],
  hostPorts: [443, '443/UDP'],
};
const firewall = (rule: IngressRule, nodes?: Nodes, name = 'default'): ClusterFirewall => ({
  metadata: { name },
  spec: {
    mode: 'Enforce',
    namespaces: [{ name: 'shop', namespaces: ['shop'], ingress: [rule] }],
    ...(nodes === undefined ? {} : { nodes }),
  },
});
const objectsOf = ({ objects }: Compilation, id: string) =>
  objects.filter(({ rules }) => rules.includes(ruleId(id))).map(({ object }) => object);
const policiesOf = (compilation: Compilation, id: string) =>
  objectsOf(compilation, id).filter(
    (object) => object.kind === 'GlobalNetworkPolicy' || object.kind === 'NetworkPolicy',
  );
const isPreDNAT = ({ spec }: { readonly spec: object }): boolean => 'preDNAT' in spec;
const atNodes = (compilation: Compilation, id = 'default/shop/ingress/web') =>
  policiesOf(compilation, id).filter(isPreDNAT);
const atPods = (compilation: Compilation, id = 'default/shop/ingress/web'): readonly Rule[] =>
  policiesOf(compilation, id).flatMap((object) => (isPreDNAT(object) ? [] : (object.spec.ingress ?? [])));

describe('nodePorts and hostPorts', () => {
  test('are opened before DNAT for the sources of the rule', () => {
    const compilation = compile([firewall(web, ENFORCED)], cluster);
    expect(compilation.problems).toEqual([]);
    const [policy, ...others] = atNodes(compilation);
    expect(others).toEqual([]);
    expect(policy?.spec).toMatchObject({ preDNAT: true, applyOnForward: true, tier: 'clusterfirewall' });
    expect(
      policy?.spec.ingress?.map(({ action, protocol, source, destination }) => [
        action,
        protocol,
        source?.nets,
        destination?.ports,
      ]),
    ).toEqual([
      ['Pass', 'TCP', ['198.51.100.0/24'], [443, 30080]],
      ['Pass', 'UDP', ['198.51.100.0/24'], [443]],
    ]);
  });

  test('with openAt, are open at these nodes and on the way to them, and pods let in these nodes alone', () => {
    const openAt = { nodeSelector: { matchLabels: { 'node-role.kubernetes.io/edge': '' } } };
    const edge = node('edge1', ['10.99.0.21'], openAt.nodeSelector.matchLabels);
    const rule: IngressRule = { ...web, nodePorts: [30080], openAt };
    const inventory = clusterWith({ ...cluster, nodes: [...knownOr(cluster.nodes, []), edge] });
    const compilation = compile([firewall(rule, ENFORCED)], inventory);
    expect(compilation.problems).toEqual([]);
    const set = expect.stringContaining("clusterfirewall.io/set == 'labelled-nodes-");
    const found = atNodes(compilation).map(({ spec }) => ({
      isAtEdge:
        ('selector' in spec && spec.selector.includes('has(node-role.kubernetes.io/edge)')) ||
        JSON.stringify(spec).includes("node-role.kubernetes.io/edge == ''"),
      to: [...new Set((spec.ingress ?? []).map(({ destination }) => destination?.selector))],
    }));
    expect(found).toEqual([
      { isAtEdge: true, to: [undefined] },
      { isAtEdge: false, to: [set] },
    ]);
    expect(atPods(compilation).map(({ source }) => source?.selector ?? source?.nets)).toEqual(
      expect.arrayContaining([['198.51.100.0/24'], set]),
    );
    expect(atPods(compilation).map(({ source }) => source?.selector)).not.toContainEqual(
      expect.stringContaining("== 'nodes'"),
    );
    const sets = compilation.objects.filter(({ rules }) => rules.some((id) => id.includes('labelled-nodes')));
    expect(sets.map(({ object }) => object.spec)).toEqual([{ nets: ['10.99.0.21/32'] }]);
  });

  test('are opened for all networks of a peer, in pieces that a rule may have', () => {
    const cidrs = Array.from({ length: 300 }, (_, index) => `2001:db8:0:${(index * 2).toString(16)}::/64`);
    const rule = { ...web, from: [{ peer: 'office' }], nodePorts: [30080], hostPorts: [] };
    const { metadata, spec } = firewall(rule, ENFORCED);
    const peers = [
      { name: 'other', cidrs: ['192.0.2.0/24'] },
      { name: 'office', cidrs },
    ];
    const policies = atNodes(compile([{ metadata, spec: { ...spec, peers } }], cluster));
    const nets = policies.flatMap(({ spec: { ingress = [] } }) =>
      ingress.map(({ source }) => source?.nets?.length),
    );
    expect(nets.toSorted()).toEqual([256, 44]);
  });

  test('let nodes reach the pods where there is a NodePort, because other nodes forward with their own address', () => {
    const sources = (rule: IngressRule) =>
      atPods(compile([firewall(rule, ENFORCED)], cluster)).map(({ source }) => source?.nets?.[0] ?? 'nodes');
    expect(sources(web)).toEqual(['198.51.100.0/24', 'nodes']);
    const { nodePorts, ...hostPortOnly } = web;
    expect(nodePorts).toBeDefined();
    expect(sources(hostPortOnly)).toEqual(['198.51.100.0/24']);
  });

  test('that are hostPorts are refused to others on every address, for rules of any firewall', () => {
    const team = firewall(web, undefined, 'team');
    const main: ClusterFirewall = {
      metadata: { name: 'default' },
      spec: { mode: 'Enforce', nodes: ENFORCED },
    };
    const compilation = compile([main, team], cluster);
    expect(atNodes(compilation, 'team/shop/ingress/web')).toHaveLength(1);
    const denied = objectsOf(compilation, 'default/nodes/deny').flatMap((object) =>
      object.kind === 'GlobalNetworkPolicy' ? (object.spec.ingress ?? []) : [],
    );
    expect(
      denied
        .filter(({ source }) => source !== undefined)
        .map(({ protocol, destination }) => [protocol, destination?.ports]),
    ).toEqual([
      ['TCP', ['30000:32767']],
      ['TCP', [443]],
      ['UDP', ['30000:32767']],
      ['UDP', [443]],
    ]);
  });

  test('of a source in the same namespace are for pods of the group, and for the nodes in front of them', () => {
    const compilation = compile(
      [firewall({ ...web, from: [{ entity: 'SameNamespace' }] }, ENFORCED)],
      cluster,
    );
    const selectors = new Set(
      atNodes(compilation).flatMap(({ spec }) => (spec.ingress ?? []).map(({ source }) => source?.selector)),
    );
    expect([...selectors]).toEqual([
      "projectcalico.org/namespace == 'shop' && projectcalico.org/orchestrator == 'k8s'",
      "!has(projectcalico.org/created-by) && clusterfirewall.io/set == 'nodes'",
    ]);
  });

  test.each([
    ['absent', undefined],
    ['Disabled', { mode: 'Disabled' } as const],
  ])('have no effect while nodes is %s, and a warning reports it', (_, nodes) => {
    const compilation = compile([firewall(web, nodes)], cluster);
    expect(atNodes(compilation)).toEqual([]);
    expect(atPods(compilation)).toHaveLength(1);
    expect(compilation.problems).toMatchObject([
      { severity: 'warning', reason: 'NoNodeFirewall', rule: 'default/shop/ingress/web' },
    ]);
  });

  test('of a rule with a problem are frozen as stored', () => {
    const compilation = compile([firewall({ ...web, from: [{ peer: 'nobody' }] }, ENFORCED)], cluster);
    expect(atNodes(compilation)).toEqual([]);
    expect(compilation.frozen).toContainEqual({ rule: 'default/shop/ingress/web' });
  });
});
