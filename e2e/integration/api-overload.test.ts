import { afterAll, beforeAll, expect, jest, test } from '@jest/globals';
import { eventually, firewall, IDENTITY, rule, startRig, type Rig } from './controller-harness.ts';

// API priority and fairness in kube-apiserver: requests beyond the operator's share are answered with 429 and
// Retry-After.

jest.setTimeout(120_000);

let rig: Rig;
beforeAll(async () => {
  rig = await startRig('aggregated');
}, 180_000);
afterAll(async () => {
  await rig[Symbol.asyncDispose]();
}, 60_000);

const API_VERSION = 'flowcontrol.apiserver.k8s.io/v1';
const NAME = 'operator-overloaded';

/**
 * The smallest possible share: a few requests at a time, without a queue and without borrowing from other
 * levels.
 */
const LEVEL = {
  apiVersion: API_VERSION,
  kind: 'PriorityLevelConfiguration',
  metadata: { name: NAME },
  spec: {
    type: 'Limited',
    limited: {
      nominalConcurrencyShares: 1,
      borrowingLimitPercent: 0,
      limitResponse: { type: 'Reject' },
    },
  },
};

/** All requests of the operator, including those for its lease. */
const FLOW = {
  apiVersion: API_VERSION,
  kind: 'FlowSchema',
  metadata: { name: NAME },
  spec: {
    priorityLevelConfiguration: { name: NAME },
    matchingPrecedence: 500,
    rules: [
      {
        subjects: [
          {
            kind: 'ServiceAccount',
            serviceAccount: { namespace: IDENTITY.namespace, name: IDENTITY.serviceAccount },
          },
        ],
        resourceRules: [
          { verbs: ['*'], apiGroups: ['*'], resources: ['*'], namespaces: ['*'], clusterScope: true },
        ],
        nonResourceRules: [{ verbs: ['*'], nonResourceURLs: ['*'] }],
      },
    ],
  },
};

test('an operator that is refused for load waits as long as Retry-After says, and succeeds', async () => {
  await rig.apply(LEVEL, FLOW);
  await eventually(async () => {
    const metrics = await rig.cluster.kubectl(['get', '--raw', '/metrics']);
    return metrics.includes(`apiserver_flowcontrol_dispatched_requests_total{flow_schema="${NAME}"`);
  }, 'the requests of the operator to be counted under the new level');

  const ingress = Array.from({ length: 40 }, (_, index) => rule(`r${String(index)}`));
  await rig.apply(firewall({ namespaces: [{ name: 'blog', namespaces: ['wordpress'], ingress }] }));
  await rig.ready();

  const writes = (await rig.writes())
    .filter(({ target }) => target.includes('networkpolicies/'))
    .sort((one, other) => (one.receivedAt < other.receivedAt ? -1 : 1));
  const refused = writes.filter(({ code }) => code === 429);
  expect(refused.length).toBeGreaterThan(0);
  for (const { target, receivedAt } of refused) {
    const next = writes.find((other) => other.target === target && other.receivedAt > receivedAt);
    const waited = Date.parse(next?.receivedAt ?? '') - Date.parse(receivedAt);
    // Retry-After is at least a second.
    expect([target, Math.min(waited, 1000)]).toEqual([target, 1000]);
  }
});
