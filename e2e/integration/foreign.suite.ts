/** The status names what others may open, in both ways to serve Calico's API. */
import { afterAll, afterEach, beforeAll, describe, expect, jest, test } from '@jest/globals';
import path from 'node:path';
import { loadAll } from 'js-yaml';
import type { Status } from '../../src/api/status.ts';
import { KubectlError } from '../errors.ts';
import { API_MODES, type ApiMode } from '../harness/native-crds.ts';
import { installManifests } from '../harness/operator-process.ts';
import { waitFor } from '../wait.ts';

import { conditionOf, firewall, isTrue, startRig, type Rig } from './controller-harness.ts';

const ROOT = path.resolve(import.meta.dirname, '../..');
const CALICO = 'projectcalico.org/v3';
const calico = (kind: string, name: string, spec: object, metadata: object = {}) => ({
  apiVersion: CALICO,
  kind,
  metadata: { name, ...metadata },
  spec,
});
const ALLOW = [{ action: 'Allow' }];
const EVERYTHING = { selector: 'all()', types: ['Ingress', 'Egress'], ingress: ALLOW, egress: ALLOW };
const security = (order: number) => [
  calico('Tier', 'security', { order, defaultAction: 'Deny' }),
  calico('GlobalNetworkPolicy', 'security.all', { tier: 'security', order: 1, ...EVERYTHING }),
];
const SECURITY = 'GlobalNetworkPolicy/security.all';
const FIRST = 'before guardrails and the default deny';
const RIGHTS = 'clusterfirewall-foreign-policies';
const SET = { labels: { 'clusterfirewall.io/set': 'nodes' } };

/** Kubernetes' own kind, with as much of its schema as matters. */
const ADMIN_CRD = {
  apiVersion: 'apiextensions.k8s.io/v1',
  kind: 'CustomResourceDefinition',
  metadata: {
    name: 'adminnetworkpolicies.policy.networking.k8s.io',
    annotations: { 'api-approved.kubernetes.io': 'unapproved, for a test' },
  },
  spec: {
    group: 'policy.networking.k8s.io',
    scope: 'Cluster',
    names: {
      kind: 'AdminNetworkPolicy',
      listKind: 'AdminNetworkPolicyList',
      plural: 'adminnetworkpolicies',
      singular: 'adminnetworkpolicy',
    },
    versions: [
      {
        name: 'v1alpha1',
        served: true,
        storage: true,
        schema: { openAPIV3Schema: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true } },
      },
    ],
  },
};

interface Opened {
  readonly what: string;
  readonly objects: readonly object[];
  readonly named: string;
  readonly opens: string;
}

const OPENED: readonly Opened[] = [
  {
    what: 'a policy of a tier before ours',
    objects: security(10),
    named: SECURITY,
    opens: `ingress and egress of pods, ${FIRST} (Tier security)`,
  },
  {
    what: 'a policy of a tier between ours and default',
    objects: security(950),
    named: SECURITY,
    opens: 'ingress and egress of pods, before the default deny (Tier security)',
  },
  ...[1, 5000, undefined].map((order) => ({
    what: `an Allow in tier default, of order ${order ?? 'none'}`,
    objects: [
      calico('GlobalNetworkPolicy', 'theirs', { ...EVERYTHING, ...(order !== undefined && { order }) }),
    ],
    named: 'GlobalNetworkPolicy/theirs',
    opens: 'ingress and egress of pods, before the default deny',
  })),
  {
    what: 'a Pass in tier default',
    objects: [
      calico('GlobalNetworkPolicy', 'theirs', {
        selector: 'all()',
        types: ['Egress'],
        egress: [{ action: 'Pass' }],
      }),
    ],
    named: 'GlobalNetworkPolicy/theirs',
    opens: 'egress of pods, before the default deny',
  },
  {
    what: 'a set with the label of one of ours',
    objects: [calico('GlobalNetworkSet', 'theirs', { nets: ['192.0.2.0/24'] }, SET)],
    named: 'GlobalNetworkSet/theirs',
    opens: 'what rules give to the set "nodes", for its own addresses',
  },
  {
    what: 'a host endpoint with the label of one of our sets',
    objects: [calico('HostEndpoint', 'theirs', { node: 'stranger', expectedIPs: ['192.0.2.1'] }, SET)],
    named: 'HostEndpoint/theirs',
    opens: 'what rules give to the set "nodes", for its own addresses',
  },
];

