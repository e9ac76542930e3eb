import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';
import fc from 'fast-check';
import { type Issue, validateDocument } from '../../src/api/validate.ts';
import { ApiError } from '../../src/cluster/errors.ts';
import type { UndiciTransport } from '../../src/cluster/http/undici-transport.ts';
import type { StartedCluster } from '../cluster.ts';
import { KubectlError } from '../errors.ts';
import { waitFor } from '../wait.ts';
import { localCluster } from '../providers/local.ts';
import { firewallWith, labelText, labels, SELECTOR_PLACES } from '../../src/api/testing/label-selectors.ts';
import { type Json, brokenFirewall, validFirewall } from './api-specs.ts';
import { connect } from '../harness/connect.ts';
import { FIREWALLS } from '../harness/paths.ts';

const root = join(import.meta.dirname, '../..');
const crd = join(root, 'crds/clusterfirewall.io_clusterfirewalls.yaml');
const badManifests = join(root, 'e2e/bad-manifests');

const firewall = (spec: object, name = 'default') => ({
  apiVersion: 'clusterfirewall.io/v1alpha1',
  kind: 'ClusterFirewall',
  metadata: { name },
  spec,
});

// Each test starts several kubectl processes, on a machine that may be busy with other tests.
jest.setTimeout(60_000);

let cluster: StartedCluster;
let transport: UndiciTransport;

beforeAll(async () => {
  cluster = await localCluster({ calico: { mode: 'none' }, nodes: [] }).start();
  transport = connect(cluster.kubeconfig);
  await cluster.kubectl(['apply', '--server-side', '-f', crd]);
  // kubectl explains and validates with the schema of a new kind. The API server publishes that schema some
  // time after it serves the kind.
  const explained = () => cluster.kubectl(['explain', 'clusterfirewall']).catch(() => undefined);
  await waitFor(explained, { what: 'the schema of ClusterFirewall', within: 60_000 });
}, 600_000);
afterAll(async () => {
  await transport.close();
  await cluster.stop();
}, 60_000);

const apply = (object: object) =>
  cluster.kubectl(['apply', '--server-side', '-f', '-'], { input: JSON.stringify(object) });
const remove = (name: string) => cluster.kubectl(['delete', 'clusterfirewall', name]);

describe('the CustomResourceDefinition', () => {
  test('is accepted without warnings: structural, and CEL within its budget', async () => {
    const answer = await transport.request({
      method: 'PATCH',
      path: '/apis/apiextensions.k8s.io/v1/customresourcedefinitions/clusterfirewalls.clusterfirewall.io',
      query: { fieldManager: 'kubectl', fieldValidation: 'Strict', dryRun: 'All', force: true },
      contentType: 'application/apply-patch+yaml',
      body: JSON.parse(
        await cluster.kubectl(['create', '--dry-run=client', '-o', 'json', '-f', crd]),
      ) as Json,
    });
    expect(answer.headers['warning']).toBeUndefined();
    const conditions = await cluster.kubectl([
      'get',
      '-f',
      crd,
      '-o',
      'jsonpath={.status.conditions[*].type}',
    ]);
    expect(conditions.split(' ').sort()).toEqual(['Established', 'NamesAccepted']);
  });

  test.each([
    ['clusterfirewall.spec', 'Who may talk to whom'],
    ['cfw.spec.namespaces', 'exactly one of namespaces, namespaceSelector and everyNamespace'],
    ['cfw.spec.namespaces.ingress.from', 'exactly one of peer, ipBlock, pods, nodes and entity'],
    ['cfw.spec.namespaces.egress.ports', 'All, All/TCP, All/UDP or All/SCTP; or ICMP'],
    ['cfw.spec.peers', 'exactly one of cidrs, pods and nodes'],
    ['cfw.spec.defaults.apiServerToPods', 'the pods behind webhooks and aggregated APIs'],
    ['cfw.spec.guardrails.to.entity', 'ControlPlane: nodes labelled as control plane'],
    ['cfw.status.problems', 'Reasons why rules are not programmed as written'],
  ])('kubectl explain %s teaches', async (field, text) => {
    const explained = await cluster.kubectl(['explain', field]);
    expect(explained.replace(/\s+/g, ' ')).toContain(text);
    expect(explained).not.toContain('<no description>');
  });

  test('a new firewall has no status, and the columns show its fields', async () => {
    await apply(firewall({ mode: 'Enforce' }));
    const status = await cluster.kubectl(['get', 'cfw', 'default', '-o', 'jsonpath={.status}']);
    expect(JSON.parse(status)).toEqual({ observedGeneration: -1 });
    const columns = (table: string) => table.split('\n')[0]?.split(/\s+/);
    const narrow = ['NAME', 'MODE', 'READY', 'REASON', 'POLICIES', 'NAMESPACES', 'NODES', 'FOREIGN', 'AGE'];
    expect(columns(await cluster.kubectl(['get', 'cfw']))).toEqual(narrow);
    expect(columns(await cluster.kubectl(['get', 'cfw', '-o', 'wide']))).toEqual([
      ...narrow,
      'GENERATION',
      'OBSERVED',
      'FAILSAFES',
      'ASSERTIONS',
      'MESSAGE',
    ]);
    await remove('default');
  });
});

