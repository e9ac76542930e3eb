/** Changes of our objects by other clients, and their repair through the watch. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import type { KubernetesObject } from '../../src/cluster/resource.ts';
import { eventually, firewall, rule, type Rig, type RigMode } from './controller-harness.ts';
import { generatedThings, PLURALS, type Kind } from './controller-objects.ts';

const node = {
  apiVersion: 'v1',
  kind: 'Node',
  metadata: { name: 'n1' },
  status: { addresses: [{ type: 'InternalIP', address: '10.99.0.1' }] },
};
const egress = [{ name: 'out', pods: {}, to: [{ entity: 'World' }], ports: [443] }];
/** A firewall with objects of every enforced kind. */
const worldly = firewall({
  namespaces: [
    { name: 'blog', namespaces: ['wordpress'], ingress: [rule('web'), rule('api'), rule('site')], egress },
  ],
});

const unlabelled = {
  'app.kubernetes.io/managed-by': null,
  'clusterfirewall.io/firewall': null,
  'clusterfirewall.io/set': null,
};
const anything = { action: 'Allow' };

/** Kind, name of the change, and its merge patch. */
const ADDITIONS: readonly (readonly [Kind, string, (object: KubernetesObject) => object])[] = [
  ['GlobalNetworkSet', 'a net is added', () => ({ spec: { nets: ['10.99.0.1/32', '0.0.0.0/0'] } })],
  ['GlobalNetworkSet', 'its nets are taken', () => ({ spec: { nets: [] } })],
  [
    'GlobalNetworkPolicy',
    'a serviceAccountSelector is set',
    () => ({ spec: { serviceAccountSelector: "a == 'b'" } }),
  ],
  ['GlobalNetworkPolicy', 'applyOnForward is set', () => ({ spec: { applyOnForward: true } })],
  ['GlobalNetworkPolicy', 'doNotTrack is set', () => ({ spec: { doNotTrack: true, applyOnForward: true } })],
  [
    'GlobalNetworkPolicy',
    'it becomes preDNAT',
    () => ({ spec: { preDNAT: true, applyOnForward: true, types: ['Ingress'], egress: null } }),
  ],
  ['GlobalNetworkPolicy', 'its namespaceSelector is taken', () => ({ spec: { namespaceSelector: null } })],
  ['GlobalNetworkPolicy', 'its order is changed', () => ({ spec: { order: 1 } })],
  ['GlobalNetworkPolicy', 'its order is taken', () => ({ spec: { order: null } })],
  [
    'GlobalNetworkPolicy',
    'it gets hints',
    () => ({ spec: { performanceHints: ['AssumeNeededOnEveryNode'] } }),
  ],
  [
    'NetworkPolicy',
    'a rule is appended',
    (object) => ({ spec: { ingress: [...rulesOf(object), anything] } }),
  ],
  [
    'NetworkPolicy',
    'a rule is changed',
    (object) => ({ spec: { ingress: rulesOf(object).map((each) => ({ ...each, source: {} })) } }),
  ],
  ['NetworkPolicy', 'a type is added', () => ({ spec: { types: ['Ingress', 'Egress'] } })],
  ['NetworkPolicy', 'its rules are taken', () => ({ spec: { ingress: null } })],
  ['Tier', 'its order is changed', () => ({ spec: { order: 12 } })],
  ['Tier', 'it denies at its end', () => ({ spec: { defaultAction: 'Deny' } })],
  [
    'GlobalNetworkSet',
    'a label of ours is added',
    () => ({ metadata: { labels: { 'clusterfirewall.io/extra': 'x' } } }),
  ],
  [
    'GlobalNetworkSet',
    'its set label is changed',
    () => ({ metadata: { labels: { 'clusterfirewall.io/set': 'office' } } }),
  ],
  [
    'NetworkPolicy',
    'its label names another firewall',
    () => ({ metadata: { labels: { 'clusterfirewall.io/firewall': 'team' } } }),
  ],
  [
    'GlobalNetworkPolicy',
    'its annotation names other rules',
    () => ({ metadata: { annotations: { 'clusterfirewall.io/rules': 'default/nobody/ingress/x' } } }),
  ],
  [
    'GlobalNetworkPolicy',
    'labels and annotations are stripped',
    () => ({ metadata: { labels: null, annotations: null } }),
  ],
  [
    'GlobalNetworkSet',
    'every field that we own is taken',
    () => ({ metadata: { labels: unlabelled, annotations: null }, spec: { nets: ['0.0.0.0/0'] } }),
  ],
];

const rulesOf = ({ spec }: KubernetesObject): readonly object[] =>
  (spec as { readonly ingress?: readonly object[] }).ingress ?? [];

/** Calico's API server refuses to delete a tier that has policies, but its storage does not. */
const storedTiers = (mode: RigMode): string =>
  mode === 'aggregated' ? 'tiers.crd.projectcalico.org' : PLURALS.Tier;

