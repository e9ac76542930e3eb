/**
 * Services that the API server calls: they are found in configurations, followed, and left out where they may
 * not be read.
 */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { KubernetesObject } from '../../src/cluster/resource.ts';
import { conditionOf, eventually, firewall, type Rig } from './controller-harness.ts';

const FAMILY = 'default/defaults/apiServerToPods';
const RULE = `${FAMILY}/wordpress/judge`;

const webhook = {
  apiVersion: 'admissionregistration.k8s.io/v1',
  kind: 'ValidatingWebhookConfiguration',
  metadata: { name: 'judge' },
  webhooks: [
    {
      name: 'judge.example.com',
      clientConfig: { service: { namespace: 'wordpress', name: 'judge' } },
      // No packet is checked here, because there is no Felix.
      rules: [
        { apiGroups: ['example.com'], apiVersions: ['v1'], resources: ['nothing'], operations: ['CREATE'] },
      ],
      sideEffects: 'None',
      admissionReviewVersions: ['v1'],
    },
  ],
};
const service = (name: string, targetPort: number | string) => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name, namespace: 'wordpress' },
  spec: { selector: { app: name }, ports: [{ port: 443, targetPort }] },
});
const role = (...rules: readonly object[]) => ({
  apiVersion: 'rbac.authorization.k8s.io/v1',
  kind: 'ClusterRole',
  metadata: { name: 'clusterfirewall' },
  rules,
});

interface Ruled {
  readonly resources?: readonly string[];
  readonly verbs: readonly string[];
}

/** Objects that carry the rule. */
const carrying = async (rig: Rig, rule: string): Promise<readonly KubernetesObject[]> =>
  (await rig.generated()).filter(({ metadata }) =>
    metadata.annotations?.['clusterfirewall.io/rules']?.split(',').includes(rule),
  );

async function portsOpened(rig: Rig): Promise<unknown> {
  const [policy] = await carrying(rig, RULE);
  const spec = policy?.['spec'] as { ingress?: readonly { destination?: { ports?: unknown } }[] } | undefined;
  return spec?.ingress?.[0]?.destination?.ports;
}

const eventuallyPorts = (rig: Rig, ports: unknown): Promise<void> =>
  eventually(
    async () => JSON.stringify(await portsOpened(rig)) === JSON.stringify(ports),
    `ports ${JSON.stringify(ports)} to be opened`,
  );

export const apiServer = (rig: () => Rig): void => {
  describe('Services that the API server calls', () => {
    beforeAll(async () => {
      await rig().apply(webhook, service('judge', 9443), service('other', 80));
      await rig().apply(firewall());
      await rig().ready();
    }, 60_000);
    afterAll(async () => {
      await rig().cluster.kubectl([
        'delete',
        '--ignore-not-found',
        'validatingwebhookconfiguration',
        'judge',
      ]);
      await rig().cluster.kubectl(['delete', '--namespace', 'wordpress', 'service', 'judge', 'other']);
      await rig().clear();
    }, 60_000);

    test('are opened to the addresses that the API server publishes', async () => {
      expect(await portsOpened(rig())).toEqual([9443]);
      expect(await carrying(rig(), 'default/control-plane')).toMatchObject([
        { kind: 'GlobalNetworkSet', spec: { nets: ['10.99.0.1/32'] } },
      ]);
    });

    test('are followed: a Service that changes, a configuration that goes and returns', async () => {
      await rig().apply(service('judge', 'https'));
      await eventuallyPorts(rig(), ['https']);
      await rig().cluster.kubectl(['delete', 'validatingwebhookconfiguration', 'judge']);
      await eventually(async () => (await carrying(rig(), RULE)).length === 0, 'no policy');
      await rig().apply(webhook);
      await eventuallyPorts(rig(), ['https']);
    });

    test('cost no write where the API server does not call them', async () => {
      await rig().ready();
      const before = (await rig().writes()).length;
      await rig().apply(service('other', 81));
      // The change that must appear arrives through the same watch, after the one that must not.
      await rig().apply(service('judge', 9444));
      await eventuallyPorts(rig(), [9444]);
      const targets = (await rig().writes()).slice(before).map(({ target }) => target);
      expect(targets.filter((target) => !target.startsWith('clusterfirewalls/'))).toEqual([
        expect.stringMatching(/^networkpolicies\/cfw-default-defaults-apiservertopods-wordpress-judge-/),
      ]);
    });

    rights(rig);
  });
};

const rights = (rig: () => Rig): void => {
  test('kinds that may not be read are a problem, everything else goes on, and new rights are used', async () => {
    const roles = await rig().list('clusterroles');
    const rules = roles.find(({ metadata }) => metadata.name === 'clusterfirewall')?.[
      'rules'
    ] as readonly Ruled[];
    const without = rules.filter(
      ({ resources, verbs }) => !(resources?.includes('apiservices') === true && verbs.includes('list')),
    );
    expect(without).toHaveLength(rules.length - 1);
    await rig().apply(role(...without));
    await rig().restart();
    const status = await rig().statusThat(
      ({ problems }) => problems?.some(({ reason }) => reason === 'BackendsUnknown') === true,
      'BackendsUnknown',
    );
    expect(status.problems).toMatchObject([
      {
        rule: FAMILY,
        path: 'spec.defaults.apiServerToPods',
        message: expect.stringContaining('cannot list apiservices,'),
      },
    ]);
    expect(conditionOf(status, 'Programmed')).toMatchObject({ status: 'True' });
    expect(await portsOpened(rig())).toEqual([9444]);
    await rig().apply(role(...rules));
    await rig().ready();
  });
};
