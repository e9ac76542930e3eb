/** Native Calico has admission policies that complete each write: types, the tier, and its label. */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { collectionPath } from '../../src/cluster/resource.ts';
import { valueAt } from '../../src/json.ts';
import { kindResource } from '../../src/controller/objects/kinds.ts';
import { mutatingPolicy, STORAGE } from '../harness/mutating-policies.ts';
import { eventually, firewall, rule, type Rig } from './controller-harness.ts';
import { generatedThings } from './controller-objects.ts';

const completing = (name: string, patch: string, condition: string): readonly object[] =>
  mutatingPolicy({
    name,
    api: STORAGE.native,
    resources: [
      'networkpolicies',
      'globalnetworkpolicies',
      'stagednetworkpolicies',
      'stagedglobalnetworkpolicies',
    ],
    condition,
    patch,
  });

/** The same as api/admission of Calico 3.32. */
const POLICIES = [
  ...completing(
    'types',
    `[JSONPatch{op: "add", path: "/spec/types", value: has(object.spec.ingress) && has(object.spec.egress) ? ["Ingress", "Egress"] : has(object.spec.egress) ? ["Egress"] : ["Ingress"]}]`,
    '!has(object.spec.types)',
  ),
  ...completing(
    'tier-label',
    `[JSONPatch{op: "add", path: "/metadata/labels/projectcalico.org~1tier", value: has(object.spec.tier) ? object.spec.tier : "default"}]`,
    'has(object.metadata.labels)',
  ),
  ...completing(
    'tier-label-first',
    `[JSONPatch{op: "add", path: "/metadata/labels", value: {"projectcalico.org/tier": has(object.spec.tier) ? object.spec.tier : "default"}}]`,
    '!has(object.metadata.labels)',
  ),
];

export const mutatingPolicies = (rig: () => Rig): void => {
  describe("with Calico's mutating admission policies", () => {
    const { every, one, patch, repairs } = generatedThings(rig);
    beforeAll(async () => {
      await rig().apply(...POLICIES);
      const probe = {
        apiVersion: 'projectcalico.org/v3',
        kind: 'NetworkPolicy',
        metadata: { name: 'probe' },
        spec: {},
      };
      await eventually(async () => {
        const { body } = await rig().transport.request({
          method: 'POST',
          path: collectionPath(kindResource('NetworkPolicy', 'wordpress')),
          query: { dryRun: 'All' },
          body: probe,
        });
        const isLabelled = valueAt(body, 'metadata', 'labels', 'projectcalico.org/tier') === 'default';
        return isLabelled && valueAt(body, 'spec', 'types') !== undefined;
      }, 'the admission policies to be in force');
      await rig().apply(firewall());
      await rig().ready();
    }, 90_000);
    afterAll(async () => {
      await rig().clear();
      const input = JSON.stringify({ apiVersion: 'v1', kind: 'List', items: POLICIES });
      await rig().cluster.kubectl(['delete', '-f', '-'], { input });
    }, 60_000);

    test('objects that they have completed are not written again', async () => {
      const before = await every();
      const written = (await rig().writes()).length;
      const other = { name: 'other', namespaces: ['wordpress'], ingress: [rule('other')] };
      await rig().apply(firewall({ namespaces: [other] }, 'team'));
      await rig().ready('team');
      const since = (await rig().writes()).slice(written).map(({ target }) => target);
      expect(since.filter((target) => target.includes('-default-'))).toEqual([]);
      expect(await every()).toEqual(before);
    });

    test('drift is repaired as without them', async () => {
      await repairs(() => patch('NetworkPolicy', { spec: { types: null, egress: [{ action: 'Allow' }] } }));
      await repairs(() => patch('GlobalNetworkPolicy', { metadata: { labels: null } }));
      expect((await one('NetworkPolicy')).metadata.labels).toMatchObject({
        'projectcalico.org/tier': 'default',
      });
    });
  });
};