describe('capacity: each manifest alone, server-side applied', () => {
  const many = <T>(count: number, make: (index: number) => T) =>
    Array.from({ length: count }, (_, i) => make(i));
  const address = (i: number) => `10.${String(i >> 8)}.${String(i & 255)}.0/24`;
  const rule = (i: number) => ({ name: `r${String(i)}`, pods: {}, from: [{ entity: 'World' }], ports: [80] });
  const specs: Record<string, object> = {
    '500 peers': { peers: many(500, (i) => ({ name: `p${String(i)}`, cidrs: [address(i)] })) },
    '500 groups': {
      namespaces: many(500, (i) => ({ name: `g${String(i)}`, namespaces: [`ns-${String(i)}`] })),
    },
    '100 rules in a list': {
      namespaces: [{ name: 'blog', namespaces: ['wordpress'], ingress: many(100, rule) }],
    },
    '1,000 CIDRs in a peer': { peers: [{ name: 'office', cidrs: many(1000, address) }] },
  };

  test.each(Object.entries(specs))('%s', async (_, spec) => {
    const object = firewall({ mode: 'Enforce', ...spec });
    expect(validateDocument(object)).toMatchObject({ ok: true });
    await apply(object);
    await apply(firewall({ deletionPolicy: 'Retain', mode: 'Enforce', ...spec }));
    const stored = JSON.parse(await cluster.kubectl(['get', 'cfw', 'default', '-o', 'json'])) as object;
    expect(stored).toMatchObject({ spec });
    await remove('default');
  });
});

describe('bad manifests', () => {
  const refused = readdirSync(badManifests)
    .filter((name) => name.endsWith('.yaml'))
    .filter((name) => readFileSync(join(badManifests, name), 'utf8').includes('# server: refused'));

  test('enforced objects stay unchanged, whatever is refused', async () => {
    await apply(firewall({ mode: 'Observe', deletionPolicy: 'Retain' }));
    const stored = () => cluster.kubectl(['get', 'cfw', '-o', 'json']);
    const before = await stored();
    expect(refused.length).toBeGreaterThanOrEqual(20);
    for (const name of refused) {
      const file = join(badManifests, name);
      const applied = cluster.kubectl(['apply', '--server-side', '--force-conflicts', '-f', file]);
      await expect(applied.then(() => name)).rejects.toThrow(KubectlError);
    }
    expect(await stored()).toBe(before);
    await remove('default');
  }, 120_000);
});

interface ZodOnly {
  readonly message: RegExp;
  /** A spec that violates only this rule. */
  readonly example: object;
}

const ingress = (rule: object) => ({
  mode: 'Enforce',
  namespaces: [
    {
      name: 'blog',
      namespaces: ['wordpress'],
      ingress: [{ name: 'web', pods: {}, from: [{ entity: 'World' }], ports: [80], ...rule }],
    },
  ],
});

/**
 * Rules that only zod checks, because an API server cannot check them without CEL inside rules. Specs that
 * zod refuses for another reason are refused by the API server too.
 */
const ZOD_ONLY: Readonly<Record<string, ZodOnly>> = {
  'addresses are well-formed and canonical, beyond their alphabet': {
    message:
      /has host bits|has leading zeros|has a mask that is too long|is more than 255|is not an IP(v4|v6)? address|IPv4-mapped|has no mask|has no valid mask/,
    example: { mode: 'Enforce', peers: [{ name: 'office', cidrs: ['10.0.0.1/8'] }] },
  },
  'except lies inside cidr': {
    message: /is not inside cidr/,
    example: ingress({ from: [{ ipBlock: { cidr: '10.0.0.0/8', except: ['192.0.2.0/24'] } }] }),
  },
  'ports that PORT_PATTERN cannot refuse: see src/net/ports.ts': {
    message:
      /is a reversed range|list the ports that are meant|did you mean (All|ICMP)\?|"[a-z0-9-]*--[a-z0-9-]*(\/\w+)?" is not a port/,
    example: ingress({ ports: ['90-80'] }),
  },
  'All with other ports': { message: /All cannot be combined/, example: ingress({ ports: ['All', 80] }) },
  'keys of matchLabels in rules are label keys: CEL for each of three million is more than an API server permits':
    {
      message: /label key/,
      example: ingress({ pods: { matchLabels: { 'a b': 'c' } } }),
    },
  'values go with the operator': {
    message: /with operator|looks at no value/,
    example: ingress({ pods: { matchExpressions: [{ key: 'app', operator: 'In' }] } }),
  },
  'null is not the same as absent: an API server drops it before it looks': {
    message: /has no value/,
    example: { mode: 'Enforce', deletionPolicy: null },
  },
};

