import { readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { runCommand, temporaryFiles } from './testing.ts';

const CLUSTER = path.join(import.meta.dirname, 'questions/golden/cluster.yaml');
const file = temporaryFiles();

interface Answered {
  readonly verdict: string;
  readonly answers: readonly {
    readonly verdict: string;
    readonly staged?: {
      readonly verdict: string;
      readonly because: { text: string };
      readonly removals: object[];
    };
  }[];
}

/** The cluster has more staged policies. */
async function ask(ends: readonly string[], more: readonly object[], mode = 'as-is') {
  const text = [readFileSync(CLUSTER, 'utf8'), ...more.map((each) => JSON.stringify(each))].join('\n---\n');
  const argv = ['explain', ...ends, '--inventory', file('cluster.yaml', text), '--mode', mode];
  const { stdout, exitCode } = await runCommand([...argv, '-o', 'json']);
  const { verdict, answers } = JSON.parse(stdout) as Answered;
  return { verdict, exitCode, staged: answers[0]?.staged, text: async () => (await runCommand(argv)).stdout };
}

const calico = (kind: string, metadata: object, spec: object): object => ({
  apiVersion: 'projectcalico.org/v3',
  kind,
  metadata,
  spec,
});
const OF_CACHE = { namespace: 'wordpress', name: 'cache-for-blog' };
const [NGINX, BLOG] = ['ingress-nginx/controller-0', 'wordpress/blog-6d9f-a'];
const TO_CACHE = ['wordpress/cache-0', '6379'];
const kubernetes = (spec: object): object => calico('StagedKubernetesNetworkPolicy', OF_CACHE, spec);

const CASES: readonly (readonly [string, readonly string[], object, object])[] = [
  [
    'a StagedKubernetesNetworkPolicy that removes its namesake',
    [NGINX, ...TO_CACHE],
    kubernetes({ stagedAction: 'Delete' }),
    {
      now: 'Denied',
      staged: {
        verdict: 'Allowed',
        removals: [expect.objectContaining({ kind: 'StagedKubernetesNetworkPolicy', ...OF_CACHE })],
      },
    },
  ],
  [
    'a StagedKubernetesNetworkPolicy that replaces its namesake',
    [BLOG, ...TO_CACHE],
    kubernetes({
      podSelector: { matchLabels: { app: 'cache' } },
      policyTypes: ['Ingress'],
      ingress: [{ ports: [{ port: 1 }] }],
    }),
    {
      now: 'Allowed',
      staged: {
        verdict: 'Denied',
        because: {
          text: 'no rule of the tier default allows it, and these policies select it: StagedKubernetesNetworkPolicy wordpress/cache-for-blog',
        },
      },
    },
  ],
  [
    'a StagedNetworkPolicy that denies',
    [BLOG, ...TO_CACHE],
    calico(
      'StagedNetworkPolicy',
      { namespace: 'wordpress', name: 'no' },
      { order: 1, selector: "app == 'cache'", types: ['Ingress'], ingress: [{ action: 'Deny' }] },
    ),
    {
      now: 'Allowed',
      staged: { verdict: 'Denied', because: { text: 'denied by StagedNetworkPolicy wordpress/no' } },
    },
  ],
  [
    'a StagedGlobalNetworkPolicy that allows what is allowed now',
    [BLOG, ...TO_CACHE],
    calico(
      'StagedGlobalNetworkPolicy',
      { name: 'yes' },
      { order: 1, selector: "app == 'cache'", types: ['Ingress'], ingress: [{ action: 'Allow' }] },
    ),
    {
      now: 'Allowed',
      staged: { verdict: 'Allowed', because: { text: 'allowed by StagedGlobalNetworkPolicy yes' } },
    },
  ],
  [
    'a staged policy that cannot be read',
    [BLOG, ...TO_CACHE],
    calico('StagedGlobalNetworkPolicy', { name: 'odd' }, { selector: 'a ==' }),
    { now: 'Allowed', staged: { verdict: 'Unknown' } },
  ],
];

describe('explain with staged policies', () => {
  test.each(CASES)('%s decides nothing, and is told', async (_, ends, policy, expected) => {
    const asIs = await ask(ends, [policy]);
    expect({ now: asIs.verdict, staged: asIs.staged }).toMatchObject(expected);
    const enforced = await ask(ends, [policy], 'enforce');
    expect(enforced.verdict).toBe(asIs.staged?.verdict);
    expect(enforced.staged).toBeUndefined();
  });

  test('a packet that no staged policy is about has no such line', async () => {
    const { staged, text } = await ask([BLOG, ...TO_CACHE], []);
    expect(staged).toBeUndefined();
    expect(await text()).not.toContain('Staged');
  });

  test('the text names the policy that goes', async () => {
    const { text } = await ask([NGINX, ...TO_CACHE], [kubernetes({ stagedAction: 'Delete' })]);
    expect((await text()).replaceAll(/\s+/g, ' ')).toContain(
      'Staged would allow it: no policy closes it. StagedKubernetesNetworkPolicy wordpress/cache-for-blog removes its namesake.',
    );
  });

  test('without a port, every packet is told twice where staged policies change something', async () => {
    const argv = ['explain', 'monitoring/prometheus-0', BLOG, '--inventory', CLUSTER];
    const { stdout } = await runCommand(argv);
    const [now, later] = stdout.split('With the staged policies enforced it would be');
    expect(now).toMatch(/^ALLOWED {2}/m);
    expect(later).not.toMatch(/^ALLOWED/m);
    expect(later).toContain('denied by StagedGlobalNetworkPolicy no-prometheus.');
    const other = await runCommand(['explain', BLOG, 'wordpress/cache-0', '--inventory', CLUSTER]);
    expect(other.stdout).not.toContain('With the staged policies');
  });
});
