import { describe, expect, test } from '@jest/globals';
import type { EgressRule, Group } from '../../api/schema.ts';
import type { Inventory, ServiceInfo } from '../../inventory/types.ts';
import { compile } from '../compile.ts';
import { firewall, inventory } from '../testing/examples.ts';
import { namespace } from '../testing/inventories.ts';

const service = (name: string, of: Partial<ServiceInfo> = {}): ServiceInfo => ({
  namespace: 'data',
  name,
  selector: { app: name },
  clusterIPs: ['10.96.0.7'],
  ports: [{ protocol: 'TCP', port: 80, targetPort: 5432 }],
  ...of,
});
const to = (...named: readonly NonNullable<EgressRule['to'][number]['service']>[]): EgressRule => ({
  name: 'out',
  pods: {},
  to: named.map((each) => ({ service: each })),
  ports: ['All'],
});
const group = (rule: EgressRule, of: Partial<Group> = { namespaces: ['blog'] }): Group => ({
  name: 'blog',
  ...of,
  egress: [rule],
});
const namespaces = [namespace('blog', { team: 'a' }), namespace('shop', { team: 'a' }), namespace('data')];
const compiled = (of: Group, services: readonly ServiceInfo[] | undefined, more: Partial<Inventory> = {}) => {
  const { objects, problems, frozen } = compile([firewall({ namespaces: [of] })], {
    ...inventory(...namespaces),
    ...(services !== undefined && { services }),
    ...more,
  });
  const own = objects.filter(({ rules }) => rules.some((id) => id.startsWith('default/blog/')));
  return { own: own.map(({ object }) => object), problems, frozen };
};
/** Where each rule leads to: kind of policy, direction, selector and ports of the destination. */
const opened = (of: Group, services: readonly ServiceInfo[]) =>
  compiled(of, services).own.flatMap(({ kind, metadata, spec }) =>
    'types' in spec
      ? [...(spec.egress ?? []), ...(spec.ingress ?? [])].map(({ protocol, source, destination }) =>
          [
            kind,
            metadata.namespace ?? spec.selector,
            spec.types.join(),
            destination?.selector ?? `from ${source?.selector ?? ''}`,
            `${String(protocol)}/${String(destination?.ports)}`,
          ].join(' | '),
        )
      : [],
  );
const said = (of: Group, services: readonly ServiceInfo[] | undefined, more: Partial<Inventory> = {}) => {
  const { own, problems } = compiled(of, services, more);
  expect(own).toEqual([]);
  return problems.map(({ severity, reason, path, message }) => `${severity} ${reason} ${path}: ${message}`);
};