const isZodOnly = (issue: Issue) =>
  Object.values(ZOD_ONLY).some(({ message }) => message.test(issue.message));

/** Undefined when the API server would take it, else what it says. */
async function refusal(body: unknown, path = FIREWALLS): Promise<string | undefined> {
  try {
    const query = { dryRun: 'All', fieldValidation: 'Strict' };
    await transport.request({ method: 'POST', path, query, body });
    return undefined;
  } catch (error) {
    if (error instanceof ApiError && (error.code === 400 || error.code === 422)) return error.message;
    throw error;
  }
}

describe('zod and the API server agree', () => {
  test('a valid spec is valid for both', async () => {
    await fc.assert(
      fc.asyncProperty(validFirewall, async (document) => {
        expect(validateDocument(document)).toMatchObject({ ok: true });
        expect(await refusal(document)).toBeUndefined();
      }),
      { numRuns: 200 },
    );
  }, 300_000);

  test.each(Object.entries(ZOD_ONLY))('zod’s alone: %s', async (_, { message, example }) => {
    const issue = { message: expect.stringMatching(message) };
    expect(validateDocument(firewall(example))).toMatchObject({ ok: false, issues: [issue] });
    expect(await refusal(firewall(example) as Json)).toBeUndefined();
  });

  test('a spec that one refuses is refused by the other, except by rules that only zod checks', async () => {
    const seen = { accepted: 0, refused: 0 };
    await fc.assert(
      fc.asyncProperty(brokenFirewall, async (document) => {
        const judged = validateDocument(document);
        const byServer = await refusal(document);
        if (judged.ok) {
          seen.accepted += 1;
          expect(byServer).toBeUndefined();
        } else if (byServer === undefined) {
          expect(judged.issues.filter((issue) => !isZodOnly(issue))).toEqual([]);
        } else seen.refused += 1;
      }),
      { numRuns: 1000 },
    );
    // The generator is useful only if it produces both.
    expect(Math.min(seen.accepted, seen.refused)).toBeGreaterThan(0);
  }, 600_000);
});

/** A NetworkPolicy with the selector. Kubernetes itself judges its labels. */
const networkPolicy = (podSelector: object) =>
  ({
    apiVersion: 'networking.k8s.io/v1',
    kind: 'NetworkPolicy',
    metadata: { name: 'labels' },
    spec: { podSelector },
  }) as Json;
const byKubernetes = (selector: object) =>
  refusal(networkPolicy(selector), '/apis/networking.k8s.io/v1/namespaces/default/networkpolicies');

const IN_RULES = /\[]\.(ingress|metrics|connections|egress)\[]/;

describe('labels', () => {
  test.each(SELECTOR_PLACES)(
    'the API server refuses __proto__ in %s, and other bad keys outside rules',
    async (path, specWith) => {
      const ours = (selector: object) => refusal(firewallWith(specWith, selector));
      expect(await ours({ matchLabels: { a: 'x' } })).toBeUndefined();
      expect(await ours({ matchLabels: labels('__proto__', 'x') })).toMatch(/matchLabels/);
      expect(await ours({ matchExpressions: [{ key: '__proto__', operator: 'Exists' }] })).toMatch(/key/);
      const answer = await ours({ matchLabels: labels('a b', 'x') });
      expect(answer ?? 'accepted').toMatch(
        IN_RULES.test(path) ? /^accepted$/ : /a key is not a label key: up to 63/,
      );
    },
  );

  test('validate judges keys and values as Kubernetes does, and the API server those of matchExpressions', async () => {
    const seen = { accepted: 0, refused: 0 };
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...SELECTOR_PLACES), labelText, async ([path, specWith], text) => {
        const selectors = [
          { matchLabels: labels(text, 'x') },
          { matchLabels: { a: text } },
          { matchExpressions: [{ key: text, operator: 'Exists' }] },
          { matchExpressions: [{ key: 'a', operator: 'In', values: [text] }] },
        ];
        for (const [index, selector] of selectors.entries()) {
          const document = firewallWith(specWith, selector);
          const accepted = (await byKubernetes(selector)) === undefined;
          expect({ selector, accepted: validateDocument(document).ok }).toEqual({ selector, accepted });
          seen[accepted ? 'accepted' : 'refused'] += 1;
          const byServer = await refusal(document);
          // In rules, the keys of matchLabels are zod's alone: see ZOD_ONLY.
          if (accepted || index > 0 || !IN_RULES.test(path))
            expect({ selector, accepted: byServer === undefined }).toEqual({ selector, accepted });
        }
      }),
      { numRuns: 300 },
    );
    expect(Math.min(seen.accepted, seen.refused)).toBeGreaterThan(100);
  }, 300_000);
});