export const foreignTests = (mode: ApiMode): void => {
  jest.setTimeout(180_000);

  describe(`${mode} (${API_MODES[mode]})`, () => {
    let started: Rig | undefined;
    let made: readonly object[] = [];
    let specs = 0;
    const rig = (): Rig => {
      if (started === undefined) throw new Error('the cluster did not start');
      return started;
    };
    const kubectl = (...args: readonly string[]): Promise<string> => rig().cluster.kubectl(args);

    /** A new spec is answered at once, so a test need not wait for the minute to be over. */
    const renewed = (spec: object = {}): Promise<void> => {
      specs += 1;
      const peers = [
        { name: 'ingress', pods: { namespaceSelector: { matchLabels: { role: 'ingress' } } } },
        { name: 'n', cidrs: [`198.51.100.${specs}/32`] },
      ];
      return rig().apply(firewall({ peers, ...spec }));
    };
    const make = async (...objects: readonly object[]): Promise<void> => {
      made = [...objects, ...made];
      await rig().apply(...objects);
    };
    const says = (wanted: (status: Status) => boolean, what: string) =>
      rig().statusThat((status) => isTrue(status, 'Ready') && wanted(status), what);
    const names = (object: string) =>
      says((status) => status.foreign?.some((each) => each.object === object) === true, `it names ${object}`);
    const silent = () => says((status) => status.foreign === undefined, 'nothing about others');
    const messageOf = (status: Status): string => conditionOf(status, 'Ready')?.message ?? '';

    beforeAll(async () => {
      started = await startRig(mode);
      // Calico itself makes it, but here only its API is there.
      if (mode === 'native')
        await rig().apply(calico('Tier', 'default', { order: 1_000_000, defaultAction: 'Deny' }));
    }, 240_000);
    afterEach(async () => {
      for (const object of made.toReversed()) {
        const input = JSON.stringify(object);
        await rig().cluster.kubectl(['delete', '--ignore-not-found', '-f', '-'], { input });
      }
      made = [];
    }, 60_000);
    afterAll(async () => {
      await started?.[Symbol.asyncDispose]();
    }, 60_000);

    test('nothing is said where nobody opens anything', async () => {
      await renewed();
      const status = await silent();
      expect(conditionOf(status, 'ForeignPolicies')).toBeUndefined();
      expect(messageOf(status)).toBe('every rule is programmed');
    });

    test('a tier and its policy are seen when they are made, and when they are gone', async () => {
      await make(...security(10));
      const status = await names(SECURITY);
      expect(conditionOf(status, 'ForeignPolicies')).toMatchObject({ status: 'True', reason: 'MayOpen' });
      for (const object of made.toReversed())
        await rig().cluster.kubectl(['delete', '-f', '-'], { input: JSON.stringify(object) });
      await renewed();
      await silent();
    });

    test.each(OPENED)('$what is named', async ({ objects, named, opens }) => {
      await make(...objects);
      await renewed();
      const status = await names(named);
      // An example of a flow may follow.
      expect(status.foreign).toEqual([{ object: named, opens: expect.stringContaining(opens) }]);
      expect(status.foreignCount).toEqual({ open: 1, accepted: 0 });
      expect(isTrue(status, 'ForeignPolicies')).toBe(true);
      expect(conditionOf(status, 'Stalled')?.status).toBe('False');
      const said = status.foreign?.[0]?.opens ?? '';
      expect(messageOf(status)).toBe(`${named} may open ${said}; every rule is programmed`);
      expect(status.namespaces?.summary).toMatch(/^\d+\/\d+$/);
    });

    test('kubectl get -o wide begins MESSAGE with it', async () => {
      await make(...security(10));
      await renewed();
      await names(SECURITY);
      const [header = '', row = ''] = (await kubectl('get', 'cfw', 'default', '-o', 'wide')).split('\n');
      expect(row.slice(header.indexOf('MESSAGE'))).toMatch(/^GlobalNetworkPolicy\/security\.all may open/);
    });

    test('an accepted object stays in the list, and raises no condition', async () => {
      await make(...security(10), calico('GlobalNetworkPolicy', 'theirs', EVERYTHING));
      await renewed({ acceptForeign: ['Tier/security'] });
      const status = await names('GlobalNetworkPolicy/theirs');
      expect(status.foreign).toMatchObject([
        { object: 'GlobalNetworkPolicy/theirs' },
        { object: SECURITY, accepted: true },
      ]);
      expect(status.foreignCount).toEqual({ open: 1, accepted: 1 });
      await renewed({ acceptForeign: ['Tier/security', 'GlobalNetworkPolicy/theirs'] });
      await says((each) => each.foreignCount?.accepted === 2, 'both accepted');
      expect(conditionOf((await rig().status()) ?? {}, 'ForeignPolicies')).toBeUndefined();
    });

    test('nothing in a namespace can be accepted', async () => {
      await expect(renewed({ acceptForeign: ['NetworkPolicy/shop/open'] })).rejects.toThrow('acceptForeign');
    });

    test('NetworkPolicies of tenants are counted, and raise no condition', async () => {
      await make(
        {
          apiVersion: 'networking.k8s.io/v1',
          kind: 'NetworkPolicy',
          metadata: { name: 'open', namespace: 'wordpress' },
          spec: { podSelector: {}, ingress: [{}] },
        },
        {
          apiVersion: 'networking.k8s.io/v1',
          kind: 'NetworkPolicy',
          metadata: { name: 'isolate', namespace: 'wordpress' },
          spec: { podSelector: {} },
        },
        calico('NetworkPolicy', 'open', EVERYTHING, { namespace: 'wordpress' }),
        calico('NetworkPolicy', 'exempt', EVERYTHING, { namespace: 'kube-system' }),
      );
      await renewed();
      const status = await says((each) => each.namespacePolicies?.policies === 2, 'two are counted');
      expect(status.namespacePolicies).toEqual({
        policies: 2,
        namespaces: 1,
        largest: [{ namespace: 'wordpress', policies: 2 }],
      });
      expect(conditionOf(status, 'ForeignPolicies')).toBeUndefined();
      expect(messageOf(status)).toBe('every rule is programmed');
    });

    test('tier default that does not end in Deny is named', async () => {
      const change = (defaultAction: string) =>
        kubectl(
          'patch',
          'tiers.projectcalico.org',
          'default',
          '--type=merge',
          '-p',
          JSON.stringify({ spec: { defaultAction } }),
        );
      try {
        await change('Pass');
      } catch (error) {
        // Calico's own CRDs refuse it.
        expect(mode).toBe('native');
        expect(error).toBeInstanceOf(KubectlError);
        return;
      }
      await renewed();
      const status = await names('Tier/default');
      await change('Deny');
      expect(status.foreign?.[0]?.opens).toContain('its defaultAction is Pass');
    });

    test("a policy of Kubernetes' administrators is named", async () => {
      // Calico's API server brings it along.
      if (mode === 'native') await rig().apply(ADMIN_CRD);
      await kubectl('wait', '--for=condition=Established', `crd/${ADMIN_CRD.metadata.name}`, '--timeout=30s');
      await make({
        apiVersion: 'policy.networking.k8s.io/v1alpha1',
        kind: 'AdminNetworkPolicy',
        metadata: { name: 'open' },
        spec: {
          priority: 1,
          subject: { namespaces: {} },
          ingress: [{ action: 'Allow', from: [{ namespaces: {} }] }],
        },
      });
      await renewed();
      const status = await names('AdminNetworkPolicy/open');
      expect(status.foreign).toEqual([
        {
          object: 'AdminNetworkPolicy/open',
          opens: expect.stringContaining('ingress of pods, before the default deny'),
        },
      ]);
    });

    test('a namespace with a built-in name that nothing of Calico uses is a warning', async () => {
      await rig().cluster.createNamespace('tigera-operator');
      await renewed();
      const status = await says((each) => each.problems !== undefined, 'a warning');
      expect(status.problems).toMatchObject([
        {
          severity: 'warning',
          reason: 'UnclaimedNamespace',
          message: expect.stringContaining('tigera-operator'),
        },
      ]);
    });

    test('config/own-tiers lacks the right to read what others allow, and nothing else', async () => {
      const objects = async (folder: string): Promise<readonly string[]> => {
        const built = await kubectl('kustomize', path.join(ROOT, 'config', folder));
        return loadAll(built).map((object) => JSON.stringify(object));
      };
      const [all, some] = [await objects('default'), await objects('own-tiers')];
      const missing = all.filter((object) => !some.includes(object));
      expect(missing.map((object) => JSON.parse(object) as object)).toMatchObject([
        { kind: 'ClusterRole', metadata: { name: RIGHTS } },
        { kind: 'ClusterRoleBinding', metadata: { name: RIGHTS } },
      ]);
      expect(some.filter((object) => !all.includes(object))).toEqual([]);
    });

    describe('without the right to read what others allow', () => {
      const takeRights = async (): Promise<void> => {
        for (const kind of ['clusterrolebinding', 'clusterrole']) await kubectl('delete', kind, RIGHTS);
        await rig().restart();
      };
      afterAll(async () => {
        await installManifests(rig().cluster);
      }, 60_000);

      test('the status says what cannot be seen, and sees it when the right comes', async () => {
        await make(...security(10));
        await takeRights();
        await renewed();
        const blind = await says(
          (status) => status.namespacePolicies?.unlisted === true && status.foreign !== undefined,
          'policies of namespaces are not listed',
        );
        const tier = {
          object: 'Tier/security',
          opens: `anything ${FIRST}: the operator may not read its policies`,
        };
        const admin = { object: 'AdminNetworkPolicy', opens: expect.stringContaining('may not read them') };
        // RBAC itself knows no tiers, so with native CRDs a policy is seen or not, whatever its tier.
        // Calico's API server has a tier of its own for administrators' policies.
        const ofAdmins = { object: 'Tier/adminnetworkpolicy', opens: expect.any(String) };
        if (mode === 'aggregated') expect(blind.foreign).toEqual([tier, admin, ofAdmins]);
        else expect(blind.foreign).toMatchObject([{ object: SECURITY }, admin]);
        const reason = mode === 'aggregated' ? 'NotVisible' : 'MayOpen';
        expect(conditionOf(blind, 'ForeignPolicies')).toMatchObject({ reason });

        await installManifests(rig().cluster);
        await waitFor(
          async () => {
            await renewed();
            const { foreign, foreignCount, namespacePolicies } = (await rig().status()) ?? {};
            const isNamed = foreign?.[0]?.object === SECURITY && foreignCount?.open === 1;
            return (isNamed && namespacePolicies?.unlisted === undefined) || undefined;
          },
          { what: 'the policy of the tier to be named', within: 100_000, every: 3000 },
        );
      });
    });
  });
};
