/**
 * Queries of the tests of spec.nodes, in addition to those of the controller. Nodes exist only as objects.
 */
import { expect } from '@jest/globals';
import type { KubernetesObject } from '../../src/cluster/resource.ts';
import { conditionOf, firewall, isTrue, type Rig } from './controller-harness.ts';

export const GATE = 'clusterfirewall.io/gate';
export const HOST_ENDPOINTS = 'hostendpoints.projectcalico.org';

const nodes = (spec: object = {}) => ({
  mode: 'Enforce',
  zones: [
    { name: 'office', from: [{ ipBlock: { cidr: '198.51.100.0/24' } }], allow: { services: ['ssh'] } },
    {
      name: 'edge',
      from: [{ entity: 'World' }],
      allow: { services: ['https'] },
      nodeSelector: { matchLabels: { edge: 'true' } },
    },
  ],
  ...spec,
});
export const withNodes = (spec: object = {}) => firewall({ nodes: nodes(spec) });

/** Writes of the operator. */
export const LO = /(patch|create) hostendpoints\/0-cfw-default-nodes-lo-/;
export const ALL = /(patch|create) hostendpoints\/0-cfw-default-nodes-endpoints-/;
export const LO_POLICY = /(patch|create) globalnetworkpolicies\/clusterfirewall\.cfw-default-nodes-lo-/;
export const ALLOW =
  /(patch|create) globalnetworkpolicies\/clusterfirewall\.cfw-default-nodes-(zones|baseline)/;
export const DENY = /(patch|create) globalnetworkpolicies\/clusterfirewall\.cfw-default-nodes-deny-/;

/** Compares positions of writes. Empty lists would prove nothing. */
export const isBefore = (a: readonly number[], b: readonly number[]): void => {
  expect([a.length, b.length]).not.toContain(0);
  expect(Math.max(...a)).toBeLessThan(Math.min(...b));
};

export function nodeQuestions(rig: () => Rig) {
  const kubectl = (...args: string[]): Promise<string> => rig().cluster.kubectl(args);

  async function join(name: string, address: string, labels: object = {}): Promise<void> {
    await rig().apply({ apiVersion: 'v1', kind: 'Node', metadata: { name, labels } });
    const status = { addresses: [{ type: 'InternalIP', address }] };
    await kubectl(
      'patch',
      'node',
      name,
      '--subresource=status',
      '--type=merge',
      '-p',
      JSON.stringify({ status }),
    );
  }

  const enforced = (summary: string) =>
    rig().statusThat(
      (status) => isTrue(status, 'NodesEnforced') && status.nodes?.summary === summary,
      `${summary} nodes enforced`,
    );
  const reason = (wanted: string) =>
    rig().statusThat((status) => conditionOf(status, 'NodesEnforced')?.reason === wanted, wanted);
  const endpoints = (): Promise<readonly KubernetesObject[]> => rig().list(HOST_ENDPOINTS);
  const endpointOf = async (node: string, interfaceName: string): Promise<KubernetesObject | undefined> =>
    (await endpoints()).find(({ spec }) => {
      const { node: of, interfaceName: name } = spec as { node: string; interfaceName: string };
      return of === node && name === interfaceName;
    });
  /** Generated objects of nodes, as `Kind/name`. */
  const left = async (): Promise<readonly string[]> =>
    (await rig().generated())
      .filter(({ metadata }) =>
        (metadata.annotations?.['clusterfirewall.io/rules'] ?? '').includes('/nodes/'),
      )
      .map(({ kind, metadata }) => `${String(kind)}/${metadata.name}`);
  /** Writes since `from` that match, in order. */
  const written = async (from: number, pattern: RegExp): Promise<readonly number[]> =>
    (await rig().writes()).flatMap(({ verb, target }, index) =>
      index >= from && pattern.test(`${verb} ${target}`) ? [index] : [],
    );
  const now = async (): Promise<number> => (await rig().writes()).length;
  return { kubectl, join, enforced, reason, endpoints, endpointOf, left, written, now };
}