describe('a Service as destination', () => {
  test('is opened at both ends, by its selector and its target ports, each with its protocol', () => {
    const postgres = service('db', {
      ports: [
        { protocol: 'TCP', port: 80, targetPort: 5432 },
        { protocol: 'TCP', port: 81, targetPort: 'all' },
        { protocol: 'UDP', port: 81, targetPort: 53 },
      ],
    });
    const pods =
      "app == 'db' && projectcalico.org/namespace == 'data' && projectcalico.org/orchestrator == 'k8s'";
    const blog = "projectcalico.org/namespace == 'blog' && projectcalico.org/orchestrator == 'k8s'";
    expect(opened(group(to({ namespace: 'data', name: 'db' })), [postgres])).toEqual([
      `GlobalNetworkPolicy | app == 'db' | Ingress | from ${blog} | TCP/5432,all`,
      `GlobalNetworkPolicy | app == 'db' | Ingress | from ${blog} | UDP/53`,
      `NetworkPolicy | blog | Egress | ${pods} | TCP/5432,all`,
      `NetworkPolicy | blog | Egress | ${pods} | UDP/53`,
    ]);
  });

  test('keeps the names of its objects whatever it selects', () => {
    const names = (selector: Record<string, string>) =>
      compiled(group(to({ namespace: 'data', name: 'db' })), [service('db', { selector })]).own.map(
        ({ metadata }) => metadata.name,
      );
    expect(names({ app: 'db' })).toEqual(names({ app: 'other' }));
  });

  test('without a namespace is that of each namespace, in one policy there with whatever else is local', () => {
    const inside = to({ name: 'db' });
    const services = [
      service('db', { namespace: 'blog' }),
      service('db', { namespace: 'shop', selector: { app: 'mysql' } }),
      service('db'),
    ];
    const own = (policies: readonly string[]) =>
      policies.map((each) => each.split(' | ').toSpliced(2, 1).join(' '));
    expect(
      own(opened(group(inside, { namespaceSelector: { matchLabels: { team: 'a' } } }), services)),
    ).toEqual([
      `NetworkPolicy blog app == 'db' && projectcalico.org/orchestrator == 'k8s' TCP/5432`,
      `NetworkPolicy blog app == 'db' && projectcalico.org/orchestrator == 'k8s' TCP/5432`,
      `NetworkPolicy shop app == 'mysql' && projectcalico.org/orchestrator == 'k8s' TCP/5432`,
      `NetworkPolicy shop app == 'mysql' && projectcalico.org/orchestrator == 'k8s' TCP/5432`,
    ]);
    expect(opened(group(inside), services)[0]).toMatch(/^GlobalNetworkPolicy \| app == 'db' \| Ingress/);
  });

  test.each<[what: string, service: ServiceInfo | undefined, says: string]>([
    ['that does not exist', undefined, 'there is no Service data/db'],
    [
      'without a selector',
      { namespace: 'data', name: 'db', clusterIPs: [], ports: service('db').ports },
      'no selector',
    ],
    ['with an empty selector', service('db', { selector: {} }), 'no selector'],
    ['without ports', service('db', { ports: [], clusterIPs: [] }), 'no ports'],
  ])('%s opens nothing, and a warning says so', (_, found, says) => {
    const [only, ...others] = said(
      group(to({ namespace: 'data', name: 'db' })),
      found === undefined ? [] : [found],
    );
    expect(only).toContain('warning NoEffect spec.namespaces[0].egress[0].to[0].service: opens nothing: ');
    expect(only).toContain(says);
    expect(others).toEqual([]);
  });

  test('that no namespace of the group has', () => {
    expect(said(group(to({ name: 'db' }), { everyNamespace: true }), [])).toEqual([
      expect.stringContaining('no namespace of the group has a Service "db"'),
    ]);
  });

  test('of an unknown cluster is not shown, and a warning says so', () => {
    expect(said(group(to({ namespace: 'data', name: 'db' })), undefined)).toEqual([
      expect.stringContaining('warning ServicesUnknown spec.namespaces[0].egress[0].to[0].service: '),
    ]);
  });

  test.each<[what: string, rule: EgressRule, more: Partial<Inventory>, says: string]>([
    [
      'the API server’s',
      to({ namespace: 'default', name: 'kubernetes' }),
      {},
      'problem ResolvesToNothing spec.namespaces[0].egress[0].to[0].service: the API server is no pod behind its Service: write { entity: KubeAPIServer }',
    ],
    [
      'one with ports',
      { ...to({ name: 'db' }), ports: [5432] },
      {},
      'problem PortsNotAllowed spec.namespaces[0].egress[0].ports: a service stands for the ports that the Service leads to: write ports: [All], in a rule of its own',
    ],
    [
      'one next to another destination',
      { ...to({ name: 'db' }), to: [{ service: { name: 'db' } }, { entity: 'World' }] },
      {},
      'problem PortsNotAllowed spec.namespaces[0].egress[0].to[1]: would be open on every port',
    ],
    [
      'one of many that cannot be listed',
      to({ name: 'db' }),
      { unlistedKinds: ['services'] },
      'problem BackendsUnknown spec.namespaces[0].egress[0].to[0].service: the operator cannot list services',
    ],
    [
      'one of a snapshot without Services',
      to({ name: 'db' }),
      { unlistedKinds: ['Service'] },
      'problem BackendsUnknown spec.namespaces[0].egress[0].to[0].service: the operator cannot list services',
    ],
    [
      'one that cannot be read',
      to({ namespace: 'data', name: 'db' }),
      { unreadable: [{ kind: 'Service', name: 'data/db', field: 'spec', why: 'is odd', isLost: true }] },
      'problem UnreadableObject spec.namespaces[0].egress[0].to[0].service: Service data/db cannot be read',
    ],
  ])('%s is a problem, and the stored rules stay', (_, rule, more, says) => {
    const of = group(rule);
    expect(said(of, [service('db')], more)).toContainEqual(expect.stringContaining(says));
    expect(compiled(of, [service('db')], more).frozen).toContainEqual({ rule: 'default/blog/egress/out' });
  });

  test('of a namespace where it cannot be read holds nothing in the others', () => {
    const of = group(to({ name: 'db' }), { namespaces: ['blog', 'shop'] });
    const more: Partial<Inventory> = {
      unreadable: [{ kind: 'Service', name: 'shop/db', field: 'spec', why: 'is odd', isLost: true }],
    };
    const { own, problems } = compiled(of, [service('db', { namespace: 'blog' })], more);
    expect(own.map(({ metadata }) => metadata.namespace)).toEqual(['blog']);
    expect(problems.map(({ reason }) => reason)).toEqual(['UnreadableObject']);
  });
});
