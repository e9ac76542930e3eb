import { beforeEach, describe, expect, test } from '@jest/globals';
import { loadAll } from 'js-yaml';
import { ApiError } from '../cluster/errors.ts';
import type { KubernetesObject } from '../cluster/resource.ts';
import { FakeApiServer } from '../cluster/testing/fake-api-server.ts';
import { duration, minuteOf } from './ago.ts';
import { calico, FIREWALLS, LEASES, NAMESPACES, NODES, POLICIES } from '../cluster/testing/served-kinds.ts';
import { runCommand } from './testing.ts';

const STAGED = calico('StagedGlobalNetworkPolicy', 'stagedglobalnetworkpolicies');
const ENDPOINTS = calico('HostEndpoint', 'hostendpoints');

const NOW = new Date(Date.UTC(2026, 10, 30, 16, 50));
const CREATED = '2026-11-30T16:40:12Z';
const LONG = `team-${'x'.repeat(58)}`;

const MANIFEST = `apiVersion: clusterfirewall.io/v1alpha1
kind: ClusterFirewall
metadata: { name: default }
spec:
  mode: Enforce
  namespaces:
    - { name: blog, namespaces: [wordpress] }
    - { name: canary, namespaces: [canary], mode: Observe }
`;

const condition = (type: string, status: string, reason: string, message: string) => ({
  type,
  status,
  reason,
  message,
  observedGeneration: 1,
  lastTransitionTime: CREATED,
});
const READY = [condition('Ready', 'True', 'Ready', 'every rule is programmed')];

let server: FakeApiServer;

async function rendered(manifest: string): Promise<readonly KubernetesObject[]> {
  const { stdout } = await runCommand(['render', '-'], { stdin: manifest });
  return loadAll(stdout) as KubernetesObject[];
}

/** @param ago seconds since the Lease was renewed */
const lease = (ago: number, holder = 'clusterfirewall-7d4b-x2x_5c6f'): void => {
  server.put(LEASES, {
    metadata: { name: 'clusterfirewall', namespace: 'clusterfirewall-system' },
    spec: {
      holderIdentity: holder,
      renewTime: new Date(NOW.getTime() - ago * 1000).toISOString().replace('Z', '000Z'),
    },
  });
};

const firewall = (status: object, name = 'default', metadata: object = {}): void => {
  const [, spec] = /spec:\n([\s\S]*)/.exec(MANIFEST) ?? [];
  const [parsed] = loadAll(`spec:\n${spec ?? ''}`) as { spec: object }[];
  server.put(FIREWALLS, {
    metadata: { name, ...metadata },
    spec: name === 'default' ? (parsed?.spec ?? {}) : { mode: 'Enforce' },
    status: { observedGeneration: 1, ...status },
  });
};

beforeEach(async () => {
  server = new FakeApiServer([FIREWALLS, LEASES, NAMESPACES, NODES, POLICIES, STAGED, ENDPOINTS]);
  for (const name of ['wordpress', 'canary', 'kube-system', LONG])
    server.put(NAMESPACES, { metadata: { name } });
  for (const object of await rendered(MANIFEST)) {
    const kind = [POLICIES, STAGED].find((each) => each.kind === object.kind);
    if (kind !== undefined)
      server.put(kind, { ...object, metadata: { ...object.metadata, creationTimestamp: CREATED } });
  }
  firewall({ conditions: READY, policies: { desired: 13, current: 13, summary: '13/13' } });
  lease(3);
});

const status = (...argv: readonly string[]) =>
  runCommand(['status', ...argv], { transport: server, date: NOW });

