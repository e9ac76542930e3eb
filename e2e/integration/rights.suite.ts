/**
 * The operator's rights: each is needed by something that it does, and none reaches further than that. The
 * operator first lives without the rights of config/nodes, and then gets one part of them after the other.
 */
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';
import type { GeneratedKind } from '../../src/calico/types.ts';
import { create, mergePatch } from '../../src/cluster/objects/apply.ts';
import { EventRecorder } from '../../src/cluster/objects/events.ts';
import type { KubernetesObject } from '../../src/cluster/resource.ts';
import { recordingLogger } from '../../src/cluster/testing/logs.ts';
import { ManualClock } from '../../src/cluster/testing/manual-clock.ts';
import { kindResource } from '../../src/controller/objects/kinds.ts';
import { ADMIN_POLICY_GROUP, ADMIN_POLICY_KINDS } from '../../src/inventory/admin-policies.ts';
import type { Status } from '../../src/api/status.ts';
import { isRecord } from '../../src/json.ts';
import { connect } from '../harness/connect.ts';
import { API_MODES, type ApiMode } from '../harness/native-crds.ts';
import {
  conditionOf,
  eventually,
  firewall,
  IDENTITY,
  isTrue,
  rule,
  startRig,
  type Rig,
} from './controller-harness.ts';
import { GATE, nodeQuestions } from './nodes-harness.ts';
import { beyondTests } from './rights-beyond.suite.ts';
import { AUDIT, walkTests } from './rights-walk.suite.ts';

const CONFIG = path.resolve(import.meta.dirname, '../../config/nodes');
const CONTROL_PLANE = { 'node-role.kubernetes.io/control-plane': '' };
const egress = [{ name: 'out', pods: {}, to: [{ entity: 'World' }], ports: [443] }];
const namespaces = [{ name: 'blog', namespaces: ['wordpress'], ingress: [rule('web')], egress }];
const pods = (spec: object = {}) => firewall({ namespaces, ...spec });
const office = { name: 'office', cidrs: ['198.51.100.0/24'] };
const [ingress] = firewall().spec.peers;
const nodes = (spec: object = {}) =>
  pods({ peers: [ingress, office], nodes: { mode: 'Enforce', nodeCIDRs: ['10.99.0.0/24'], ...spec } });
const managed = { failsafes: 'Managed', breakGlass: [{ peer: 'office' }] };
const calico = (kind: string, name: string, spec: object, labels: Readonly<Record<string, string>> = {}) => ({
  apiVersion: 'projectcalico.org/v3',
  kind,
  metadata: { name, labels },
  spec,
});
const automatic = (node: string, labels: Readonly<Record<string, string>>) =>
  calico(
    'HostEndpoint',
    `${node}-auto-hep`,
    { node, interfaceName: '*', profiles: ['projectcalico-default-allow'] },
    { 'projectcalico.org/created-by': 'calico-kube-controllers', ...labels },
  );

/** The kinds of administrators' policies of Kubernetes, without their fields. */
const ADMIN_POLICIES = Object.entries(ADMIN_POLICY_KINDS).map(([kind, plural]) => ({
  apiVersion: 'apiextensions.k8s.io/v1',
  kind: 'CustomResourceDefinition',
  metadata: {
    name: `${plural}.${ADMIN_POLICY_GROUP}`,
    annotations: { 'api-approved.kubernetes.io': 'unapproved, for a test' },
  },
  spec: {
    group: ADMIN_POLICY_GROUP,
    scope: 'Cluster',
    names: { kind, plural, singular: kind.toLowerCase(), listKind: `${kind}List` },
    versions: [
      { name: 'v1alpha1', served: true, storage: true, schema: { openAPIV3Schema: { type: 'object' } } },
    ],
  },
}));

/** Type checking of ValidatingAdmissionPolicies. */
const CONTROLLERS = ['validatingadmissionpolicy-status-controller'];

