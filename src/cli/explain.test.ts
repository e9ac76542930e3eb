import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { beforeAll, describe, expect, test } from '@jest/globals';
import { runCommand, temporaryFiles } from './testing.ts';

const ROOT = path.resolve(import.meta.dirname, '../..');
/** Relative, because the length of a path decides where lines break. */
const GOLDEN = path.relative(process.cwd(), path.join(import.meta.dirname, 'questions/golden'));
const CLUSTER = path.join(GOLDEN, 'cluster.yaml');
const FIREWALL = path.relative(process.cwd(), path.join(ROOT, 'config/samples/wordpress.yaml'));
const WITH_CLUSTER = ['--inventory', CLUSTER];
const EDGE = path.join(GOLDEN, 'edge.yaml');
const WITH_EDGE = ['-f', EDGE, ...WITH_CLUSTER];
const WITH_BOTH = ['-f', FIREWALL, ...WITH_CLUSTER];

const explain = (...argv: readonly string[]) => runCommand(['explain', ...argv]);
const answer = async (...argv: readonly string[]) => {
  const { stdout, exitCode, stderr } = await explain(...argv, '-o', 'json');
  expect(stderr).not.toContain('no end of a flow');
  return { exitCode, ...(JSON.parse(stdout) as { verdict: string; answers: { verdict: string }[] }) };
};

const file = temporaryFiles();
beforeAll(() => {
  mkdirSync(GOLDEN, { recursive: true });
});

/** Questions whose answers people read in their golden files. */
const QUESTIONS: readonly (readonly [string, number, ...(readonly string[])])[] = [
  ['allowed', 0, 'wordpress/blog-6d9f-a', 'wordpress/mariadb-0', '3306', ...WITH_BOTH],
  ['another-port', 1, 'wordpress/blog', 'wordpress/mariadb-0', '5432', ...WITH_BOTH],
  ['another-source', 1, 'monitoring/prometheus-0', 'wordpress/mariadb-0', 'mysql', ...WITH_BOTH],
  ['through-a-service', 0, 'ingress-nginx/controller-0', 'service:wordpress/blog', ...WITH_BOTH],
  ['from-world', 1, 'world', 'wordpress/cache-0', '6379', ...WITH_BOTH],
  ['to-an-address', 1, 'wordpress/cache-0', '203.0.113.9', '443', ...WITH_BOTH],
  ['a-pod-to-come', 1, 'pod:wordpress[app=worker]', 'wordpress/cache-0', '6379', ...WITH_BOTH],
  ['metadata-api', 1, 'wordpress/cache-0', '169.254.169.254', '80', ...WITH_BOTH],
  ['policies-of-others', 1, 'monitoring/prometheus-0', 'wordpress/cache-0', '6379', ...WITH_CLUSTER],
  ['staged', 0, 'monitoring/prometheus-0', 'wordpress/blog-6d9f-a', 'metrics', ...WITH_CLUSTER],
  [
    'staged-enforced',
    1,
    'monitoring/prometheus',
    'wordpress/blog',
    'metrics',
    '--mode',
    'enforce',
    ...WITH_CLUSTER,
  ],
  ['every-packet', 1, 'wordpress/blog', 'wordpress/mariadb-0', ...WITH_BOTH],
  ['every-packet-to-a-node', 1, 'ingress-nginx/controller-0', 'node:worker1', ...WITH_CLUSTER],
  ['node-port', 0, '203.0.113.9', 'node:worker1:30080', ...WITH_CLUSTER],
  ['through-a-zone', 0, '203.0.113.9', 'node:worker1:443', ...WITH_EDGE],
  ['a-failsafe', 0, '203.0.113.9', 'node:worker1:22', ...WITH_EDGE],
  ['a-closed-port-of-a-node', 1, '203.0.113.9', 'node:worker1:8443', ...WITH_EDGE],
  ['a-port-for-an-office', 1, 'wordpress/cache-0', 'node:worker2:22', ...WITH_EDGE],
];