describe('status', () => {
  test('says who is enforced, observed and exempt, since when and by what', async () => {
    expect(await status()).toEqual({
      exitCode: 0,
      stderr: '',
      stdout: `operator: clusterfirewall-7d4b-x2x in clusterfirewall-system, last seen 3
  seconds ago

CLUSTERFIREWALL   MODE      READY   POLICIES   GENERATION
default           Enforce   True    13/13      1

namespaces: 2 enforced, 1 observed, 1 exempt
NAMESPACE     STATE      SINCE (UTC)        BY
canary        observed   2026-11-30 16:40   default/canary
kube-system   exempt     -                  defaults.exempt.systemNamespaces
${LONG}
              enforced   2026-11-30 16:40
wordpress     enforced   2026-11-30 16:40   default/blog
`,
    });
  });

  test('says loudly that no operator looks, and takes Ready for what it was', async () => {
    lease(14 * 60);
    const { exitCode, stdout } = await status();
    expect(exitCode).toBe(1);
    expect(stdout).toMatch(/^NO OPERATOR HAS LOOKED FOR 14 MINUTES: /);
    expect(stdout).toMatch(/^default +Enforce +was True /m);
    server.collection(LEASES).delete('clusterfirewall-system/clusterfirewall');
    expect((await status()).stdout).toMatch(/^NO OPERATOR HAS EVER LOOKED/);
    lease(1, '');
    expect((await status()).stdout).toContain('none leads at the moment');
  });

  test('names conditions, foreign objects and generations in a few lines', async () => {
    const message = `the fault is in ${'a long field '.repeat(9)}`.trim();
    firewall({
      observedGeneration: 0,
      conditions: [
        condition('Ready', 'False', 'UnknownPeer', message),
        condition('Stalled', 'True', 'UnknownPeer', message),
        condition('Accepted', 'True', 'Valid', 'the spec is valid'),
        condition('FailsafesOpen', 'True', 'Open', 'Felix lets 22/TCP in'),
      ],
      foreign: [1, 2, 3, 4].map((n) => ({ object: `GlobalNetworkPolicy/p${String(n)}`, opens: 'pods' })),
      foreignCount: { open: 7, accepted: 1 },
      namespacePolicies: { policies: 12, namespaces: 3 },
    });
    const { exitCode, stdout } = await status('default');
    expect(exitCode).toBe(1);
    expect(stdout).toContain('1, seen: 0');
    expect(stdout.match(/UnknownPeer/g)).toHaveLength(1);
    expect(stdout).toContain('default: FailsafesOpen (Open): Felix lets 22/TCP in\n');
    expect(stdout).not.toContain('Accepted');
    expect(stdout.match(/may open/g)).toHaveLength(4);
    expect(stdout).toContain('default: 4 more objects of others may open something\n');
    expect(stdout).toContain('default: 12 NetworkPolicies of 3 namespaces allow something there\n');
    for (const line of stdout.split('\n')) expect(line.length).toBeLessThanOrEqual(80);
  });

  test('shows control characters escaped', async () => {
    firewall({ conditions: [condition('Ready', 'False', 'Bad', 'one\u001b[2J\ntwo')] });
    const { stdout } = await status();
    expect(stdout).toContain(String.raw`one\u{1b}[2J\u{a}two`);
    expect(stdout.split('').filter((each) => each < ' ' && each !== '\n')).toEqual([]);
  });

  test('is about one firewall', async () => {
    firewall({ conditions: READY }, 'team');
    const { exitCode, stdout } = await status('team');
    expect({ exitCode, has: stdout.includes('wordpress') }).toEqual({ exitCode: 0, has: false });
    expect(stdout).toMatch(/^team +Enforce +True /m);
    expect(stdout).not.toMatch(/^default /m);
  });

  test('of a firewall that does not exist has no answer', async () => {
    expect(await status('nothing')).toMatchObject({ exitCode: 2, stdout: '' });
    server.collection(FIREWALLS).delete('default');
    const { exitCode, stderr } = await status();
    expect({ exitCode, stderr }).toMatchObject({
      exitCode: 2,
      stderr: expect.stringContaining('there is no ClusterFirewall'),
    });
  });

  test('says that a firewall is being deleted', async () => {
    firewall({ conditions: READY }, 'default', { deletionTimestamp: CREATED, finalizers: ['x'] });
    const { exitCode, stdout } = await status();
    expect(exitCode).toBe(1);
    expect(stdout).toMatch(/^default +Enforce +deleting /m);
    expect(stdout).toContain('default: it is being deleted');
  });

  test('is incomplete where something may not be read', async () => {
    server.fault = ({ path }) =>
      path.endsWith('/nodes') ? new ApiError({ code: 403, message: 'nodes is forbidden' }) : undefined;
    const { exitCode, stdout } = await status();
    expect(exitCode).toBe(3);
    expect(stdout).toContain('not known: nodes is forbidden\n');
    const json = JSON.parse((await status('-o', 'json')).stdout) as object;
    expect(json).toMatchObject({ unknown: ['nodes is forbidden'], namespaces: expect.any(Array) });
    expect(json).not.toHaveProperty('nodes');
  });

  test('as JSON has names and times', async () => {
    const { exitCode, stdout } = await status('-o', 'json');
    expect(exitCode).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({
      ok: true,
      operator: { stale: false, age: 3, lease: { namespace: 'clusterfirewall-system' } },
      firewalls: [
        { name: 'default', mode: 'Enforce', ready: true, valid: true, generation: 1, problems: [] },
      ],
      namespaces: expect.arrayContaining([
        { name: 'wordpress', state: 'enforced', since: CREATED, groups: ['default/blog'] },
      ]),
      nodes: [],
    });
  });
});

test.each([
  [0, '0 seconds'],
  [119, '119 seconds'],
  [120, '2 minutes'],
  [7199, '119 minutes'],
  [7200, '2 hours'],
  [200_000, '2 days'],
])('%d seconds are %s', (seconds, words) => {
  expect(duration(seconds)).toBe(words);
});

test.each([
  [CREATED, '2026-11-30 16:40'],
  [undefined, '-'],
  ['soon', '-'],
])('the minute of %s is %s', (time, minute) => {
  expect(minuteOf(time)).toBe(minute);
});
