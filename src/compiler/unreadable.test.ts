import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import type { Spec } from '../api/schema.ts';
import { readApiServerSlice, readService } from '../inventory/api-server.ts';
import {
  readBGPPeer,
  readFelixConfiguration,
  readGlobalNetworkPolicy,
  readHostEndpoint,
  readIPPool,
} from '../inventory/calico.ts';
import { readNode } from '../inventory/nodes.ts';
import type { Inventory } from '../inventory/types.ts';
import type { Reading, Unreadable } from '../inventory/unreadable.ts';
import { compile } from './compile.ts';
import { compiled, reasons } from './testing/compiled-nodes.ts';
import { firewall, web } from './testing/examples.ts';
import { cluster, clusterWith } from './testing/inventories.ts';
import { flawsOf } from './testing/wellformed.ts';
import { ruleId } from './names.ts';

const flaw = (kind: string, name: string, isLost = false): Unreadable => ({
  kind,
  name,
  field: 'spec.x',
  why: '"y" is not an IP address',
  isLost,
});
const worldly: Partial<Spec> = {
  namespaces: [
    {
      ...web,
      egress: [
        { name: 'out', pods: {}, to: [{ entity: 'World' }, { entity: 'ControlPlane' }], ports: [443] },
      ],
    },
  ],
};
const kept = (...unreadable: readonly Unreadable[]): readonly string[] =>
  compile([firewall(worldly)], clusterWith({ unreadable }))
    .objects.filter(({ keepsAddresses }) => keepsAddresses)
    .map(({ rules }) => rules.join());

describe('objects of the cluster that cannot be read', () => {
  test('are one problem of the default firewall, which names each and its field', () => {
    const { problems } = compile(
      [firewall({ namespaces: [web] }), firewall({}, 'team')],
      clusterWith({
        unreadable: [flaw('Node', 'a'), flaw('Node', 'a'), flaw('EndpointSlice', 'default/odd')],
      }),
    );
    expect(problems).toEqual([
      {
        severity: 'problem',
        firewall: 'default',
        rule: 'default',
        path: 'spec',
        reason: 'UnreadableObject',
        message: expect.stringContaining(
          'cannot read EndpointSlice/default/odd (spec.x: "y" is not an IP address), Node/a (spec.x: "y" is not an IP address): correct or delete it',
        ),
      },
    ]);
  });

  test('are counted where there are many', () => {
    const many = Array.from({ length: 1000 }, (_, index) => flaw('Node', `n${String(index)}`));
    const [problem] = compile([firewall({})], clusterWith({ unreadable: many })).problems;
    expect(problem?.message).toContain('and 995 more');
    expect(problem?.message.length).toBeLessThan(1000);
  });

  test('change no object, and hold none', () => {
    const { objects, frozen } = compile([firewall(worldly)], cluster);
    const unreadable = [flaw('Node', 'a'), flaw('IPPool', 'p'), flaw('EndpointSlice', 'default/odd')];
    const odd = compile([firewall(worldly)], clusterWith({ unreadable }));
    expect(odd.objects).toEqual(objects);
    expect(odd.frozen).toEqual(frozen);
  });

  test.each([
    ['Node', ['default/control-plane', 'default/nodes']],
    ['EndpointSlice', ['default/control-plane']],
    ['IPPool', []],
  ])('a %s that nobody knows from before: sets keep the addresses that are stored', (kind, sets) => {
    expect(kept(flaw(kind, 'a', true)).toSorted()).toEqual(sets);
    expect(kept(flaw(kind, 'a'))).toEqual([]);
  });

  test.each(['IPPool', 'BGPPeer'])(
    'an %s that nobody knows from before: nothing changes at nodes',
    (kind) => {
      const compilation = compiled({}, { inventory: clusterWith({ unreadable: [flaw(kind, 'p', true)] }) });
      expect(compilation.frozen).toContainEqual({ prefix: 'default/nodes' });
      expect(compilation.problems.map(({ path }) => path)).toEqual(['spec', 'spec.nodes']);
      expect(
        compilation.objects.flatMap(({ rules }) => rules).filter((rule) => rule.includes('/nodes/')),
      ).toEqual([]);
      const known = compiled({}, { inventory: clusterWith({ unreadable: [flaw(kind, 'p')] }) });
      expect(reasons(known)).toEqual(['UnreadableObject']);
      expect(known.frozen).toEqual([]);
    },
  );

  test('a Node that nobody knows from before: the addresses that policies judge stay', () => {
    const { objects } = compiled({}, { inventory: clusterWith({ unreadable: [flaw('Node', 'a', true)] }) });
    expect(objects.find(({ rules }) => rules.includes(ruleId('default/nodes/judged')))).toMatchObject({
      keepsAddresses: true,
    });
  });
});