export const drift = (rig: () => Rig, mode: RigMode): void => {
  describe('drift', () => {
    const { every, one, another, patch, repairs } = generatedThings(rig);
    beforeEach(another);
    beforeAll(async () => {
      await rig().apply(node, worldly);
      await rig().ready();
    }, 60_000);
    afterAll(() => rig().clear(), 60_000);

    test('an edited policy is repaired, and log, Event and metric name the other manager', async () => {
      await repairs(() => patch('NetworkPolicy', { spec: { ingress: [anything] } }, 'kubectl-edit'));
      expect((await rig().logged('drift repaired')).at(-1)).toMatchObject({
        firewall: 'default',
        manager: 'kubectl-edit',
        rules: [expect.stringContaining('default/blog/')],
      });
      await eventually(async () => {
        const events = await rig().list('events', '--field-selector', 'reason=DriftRepaired');
        const notes = events.map(({ note, message }) => JSON.stringify([note, message]));
        return notes.some((each) => each.includes('changed by kubectl-edit'));
      }, 'an Event');
      const metrics = await (await fetch(`${rig().operator.metricsUrl}/metrics`)).text();
      expect(metrics).toMatch(/^clusterfirewall_drift_repaired_total\{[^}]*kind="NetworkPolicy"[^}]*\} 1$/m);
    });

    test.each(ADDITIONS)('%s: %s', (kind, _, change) =>
      repairs(async () => patch(kind, change(await one(kind)))),
    );

    test('labels, annotations and finalizers of others stay', async () => {
      const theirs = {
        labels: { team: 'blue' },
        annotations: { 'example.com/note': 'mine' },
        finalizers: ['example.com/keep'],
      };
      await patch('GlobalNetworkPolicy', { metadata: theirs });
      await repairs(() =>
        patch('GlobalNetworkPolicy', { spec: { order: 3, performanceHints: ['AssumeNeededOnEveryNode'] } }),
      );
      expect((await one('GlobalNetworkPolicy')).metadata).toMatchObject(theirs);
      const none = { labels: { team: null }, annotations: { 'example.com/note': null }, finalizers: null };
      await patch('GlobalNetworkPolicy', { metadata: none });
    });

    test('fields that another manager takes over by server-side apply are taken back', () =>
      repairs(async () => {
        const { metadata, ...rest } = await one('NetworkPolicy');
        const { name, namespace, labels } = metadata;
        const object = {
          ...rest,
          metadata: { name, namespace, labels },
          spec: { ...(rest['spec'] as object), order: 9 },
        };
        const args = ['apply', '--server-side', '--force-conflicts', '--field-manager', 'gitops', '-f', '-'];
        await rig().cluster.kubectl(args, { input: JSON.stringify(object) });
      }));

    test('an edit of the whole object, as by kubectl edit and kubectl replace, is repaired', () =>
      repairs(async () => {
        const object = await one('NetworkPolicy');
        const spec = { ...(object['spec'] as object), selector: 'all()', ingress: [anything] };
        await rig().cluster.kubectl(['replace', '-f', '-'], { input: JSON.stringify({ ...object, spec }) });
      }));

    test('client-side kubectl apply is repaired, and its annotation stays', async () => {
      const { metadata, ...rest } = await one('NetworkPolicy');
      const { name, namespace, labels, annotations } = metadata;
      const spec = { ...(rest['spec'] as object), order: 4 };
      const input = JSON.stringify({ ...rest, metadata: { name, namespace, labels, annotations }, spec });
      const kubectl = (): Promise<string> => rig().cluster.kubectl(['apply', '-f', '-'], { input });
      const mark = 'kubectl.kubernetes.io/last-applied-configuration';
      await repairs(
        () => kubectl().then(() => undefined),
        (content) => ({
          ...content,
          annotations: { ...content.annotations, [mark]: undefined },
        }),
      );
      expect((await one('NetworkPolicy')).metadata.annotations).toHaveProperty([mark]);
      await patch('NetworkPolicy', { metadata: { annotations: { [mark]: null } } });
    });

    test('a policy that was moved to another tier, where the API allows that, is moved back', async () => {
      const { metadata } = await one('GlobalNetworkPolicy');
      const tier = metadata.labels?.['projectcalico.org/tier'] === 'default' ? 'clusterfirewall' : 'default';
      const move = () => patch('GlobalNetworkPolicy', { spec: { tier } });
      // Calico's API server has the tier in the name of the policy, and refuses.
      if (mode === 'aggregated') await expect(move()).rejects.toThrow('policy name');
      else await repairs(move);
    });

    test('a deleted object is created again', () =>
      repairs(async () => {
        const { name, namespace = '' } = (await one('NetworkPolicy')).metadata;
        await rig().cluster.kubectl(['delete', PLURALS.NetworkPolicy, name, '-n', namespace]);
      }));

    test('a deleted tier is created again', () =>
      repairs(async () => {
        await rig().cluster.kubectl(['delete', storedTiers(mode), 'clusterfirewall']);
      }));

    test('objects that were all deleted at once are created again', () =>
      repairs(async () => {
        const kinds = [PLURALS.NetworkPolicy, PLURALS.GlobalNetworkPolicy, PLURALS.GlobalNetworkSet].join();
        const ours = 'app.kubernetes.io/managed-by=clusterfirewall';
        await rig().cluster.kubectl(['delete', kinds, '--all-namespaces', '-l', ours]);
      }));

    test('a change that was made while the operator was stopped is found when it starts', async () => {
      const before = await every();
      await rig().stopOperator();
      await patch('GlobalNetworkPolicy', { spec: { order: 1 } });
      await rig().restart();
      await eventually(
        async () => JSON.stringify(await every()) === JSON.stringify(before),
        'everything as it was',
      );
    });
  });
};
