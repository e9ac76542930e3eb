/**
 * The rights that docs/security.md grants to a tenant and to a kubelet, and no more. The tenant changes the Services
 * and pods of one namespace, the kubelet the labels of its Node. Only the flows that are named there change.
 */
import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import type { ClusterFirewall } from '../api/schema.ts';
import { UNKNOWN } from '../inventory/known.ts';
import type { Inventory } from '../inventory/types.ts';
import { compile } from './compile.ts';
import { addressOf, type Cluster, describeFlow, type Flow } from './testing/cluster.ts';
import { firewalls } from './testing/generators.ts';
import { readingOf } from './testing/reading.ts';
import { FEWER } from './testing/runs.ts';
import { flowsOf, podLabels, scene, services } from './testing/surroundings.ts';

const TENANTS = 'b';

interface Seen {
  readonly cluster: Cluster;
  readonly inventory: Inventory;
}

/** Flows whose verdict changes, and whether it became an allow. */
function changed(list: readonly ClusterFirewall[], before: Seen, after: Seen): readonly Flow[] {
  const verdicts = ({ cluster, inventory }: Seen) =>
    readingOf(
      compile(list, inventory).objects.map(({ object }) => object),
      cluster,
    );
  const [first, second] = [verdicts(before), verdicts(after)];
  const [flows, others] = [flowsOf(before.cluster), flowsOf(after.cluster)];
  return flows.filter((flow, index) => {
    const other = others[index] ?? flow;
    return first(flow).allowed !== second(other).allowed;
  });
}

const isOfTenant = ({ from, to }: Flow): boolean =>
  [from, to].some((end) => end.kind === 'pod' && end.namespace === TENANTS);

const told = (flows: readonly Flow[]): readonly string[] => flows.map(describeFlow);

/** With a rule that names a Service of the tenant, because hardly any of these firewalls has one. */
const namingTenants = (firewall: ClusterFirewall): ClusterFirewall => {
  const to = [{ service: { namespace: TENANTS, name: 'hook' } }];
  const group = {
    name: 'naming',
    everyNamespace: true as const,
    egress: [{ name: 'service', pods: {}, to, ports: ['All'] }],
  };
  return {
    ...firewall,
    spec: { ...firewall.spec, namespaces: [...(firewall.spec.namespaces ?? []), group] },
  };
};

test('Services of a namespace decide which pods there are reached, and which addresses DNS has', () => {
  fc.assert(
    fc.property(firewalls, scene, services, (list, { cluster, inventory }, made) => {
      const own = made.map((service) => ({ ...service, namespace: TENANTS }));
      const byName = new Map(own.map((service) => [service.name, service]));
      const kept = (inventory.services ?? []).filter(({ namespace }) => namespace !== TENANTS);
      const after = { cluster, inventory: { ...inventory, services: [...kept, ...byName.values()] } };
      const addresses = [...(inventory.services ?? []), ...own].flatMap(({ clusterIPs }) => clusterIPs);
      const flows = changed(list.map(namingTenants), { cluster, inventory }, after);
      const isReached = (flow: Flow) => flow.to.kind === 'pod' && flow.to.namespace === TENANTS;
      const isDns = (flow: Flow) => addresses.includes(addressOf(flow, 'to'));
      expect(told(flows.filter((flow) => !isReached(flow) && !isDns(flow)))).toEqual([]);
    }),
    FEWER,
  );
});

test('labels and ServiceAccounts of the pods of a namespace decide about these pods alone', () => {
  fc.assert(
    fc.property(
      firewalls,
      scene,
      fc.array(fc.tuple(podLabels, fc.constantFrom('web', 'db', 'default')), { minLength: 2, maxLength: 2 }),
      (list, { cluster, inventory }, made) => {
        let index = 0;
        const pods = cluster.pods.map((pod) => {
          if (pod.namespace !== TENANTS) return pod;
          const [labels, serviceAccount] = made[index++ % made.length] ?? [pod.labels, 'default'];
          return { ...pod, labels, serviceAccount };
        });
        const flows = changed(list, { cluster, inventory }, { cluster: { ...cluster, pods }, inventory });
        expect(told(flows.filter((flow) => !isOfTenant(flow)))).toEqual([]);
      },
    ),
    FEWER,
  );
});

test('labels that a kubelet gives to its Node decide about this node alone', () => {
  fc.assert(
    fc.property(
      firewalls,
      scene,
      fc.constantFrom<Readonly<Record<string, string>>>({}, { role: 'x' }, { role: 'y', app: 'p' }),
      (list, { cluster, inventory }, labels) => {
        const roles = (of: Readonly<Record<string, string>>) =>
          Object.fromEntries(Object.entries(of).filter(([key]) => key.startsWith('node-role.')));
        const nodes = cluster.nodes.map((node) =>
          node.id === 'node1' ? { ...node, labels: { ...roles(node.labels), ...labels } } : node,
        );
        const after = {
          cluster: { ...cluster, nodes },
          inventory: {
            ...inventory,
            ...(inventory.nodes !== UNKNOWN && {
              nodes: inventory.nodes.map((node, index) => ({
                ...node,
                labels: nodes[index]?.labels ?? node.labels,
              })),
            }),
          },
        };
        const flows = changed(list, { cluster, inventory }, after);
        const isOfNode = ({ from, to }: Flow) => [from, to].some(({ id }) => id === 'node1');
        expect(told(flows.filter((flow) => !isOfNode(flow)))).toEqual([]);
      },
    ),
    FEWER,
  );
});