export const rightsTests = (mode: ApiMode): void => {
  // Each test starts several processes of kubectl, on a machine that may be busy with other tests.
  jest.setTimeout(120_000);

  describe(`rights of the operator, ${mode} (${API_MODES[mode]})`, () => {
    let started: Rig | undefined;
    const rig = (): Rig => {
      if (started === undefined) throw new Error('the cluster did not start');
      return started;
    };
    const { kubectl, join, enforced, reason } = nodeQuestions(rig);
    /** Refused writes are tried again after a minute, or after a restart. */
    async function give(part: string): Promise<void> {
      await kubectl('apply', '--server-side', '--kustomize', path.join(CONFIG, part));
      await rig().restart();
    }
    const remedy = (part: string): string =>
      `kubectl apply --server-side -k config/nodes/${part} gives this right`;

    beforeAll(async () => {
      started = await startRig(mode, { manifests: 'pods-only', audit: AUDIT, controllers: CONTROLLERS });
      await join('cp', '10.99.0.11', CONTROL_PLANE);
      await join('worker', '10.99.0.12');
      await rig().apply(...ADMIN_POLICIES);
      const felix = calico('FelixConfiguration', 'default', { defaultEndpointToHostAction: 'Accept' });
      // Calico's API server has one from the start, like an installation.
      if (mode === 'native') await rig().apply(felix);
    }, 180_000);
    afterAll(async () => {
      await started?.[Symbol.asyncDispose]();
    }, 60_000);

    /**
     * Another client adds a label that only we may set to an object of each kind and tier. Nothing but a replacement
     * removes it.
     */
    async function addLabels(...kinds: readonly string[]): Promise<void> {
      const extra = 'clusterfirewall.io/extra';
      const ofKinds = (await rig().generated()).filter(({ kind }) => kinds.includes(kind ?? ''));
      const tierOf = ({ spec }: KubernetesObject): unknown => (isRecord(spec) ? spec['tier'] : undefined);
      const groups = Map.groupBy(ofKinds, (each) => `${String(each.kind)} ${String(tierOf(each))}`);
      expect([...groups.keys()].map((key) => key.split(' ')[0])).toEqual(expect.arrayContaining([...kinds]));
      for (const [object] of groups.values()) {
        if (object === undefined) continue;
        const { name, namespace } = object.metadata;
        const resource = kindResource(object.kind as GeneratedKind, namespace);
        await mergePatch(rig().transport, resource, name, { metadata: { labels: { [extra]: 'x' } } });
      }
      await eventually(
        async () => (await rig().generated()).every(({ metadata }) => metadata.labels?.[extra] === undefined),
        'the labels to be removed',
      );
    }

    describe('what it does', () => {
      test('a firewall of pods needs nothing of config/nodes, and the status says nothing of nodes', async () => {
        await rig().apply(pods());
        const status = await rig().ready();
        expect(status.problems).toBeUndefined();
        const types = status.conditions?.map(({ type }) => type);
        expect(types).not.toContain('NodesEnforced');
        expect(types).not.toContain('FailsafesOpen');
        expect(await rig().logged('refused by the API server')).toEqual([]);
        await addLabels('Tier', 'GlobalNetworkSet', 'GlobalNetworkPolicy', 'NetworkPolicy');
      });

      test('Observe and back', async () => {
        await rig().apply(pods({ mode: 'Observe' }));
        await rig().ready();
        await addLabels('StagedGlobalNetworkPolicy', 'StagedNetworkPolicy');
        await rig().apply(pods());
        await rig().ready();
      });

      test('a problem, and its end', async () => {
        await rig().apply(
          pods({
            namespaces: [{ name: 'blog', namespaces: ['wordpress'], ingress: [rule('web', { peer: 'no' })] }],
          }),
        );
        await rig().statusThat((status) => isTrue(status, 'PartiallyInvalid'), 'partially invalid');
        await rig().apply(pods());
        await rig().ready();
      });

      test('assertions: the spec that was let in is kept as long as there are some', async () => {
        const revisions = async (): Promise<number> => (await rig().list('controllerrevisions.apps')).length;
        const example = { namespace: 'wordpress', labels: {} };
        const assertion = {
          name: 'closed',
          from: { address: '198.51.100.7' },
          to: { pod: example },
          ports: [9999],
          expect: 'Denied',
        };
        await rig().apply(pods({ assertions: [assertion] }));
        const holds = (status: Status): boolean => isTrue(status, 'AssertionsHold');
        await rig().statusThat(holds, 'the assertion to hold');
        const [kept] = await rig().list('controllerrevisions.apps');
        expect(kept?.metadata.namespace).toBe(IDENTITY.namespace);
        await rig().apply(pods({ assertions: [{ ...assertion, name: 'shut' }] }));
        await rig().statusThat(holds, 'the other assertion to hold');
        expect(await revisions()).toBe(1);
        await rig().apply(pods());
        await eventually(async () => (await revisions()) === 0, 'no spec to be kept');
      });

      test('spec.nodes without the right to write host endpoints: the status names the part to install', async () => {
        for (const each of ['Observe', 'Enforce']) {
          await rig().apply(nodes({ mode: each }));
          const status = await reason('EndpointRefused');
          expect(conditionOf(status, 'NodesEnforced')?.message).toContain(remedy('host-endpoints'));
          expect(conditionOf(status, 'Programmed')).toMatchObject({
            status: 'False',
            reason: 'Refused',
            message: expect.stringContaining(remedy('host-endpoints')),
          });
          expect(conditionOf(status, 'Stalled')?.status).toBe('True');
          expect(status.nodes?.summary).toBe('0/2');
        }
        await give('host-endpoints');
        await enforced('2/2');
        await rig().ready();
        await addLabels('HostEndpoint');
      });

      test('failsafes: Managed without the right to write them: the status names the part to install', async () => {
        await rig().apply(nodes(managed));
        const status = await rig().statusThat(
          (each) => conditionOf(each, 'FailsafesOpen')?.message.includes(remedy('failsafes')) === true,
          'the part to install',
        );
        expect(isTrue(status, 'NodesEnforced')).toBe(true);
        await give('failsafes');
        await rig().statusThat(
          (each) => conditionOf(each, 'FailsafesOpen') === undefined,
          'no failsafe open',
        );
      });

      test("with Calico's host endpoints and without the right to label Nodes: the status names the part to install", async () => {
        await rig().apply(
          calico('KubeControllersConfiguration', 'default', {
            controllers: { node: { hostEndpoint: { autoCreate: 'Enabled' } } },
          }),
          automatic('cp', {}),
          automatic('worker', {}),
          nodes(managed),
        );
        const status = await reason('GateRefused');
        expect(conditionOf(status, 'NodesEnforced')?.message).toContain(remedy('labels'));
        await give('labels');
        const isLabelled = async (): Promise<boolean> =>
          (await rig().list('nodes')).every(({ metadata }) => metadata.labels?.[GATE] === 'enforced');
        await eventually(isLabelled, 'the labels');
        const gate = { [GATE]: 'enforced' };
        await rig().apply(automatic('cp', gate), automatic('worker', gate));
        await enforced('2/2');
        await rig().ready();
      });

      test('a restart beside a tier of others, and the removal of everything', async () => {
        await rig().apply(calico('Tier', 'theirs', { order: 5000 }));
        await rig().restart();
        await rig().ready();
        await rig().clear();
        expect(await rig().logged('reconcile failed')).toEqual([]);
      });

      test('an Event again and again, and one about its own pod', async () => {
        const transport = connect(await operatorKubeconfig());
        const clock = new ManualClock();
        const events = new EventRecorder({
          transport,
          clock,
          log: recordingLogger(),
          reportingController: 'clusterfirewall.io/operator',
          reportingInstance: 'operator',
        });
        const stop = new AbortController();
        const running = events.run(stop.signal);
        const notes = [
          { apiVersion: 'clusterfirewall.io/v1alpha1', kind: 'ClusterFirewall', name: 'default' },
          { apiVersion: 'v1', kind: 'Pod', name: 'operator', namespace: IDENTITY.namespace },
        ].map(
          (regarding) => ({ regarding, type: 'Normal', reason: 'Tried', action: 'Try', note: '' }) as const,
        );
        const tried = async (): Promise<readonly unknown[]> =>
          (await rig().list('events.events.k8s.io')).filter((event) => event['reason'] === 'Tried');
        for (const note of notes) events.record(note);
        await eventually(async () => (await tried()).length === 2, 'two Events');
        for (const note of notes) events.record(note);
        await clock.advance(60_000);
        await eventually(
          async () => (await tried()).every((event) => (event as KubernetesObject)['deprecatedCount'] === 2),
          'two counts',
        );
        stop.abort();
        await running;
        await transport.close();
      });

      // apply() posts an object where Calico's API server 3.32.0 answers NotFound to its patch.
      test.each([
        'GlobalNetworkPolicy',
        'NetworkPolicy',
        'StagedGlobalNetworkPolicy',
        'StagedNetworkPolicy',
      ] as const)('a %s in each of its tiers, posted', async (kind) => {
        await rig().stopOperator();
        const transport = connect(await operatorKubeconfig());
        const namespace = kind.endsWith('GlobalNetworkPolicy') ? undefined : 'wordpress';
        const tier = calico('Tier', 'clusterfirewall', { order: 900 });
        await rig().apply(tier);
        const resource = kindResource(kind, namespace);
        const tiers = namespace === undefined ? ['', 'clusterfirewall.'] : [''];
        for (const prefix of tiers) {
          const name = `${prefix}cfw-posted`;
          const of = prefix === '' ? 'default' : 'clusterfirewall';
          const object = calico(kind, name, { tier: of, selector: 'all()', order: 1 });
          await create(transport, resource, object);
          const place = namespace === undefined ? [] : ['--namespace', namespace];
          await kubectl('delete', `${resource.plural}.projectcalico.org`, name, ...place);
        }
        await transport.close();
      });
    });

    const operatorKubeconfig = (): Promise<string> =>
      rig().cluster.serviceAccountKubeconfig(IDENTITY.namespace, IDENTITY.serviceAccount);

    describe('without one right', () => {
      walkTests(rig, mode);
    });
    describe('beyond what it does', () => {
      beyondTests(rig, mode, operatorKubeconfig);
    });
  });
};
