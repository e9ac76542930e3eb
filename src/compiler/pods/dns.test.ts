import { describe, expect, test } from '@jest/globals';
import type { Rule } from '../../calico/types.ts';
import { UNKNOWN } from '../../inventory/known.ts';
import type { Inventory, ServiceInfo } from '../../inventory/types.ts';
import { ruleId } from '../names.ts';
import { compile } from '../compile.ts';
import { firewall, inventory } from '../testing/examples.ts';
import { namespace } from '../testing/inventories.ts';
import type { Spec } from '../../api/schema.ts';

const kubeDns: ServiceInfo = {
  namespace: 'kube-system',
  name: 'kube-dns',
  selector: { 'k8s-app': 'kube-dns' },
  clusterIPs: ['10.96.0.10', 'fd00:96::a'],
  ports: [
    { protocol: 'UDP', port: 53, targetPort: 53 },
    { protocol: 'TCP', port: 53, targetPort: 53 },
    { protocol: 'TCP', port: 9153, targetPort: 9153 },
  ],
};
const known = (...services: readonly ServiceInfo[]): Inventory => ({
  ...inventory(namespace('blog'), namespace('kube-system')),
  services,
});

/** The set of DNS Services, and the rules that allow its addresses. */
function services(inventoryOfTest: Inventory, defaults: Spec['defaults'] = {}) {
  const { objects, problems } = compile([firewall({ defaults })], inventoryOfTest);
  const [set, ...more] = objects.filter(
    ({ rules }) => rules[0]?.startsWith('default/dns-services/') === true,
  );
  expect(more).toEqual([]);
  const clients = objects.find(
    ({ object, rules }) =>
      object.kind === 'GlobalNetworkPolicy' && rules.includes(ruleId('default/defaults/dns')),
  )?.object;
  const egress: readonly Rule[] =
    clients !== undefined && 'egress' in clients.spec ? (clients.spec.egress ?? []) : [];
  const ports = egress
    .filter(({ destination }) => destination?.selector?.includes('dns-services') === true)
    .map(({ protocol, destination }) => [protocol, destination?.ports, destination?.namespaceSelector]);
  const nets = set?.object.kind === 'GlobalNetworkSet' ? set.object.spec.nets : undefined;
  return { name: set?.object.metadata.name, nets, keeps: set?.keepsAddresses, ports, problems };
}

/** The Service without a selector. */
function without({ namespace: inNamespace, name, clusterIPs, ports }: ServiceInfo): ServiceInfo {
  return { namespace: inNamespace, name, clusterIPs, ports };
}

describe('Services in front of the DNS pods', () => {
  test('may be asked at their addresses, on the ports that lead to DNS', () => {
    expect(services(known(kubeDns))).toMatchObject({
      nets: ['10.96.0.10/32', 'fd00:96::a/128'],
      keeps: undefined,
      ports: [
        ['TCP', [53], 'global()'],
        ['UDP', [53], 'global()'],
      ],
      problems: [],
    });
  });

  test('are those whose own selector satisfies dns.podSelector, in namespaces of dns.namespaceSelector', () => {
    const others: readonly ServiceInfo[] = [
      { ...kubeDns, namespace: 'blog', clusterIPs: ['10.96.0.11'] },
      { ...kubeDns, name: 'other', selector: { 'k8s-app': 'metrics' }, clusterIPs: ['10.96.0.12'] },
      { ...kubeDns, name: 'headless', clusterIPs: [] },
      {
        ...kubeDns,
        name: 'metrics',
        clusterIPs: ['10.96.0.15'],
        ports: [{ protocol: 'TCP', port: 53, targetPort: 9153 }],
      },
      {
        ...kubeDns,
        name: 'narrower',
        selector: { 'k8s-app': 'kube-dns', zone: 'a' },
        clusterIPs: ['10.96.0.13'],
        ports: [{ protocol: 'UDP', port: 5353, targetPort: 'dns' }],
      },
    ];
    const bare = without({ ...kubeDns, clusterIPs: ['10.96.0.14'] });
    expect(services(known(...others, bare))).toMatchObject({
      nets: ['10.96.0.13/32'],
      ports: [['UDP', [5353], 'global()']],
    });
  });

  test('have a set of their own for each dns, which is empty without them', () => {
    const gone = services(known());
    expect(gone).toMatchObject({
      nets: [],
      keeps: undefined,
      ports: [
        ['TCP', [53], 'global()'],
        ['UDP', [53], 'global()'],
      ],
    });
    expect(gone.name).toBe(services(known(kubeDns)).name);
    const other = services(known(), { dns: { podSelector: { matchLabels: { app: 'dns' } } } });
    expect(other.name).not.toBe(gone.name);
  });

  test('keep their addresses while a Service cannot be read', () => {
    const flaw = { kind: 'Service', name: 'kube-system/x', field: 'spec.clusterIPs[0]', why: 'is no text' };
    const lost = { ...known(kubeDns), unreadable: [{ ...flaw, isLost: true }] };
    expect(services(lost)).toMatchObject({ nets: ['10.96.0.10/32', 'fd00:96::a/128'], keeps: true });
  });

  test('are found while namespaces are unknown', () => {
    const offline: Inventory = { ...known(kubeDns), namespaces: UNKNOWN };
    expect(services(offline).nets).toEqual(['10.96.0.10/32', 'fd00:96::a/128']);
  });

  test('count for pods alone: a range in dns.ports covers a Service’s target', () => {
    const wide = services(known(kubeDns), { dns: { ports: ['9000-9200'] } });
    expect(wide.ports).toEqual([['TCP', [9153], 'global()']]);
  });

  test('have no policy where egress is not denied', () => {
    expect(services(known(kubeDns), { deny: 'Ingress' })).toMatchObject({ nets: undefined, ports: [] });
  });
});

test('nodes may ask a DNS server that is under the default deny', () => {
  const { objects } = compile(
    [firewall({ defaults: { exempt: { systemNamespaces: 'None' } } })],
    known(kubeDns),
  );
  const servers = objects.filter(
    ({ object }) => object.metadata.name.startsWith('cfw-default-defaults-dns-') && 'ingress' in object.spec,
  );
  expect(JSON.stringify(servers)).toContain("clusterfirewall.io/set == 'nodes'");
  expect(objects.map(({ rules }) => rules[0])).toContain('default/nodes');
});
