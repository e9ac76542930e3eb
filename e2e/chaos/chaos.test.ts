/**
 * One fault of each class (`make chaos` runs more), and two simulated failures of the firewall that the
 * checks must find.
 */
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { execFile } from 'node:child_process';
import { mkdtemp } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import { play } from './campaign.ts';
import { FAULT_CLASSES } from './faults/all.ts';
import type { FaultClass } from './faults/fault.ts';
import { startStage, type Stage } from './stage.ts';

const START_WITHIN = 180_000;
const FAULT_WITHIN = 400_000;
/** Any other seed works as well. */
const SEED = 1;

let stage: Stage | undefined;
let folder = '';
let refused = 0;

beforeAll(async () => {
  folder = await mkdtemp(path.join(os.tmpdir(), 'clusterfirewall-chaos-'));
  stage = await startStage();
}, START_WITHIN);

afterAll(async () => {
  await stage?.[Symbol.asyncDispose]();
}, START_WITHIN);

function theStage(): Stage {
  if (stage === undefined) throw new Error('the stage did not start: see the first error');
  return stage;
}

test.each(FAULT_CLASSES.map((fault, i) => ({ name: fault.name, fault, number: i + 1 })))(
  '$name: converges, allowed flows lose nothing, refused ones never pass',
  async ({ fault, number }) => {
    const outcome = await play(
      theStage(),
      { number, fault, seed: SEED + number },
      { length: 'short', folder },
    );
    expect(outcome.verdict.violations).toEqual([]);
    expect(outcome.verdict.allowed.sent).toBeGreaterThan(0);
    refused += outcome.verdict.refused.sent;
  },
  FAULT_WITHIN,
);

// Not for each fault: while a firewall is being removed, no flow is refused all the time.
test('refused flows were probed as well', () => {
  expect(refused).toBeGreaterThan(0);
});

const fromOutside = (name: string, run: (stage: Stage) => Promise<void>): FaultClass => ({
  name,
  weight: 0,
  plan: (_random, state) => ({ parameters: 'on purpose', states: [state, state], run }),
});

const violationsOf = async (fault: FaultClass): Promise<readonly string[]> =>
  (await play(theStage(), { number: 0, fault, seed: SEED }, { length: 'short', folder })).verdict.violations;

test(
  'a gap of 100 ms on one node is found, in flows through that node',
  async () => {
    const gap = fromOutside('gap', async ({ cluster }) => {
      const drop =
        'add table inet gap; add chain inet gap everything { type filter hook forward priority -200; policy drop; }';
      const script = `nft '${drop}' && sleep 0.1; nft 'delete table inet gap'`;
      await promisify(execFile)('ip', ['netns', 'exec', `cfw-${cluster.name}-node2`, 'sh', '-c', script]);
    });
    const violations = (await violationsOf(gap)).join('\n');
    expect(violations).toMatch(/edge\/proxy1 → app\/web2:80\/TCP: lost \d+ of/);
    expect(violations).toMatch(/calm\/client → calm\/api:5000\/UDP: lost \d+ of/);
    expect(violations).not.toContain('passed although');
  },
  FAULT_WITHIN,
);

/** A policy that an administrator could write and a tenant could not. */
const backDoor = (name: string, namespace: string, direction: 'Ingress' | 'Egress') => ({
  apiVersion: 'projectcalico.org/v3',
  kind: 'GlobalNetworkPolicy',
  metadata: { name },
  spec: {
    order: 1,
    namespaceSelector: `kubernetes.io/metadata.name == '${namespace}'`,
    types: [direction],
    [direction.toLowerCase()]: [{ action: 'Allow' }],
  },
});

test(
  'a refused flow that passes for a moment is found',
  async () => {
    const POLICIES = '/apis/projectcalico.org/v3/globalnetworkpolicies';
    const doors = [backDoor('chaos-out', 'mallory', 'Egress'), backDoor('chaos-in', 'app', 'Ingress')];
    const opened = fromOutside('opened', async ({ api, cluster }) => {
      for (const door of doors) await api.post(POLICIES, door);
      await cluster.policiesProgrammed();
      await delay(100);
      for (const { metadata } of doors) await api.delete(`${POLICIES}/${metadata.name}`);
    });
    const violations = (await violationsOf(opened)).join('\n');
    expect(violations).toMatch(/mallory\/m1 → app\/web2:80\/TCP: \d+ of \d+ probes passed although refused/);
  },
  FAULT_WITHIN,
);