describe('explain', () => {
  test.each(QUESTIONS)('%s is answered as in its golden file', async (name, exitCode, ...argv) => {
    const ran = await explain(...argv);
    const text = ran.stdout;
    const golden = path.join(GOLDEN, `${name}.txt`);
    if (process.env['UPDATE_GOLDEN'] !== undefined) writeFileSync(golden, text);
    expect({ text, exitCode: ran.exitCode }).toEqual({ text: readFileSync(golden, 'utf8'), exitCode });
    const wide = text.split('\n').filter((line) => line.length > 80 && line.trim().includes(' '));
    expect(wide).toEqual([]);
  });

  test('as JSON it has the verdict, the way, the rule with its place, and the addition', async () => {
    const { exitCode, verdict, answers } = await answer(
      'wordpress/blog-6d9f-a',
      'wordpress/mariadb-0',
      '5432',
      ...WITH_BOTH,
    );
    expect({ exitCode, verdict }).toEqual({ exitCode: 1, verdict: 'Denied' });
    expect(answers).toEqual([
      expect.objectContaining({
        verdict: 'Denied',
        packet: { family: 4, protocol: 6, port: 5432, source: '10.244.1.10', destination: '10.244.2.11' },
        because: expect.objectContaining({
          rule: expect.objectContaining({ id: 'default/defaults/deny', field: 'spec.defaults' }),
        }),
        path: [expect.objectContaining({ node: 'worker1', layer: 'pod egress', verdict: 'Denied' })],
        nearest: expect.objectContaining({
          differsIn: 'ports',
          opens: ['3306/TCP'],
          rule: expect.objectContaining({
            id: 'default/blog/connections/db',
            field: 'spec.namespaces[0].connections[0]',
            place: { file: FIREWALL, line: 37 },
          }),
        }),
        addition: expect.objectContaining({
          field: 'spec.namespaces[0].connections',
          entry: expect.objectContaining({ ports: [5432] }),
        }),
      }),
    ]);
  });

  test('the addition is what it says: with it the flow is allowed', async () => {
    const ends = ['wordpress/blog-6d9f-a', 'wordpress/mariadb-0', '5432'];
    const { answers } = await answer(...ends, ...WITH_BOTH);
    const { addition } = answers[0] as unknown as { addition: { entry: object } };
    const manifest = readFileSync(FIREWALL, 'utf8').replace(
      /( +)connections:\n/,
      (found, blanks: string) => `${found}${blanks}  - ${JSON.stringify(addition.entry)}\n`,
    );
    const changed = file('changed.yaml', manifest);
    expect(await answer(...ends, '-f', changed, ...WITH_CLUSTER)).toMatchObject({ verdict: 'Allowed' });
  });

  test.each([
    [
      'a pod that does not exist',
      'wordpress/none',
      'wordpress/cache-0',
      '1',
      'the namespace has blog-6d9f-a, blog-6d9f-b, mariadb-0, cache-0',
    ],
    [
      'a namespace that does not exist',
      'shop/none',
      'wordpress/cache-0',
      '1',
      'there is no namespace shop: there are',
    ],
    ['a node that does not exist', 'node:w9', 'wordpress/cache-0', '1', 'there are worker1, worker2'],
    ['a Service that does not exist', 'node:worker1', 'service:wordpress/db', '1', 'it has blog'],
    ['a port that does not exist', 'node:worker1', 'wordpress/cache-0', 'http', 'it has redis (6379/TCP)'],
    ['no port, and no pair', 'wordpress/cache-0', 'wordpress/cache-0', '', 'no packet goes from one'],
    ['several ports', 'node:worker1', 'wordpress/cache-0', '1-9', 'is more than one port'],
    [
      'a word that is no end',
      'wordpress',
      'wordpress/cache-0',
      '1',
      'is no end of a flow: write NAMESPACE/POD',
    ],
    ['a range', '10.0.0.0/8', 'wordpress/cache-0', '1', 'is a range: give one address'],
    ['a Service as the source', 'service:wordpress/blog', 'wordpress/cache-0', '1', 'opens no connection'],
    ['two ends outside', '192.0.2.1', '192.0.2.2', '1', 'neither end is in the cluster'],
    ['control characters', 'node:w\u001b[2J', 'wordpress/cache-0', '1', 'w\\u{1b}[2J'],
  ])('%s: exit code 2, and what there is', async (_, from, to, port, message) => {
    const ran = await explain(from, to, ...(port === '' ? [] : [port]), ...WITH_CLUSTER);
    expect(ran).toMatchObject({ exitCode: 2, stdout: '', stderr: expect.stringContaining(message) });
  });

  test('an answer that is not known comes before one that is denied in the exit code', async () => {
    const l7 = `---
apiVersion: projectcalico.org/v3
kind: GlobalNetworkPolicy
metadata: { name: l7 }
spec:
  selector: app == 'cache'
  types: [Ingress]
  ingress: [{ action: Allow, protocol: TCP, destination: { ports: [80] }, http: { methods: [GET] } }]
`;
    const cluster = file('l7.yaml', `${readFileSync(CLUSTER, 'utf8')}${l7}`);
    const ran = await explain('wordpress/blog-6d9f-a', 'wordpress/cache-0', '--inventory', cluster);
    expect(ran.stdout).toMatch(/^UNKNOWN {2}80\/TCP$[^]*^DENIED/m);
    expect(ran.exitCode).toBe(3);
  });

  test('Observe at nodes lets pass what no zone opens, and says so', async () => {
    const manifest = readFileSync(EDGE, 'utf8').replace(
      'nodes:\n    mode: Enforce',
      'nodes:\n    mode: Observe',
    );
    const { answers } = await answer(
      '203.0.113.9',
      'node:worker1:8443',
      '-f',
      file('observed.yaml', manifest),
      ...WITH_CLUSTER,
    );
    expect(answers).toMatchObject([
      {
        verdict: 'Allowed',
        because: { text: 'no zone and no rule opens it, and Observe lets it pass' },
      },
    ]);
  });

  test('a client of a Service comes in through a node without a pod of it, too', async () => {
    const second = '  - { addresses: [10.244.2.10], nodeName: worker2 }\n';
    const cluster = readFileSync(CLUSTER, 'utf8').replace(second, '');
    const { exitCode, answers } = await answer(
      '203.0.113.9',
      'service:wordpress/blog',
      '-f',
      EDGE,
      '--inventory',
      file('one-pod.yaml', cluster),
    );
    expect(exitCode).toBe(1);
    expect(answers).toMatchObject([
      { verdict: 'Allowed', remarks: expect.arrayContaining(['the packet comes in at node worker1']) },
      { verdict: 'Denied', remarks: expect.arrayContaining(['the packet comes in at node worker2']) },
    ]);
  });

  test('a pod without a node is named as one', async () => {
    const cluster = readFileSync(CLUSTER, 'utf8').replace(
      'nodeName: worker1, containers: [{ ports: [{ name: redis',
      'containers: [{ ports: [{ name: redis',
    );
    const ran = await explain(
      'wordpress/blog',
      'wordpress/cache-0',
      '6379',
      '--inventory',
      file('idle.yaml', cluster),
    );
    expect(ran).toMatchObject({ exitCode: 2, stderr: expect.stringContaining('runs on no node') });
  });

  test('a pod in the network of its node is the node', async () => {
    const { answers } = await answer('kube-system/proxy-x', 'wordpress/cache-0', '6379', ...WITH_CLUSTER);
    expect(answers).toMatchObject([{ from: { kind: 'node' }, verdict: 'Allowed' }]);
  });

  test('a snapshot that lacks a kind makes the answers Unknown that need it', async () => {
    const header = (kind: string): string =>
      JSON.stringify({
        apiVersion: 'clusterfirewall.io/v1alpha1',
        kind: 'Snapshot',
        objects: 2,
        lacks: [{ kind, because: 'forbidden' }],
      });
    const objects = [
      { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'a' } },
      {
        apiVersion: 'v1',
        kind: 'Node',
        metadata: { name: 'n' },
        status: { addresses: [{ type: 'InternalIP', address: '192.0.2.1' }] },
      },
    ].map((each) => JSON.stringify(each));
    const lacking = (kind: string): string => file(`${kind}.json`, [header(kind), ...objects, ''].join('\n'));
    const asked = ['pod:a[app=x]', '198.51.100.1', '80'];
    for (const kind of ['GlobalNetworkPolicy', 'Tier', 'HostEndpoint', 'Service']) {
      const ran = await explain(...asked, '--inventory', lacking(kind));
      expect({ kind, exitCode: ran.exitCode }).toEqual({ kind, exitCode: 3 });
      expect(ran.stdout).toMatch(/^UNKNOWN /);
      expect(ran.stderr).toContain(`${kind} objects are missing: forbidden`);
    }
    const harmless = await explain(...asked, '--inventory', lacking('BGPPeer'));
    expect(harmless).toMatchObject({ exitCode: 0, stdout: expect.stringMatching(/^ALLOWED /) });
  });

  test('an object that cannot be read is named, and what it could decide is Unknown', async () => {
    const broken = `${readFileSync(CLUSTER, 'utf8')}---\napiVersion: projectcalico.org/v3\nkind: GlobalNetworkPolicy\nmetadata: { name: odd }\nspec: { selector: 'a ==' }\n`;
    const ran = await explain(
      'wordpress/blog',
      'wordpress/cache-0',
      '6379',
      '--inventory',
      file('odd.yaml', broken),
    );
    expect(ran.exitCode).toBe(3);
    expect(ran.stderr).toContain('GlobalNetworkPolicy odd cannot be read: spec.selector');
  });

  test('an answer that rests on a ClusterNetworkPolicy says that it is read as documented', async () => {
    const more = `---
apiVersion: projectcalico.org/v3
kind: Tier
metadata: { name: kube-admin }
spec: { order: 1000, defaultAction: Pass }
---
apiVersion: policy.networking.k8s.io/v1alpha2
kind: ClusterNetworkPolicy
metadata: { name: admins }
spec:
  tier: Admin
  priority: 1
  subject: { namespaces: { matchLabels: { kubernetes.io/metadata.name: wordpress } } }
  ingress: [{ action: Deny, from: [{ namespaces: {} }] }]
`;
    const cluster = file('admins.yaml', `${readFileSync(CLUSTER, 'utf8')}${more}`);
    const ends = ['wordpress/blog-6d9f-a', 'wordpress/cache-0', '6379', '--inventory', cluster];
    const said = expect.arrayContaining([
      'ClusterNetworkPolicy admins is read as documented, and no packet has proven it',
    ]);
    const because = { text: 'denied by ClusterNetworkPolicy admins' };
    expect(await answer(...ends)).toMatchObject({ exitCode: 1, answers: [{ because, remarks: said }] });
    expect((await explain(...ends)).stderr).toContain('ClusterNetworkPolicies are read as documented');
  });

  test('a manifest with a problem makes the answer incomplete', async () => {
    const manifest = readFileSync(FIREWALL, 'utf8').replace('- peer: ingress', '- peer: nobody');
    const ran = await explain(
      'wordpress/blog',
      'wordpress/mariadb-0',
      '3306',
      '-f',
      file('bad.yaml', manifest),
      ...WITH_CLUSTER,
    );
    expect(ran.exitCode).toBe(3);
    expect(ran.stderr).toContain('peer "nobody" is not in spec.peers');
  });
});