describe('whatever objects say', () => {
  const odd = fc.oneof(
    fc.constantFrom<unknown>(
      ...['10.0.0.1', '010.0.0.1', '::ffff:10.0.0.1', 'fe80::1%eth0', '', '0.0.0.0', '::', 'api.example.com'],
      ...[
        '10.1.0.0/16',
        '10.1.0.1/16',
        '0.0.0.0/0',
        '::/0',
        '[::1]:179',
        '10.0.0.1:179',
        '1.2.3.4/33',
        '%',
        '[',
      ],
      ...[70_000, -1, 1.5, 443, null, true],
    ),
    fc.string(),
    fc.jsonValue(),
  );
  const list = fc.array(odd, { maxLength: 4 });
  const selector = fc.oneof(fc.dictionary(fc.string(), odd), odd);
  const text = fc.oneof(fc.constantFrom("a == 'b'", 'all()', '((', '!!!a', '!'.repeat(9000)), fc.string());
  const field = { odd, list, selector, text };

  const spec: Partial<Spec> = {
    ...worldly,
    nodes: {
      mode: 'Enforce',
      zones: [
        {
          name: 'z',
          from: [{ ipBlock: { cidr: '10.0.0.0/8' } }, { entity: 'ControlPlane' }],
          allow: { all: true },
        },
      ],
    },
  };

  test('the compiler compiles: what cannot be read is left out and named', () => {
    fc.assert(
      fc.property(
        fc.record(field),
        fc.boolean(),
        ({ odd: value, list: values, selector: labels, text: words }, isLost) => {
          const unreadable: Unreadable[] = [];
          const taken = <T>({ value: read, flaws }: Reading<T>): T => {
            unreadable.push(...flaws.map((each) => ({ ...each, isLost })));
            return read;
          };
          const metadata = { name: 'odd', namespace: 'default' };
          const addresses = values.map((address) => ({ type: 'InternalIP', address }));
          const annotations = typeof value === 'string' ? { 'projectcalico.org/IPv4Address': value } : {};
          const slice = { ...metadata, labels: { 'kubernetes.io/service-name': 'kubernetes' } };
          const felix = {
            vxlanPort: value,
            wireguardListeningPort: values[0],
            failsafeInboundHostPorts: values,
          };
          const ports = values.map((port) => ({ port, targetPort: value }));
          const rule = { source: { selector: words, notSelector: value }, destination: value };
          const policy = { selector: words, namespaceSelector: value, ingress: [rule], egress: values };
          const inventory: Inventory = clusterWith({
            nodes: [
              ...cluster.nodes,
              taken(readNode({ metadata: { name: 'n', annotations }, status: { addresses } })),
            ],
            apiServerEndpoints: taken(
              readApiServerSlice({ metadata: slice, endpoints: [{ addresses: values }, value] }),
            ).addresses,
            ipPools: [value, ...values].flatMap((cidr) => taken(readIPPool({ metadata, spec: { cidr } }))),
            bgpPeers: values.flatMap((peerIP) => taken(readBGPPeer({ metadata, spec: { peerIP } }))),
            felixConfigurations: [
              taken(readFelixConfiguration({ metadata: { name: 'default' }, spec: felix })),
            ],
            services: [taken(readService({ metadata, spec: { selector: labels, ports } }))],
            apiServerBackends: ['APIService/v1beta1.metrics.k8s.io', 'APIService/v1.x'].flatMap((because) =>
              [443, 80].map((port) => ({ namespace: 'default', service: 'odd', port, because })),
            ),
            foreignPolicies: [readGlobalNetworkPolicy({ metadata, spec: policy })],
            hostEndpoints: [readHostEndpoint({ metadata, spec: { node: value, interfaceName: value } })],
            unreadable,
          });
          const { objects, problems } = compile([firewall(spec)], inventory);
          expect(flawsOf(objects.map(({ object }) => object))).toEqual([]);
          expect(problems.some(({ reason }) => reason === 'UnreadableObject')).toBe(unreadable.length > 0);
          expect(JSON.stringify(unreadable).length).toBeLessThan(20_000);
        },
      ),
    );
  });
});
