import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { readdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { Endpoint, StartedCluster, StartedPod, Transport } from '../cluster.ts';
import { startChild } from '../local/child.ts';
import { ip, namespacesWithPrefix, processesIn } from '../local/netns.ts';
import { createRun, removeLeftovers } from '../local/run.ts';
import { waitFor } from '../local/wait.ts';
import { localCluster } from '../providers/local.ts';

const START = 1_200_000; // Kubernetes and Calico are built first where they were not yet
const UP = fileURLToPath(new URL('../local/up.ts', import.meta.url));
const PORTS = [
  { port: 80, protocol: 'TCP' },
  { port: 53, protocol: 'UDP' },
] as const;
const PING = { ...PORTS[0], name: 'web' } as const;

const denyIngress = (name: string, namespace: string): string =>
  JSON.stringify({
    apiVersion: 'projectcalico.org/v3',
    kind: 'GlobalNetworkPolicy',
    metadata: { name },
    spec: { namespaceSelector: `projectcalico.org/name == '${namespace}'`, types: ['Ingress'] },
  });

describe('the local cluster', () => {
  let cluster: StartedCluster;
  let one: StartedPod;
  let two: StartedPod;
  let outside: Endpoint;

  beforeAll(async () => {
    cluster = await localCluster().start();
    await cluster.createNamespace('blog', { team: 'web' });
    const spec = { namespace: 'blog', ports: [PING, PORTS[1]] };
    [one, two, outside] = await Promise.all([
      cluster.createPod({ ...spec, name: 'one', node: 'node1' }),
      cluster.createPod({ ...spec, name: 'two', node: 'node2' }),
      cluster.createOutsideHost({
        name: 'office',
        addresses: ['203.0.113.50', '2001:db8::50'],
        ports: PORTS,
      }),
    ]);
  }, START);

  afterAll(() => cluster.stop());

  /** Every combination of the three endpoints whose target is a pod, both protocols and both IP families. */
  async function verdicts(): Promise<ReadonlySet<string>> {
    const flows = [
      [one, two],
      [two, one],
      [outside, one],
      [outside, two],
    ] as const;
    const probes = flows.flatMap(([from, to]) =>
      to.addresses.flatMap((host) => PORTS.map((port) => from.probe({ host, ...port }))),
    );
    return new Set((await Promise.all(probes)).map(({ verdict }) => verdict));
  }

  test('connects pods across nodes and with the outside over TCP and UDP in both IP families', async () => {
    expect(await verdicts()).toEqual(new Set(['allowed']));
    for (const host of outside.addresses) {
      expect(await one.probe({ host, port: 80 })).toMatchObject({ verdict: 'allowed' });
    }
  });

  test('tells which address a connection came from', async () => {
    const result = await one.probe({ host: two.address, port: 80 });
    expect(result).toMatchObject({ verdict: 'allowed', seenFrom: { address: one.address } });
  });

  test.each<Transport>(['TCP', 'UDP'])('does not take a closed %s port for a refusal', async (protocol) => {
    const result = await one.probe({ host: two.address, port: 9999, protocol });
    expect(result).toEqual({ verdict: 'inconclusive', error: 'ECONNREFUSED' });
  });

  test('lets pods reach the API server', async () => {
    const result = await one.probe({ host: '10.99.0.1', port: 6443, echo: false });
    expect(result).toMatchObject({ verdict: 'allowed' });
  });

  test('enforces a policy on both nodes as soon as it is said to be programmed, and until it is removed', async () => {
    await cluster.kubectl(['apply', '--filename', '-'], { input: denyIngress('deny', 'blog') });
    await cluster.policiesProgrammed();
    expect(await verdicts()).toEqual(new Set(['refused']));
    await cluster.kubectl(['delete', 'globalnetworkpolicy', 'deny']);
    await cluster.policiesProgrammed();
    expect(await verdicts()).toEqual(new Set(['allowed']));
  });

  test('runs one node in each dataplane', async () => {
    expect(cluster.nodes.map(({ name, dataplane }) => [name, dataplane])).toEqual([
      ['node1', 'iptables'],
      ['node2', 'nftables'],
    ]);
    expect(await cluster.node('node1').packetFilter()).toContain('-A cali-FORWARD');
    expect(await cluster.node('node2').packetFilter()).toContain('chain filter-cali-FORWARD');
  });

  test('gives a node further addresses, with servers on them alone', async () => {
    const node = cluster.node('node2');
    await node.addAddress('169.254.20.10', PORTS);
    for (const port of PORTS) {
      expect(await two.probe({ host: '169.254.20.10', ...port })).toMatchObject({ verdict: 'allowed' });
      expect(await two.probe({ host: node.address, ...port })).toMatchObject({ verdict: 'inconclusive' });
    }
  });

  test('gives a ServiceAccount its own identity', async () => {
    const kubeconfig = await cluster.serviceAccountKubeconfig('blog', 'default');
    const me = await cluster.kubectl(['auth', 'whoami'], { kubeconfig });
    expect(me).toContain('system:serviceaccount:blog:default');
    await expect(cluster.kubectl(['get', 'secrets', '--all-namespaces'], { kubeconfig })).rejects.toThrow(
      'forbidden',
    );
  });

  test('makes a pod again under its name after it was deleted', async () => {
    const spec = { namespace: 'blog', name: 'again', node: 'node1', ports: PORTS };
    const first = await cluster.createPod(spec);
    await first.delete();
    const second = await cluster.createPod(spec);
    expect(await two.probe({ host: second.address, port: 80 })).toMatchObject({ verdict: 'allowed' });
  });

  test('says what is wrong', async () => {
    await expect(cluster.kubectl(['get', 'nonsense'])).rejects.toMatchObject({ exitCode: 1 });
    expect(() => cluster.node('node9')).toThrow('no node node9; there are node1, node2');
  });
});

describe('what a local cluster leaves behind', () => {
  const none = localCluster({ calico: { mode: 'none' } });

  test(
    'is nothing when it was stopped',
    async () => {
      const cluster = await none.start();
      const namespaces = await namespacesWithPrefix(`cfw-${cluster.name}-`);
      const processes = await processesIn(namespaces);
      expect(namespaces).toContain(`cfw-${cluster.name}-node1`);
      expect(processes.length).toBeGreaterThan(0);
      await cluster.stop();
      await expectNothingLeft(cluster.workDir, processes);
    },
    START,
  );

  test(
    'is removed soon when the process that started it was killed',
    async () => {
      const owner = spawn(process.execPath, [UP, 'none'], { stdio: ['ignore', 'pipe', 'inherit'] });
      const [line] = (await once(createInterface({ input: owner.stdout }), 'line')) as [string];
      const workDir = path.dirname(line.replace('export KUBECONFIG=', ''));
      const processes = await processesIn(await namespacesWithPrefix(`cfw-${path.basename(workDir)}-`));
      expect(processes.length).toBeGreaterThan(0);
      owner.kill('SIGKILL');
      await expectNothingLeft(workDir, processes);
    },
    START,
  );

  test('is removed at the next start when even the reaper died', async () => {
    const run = await createRun();
    const namespace = run.namespace('node1');
    await ip([`netns add ${namespace}`]);
    const child = startChild(run, { name: 'sleeper', namespace, file: 'sleep', args: ['600'] });
    await writeFile(path.join(run.dir, 'owner'), 'another-boot/1/1');
    await removeLeftovers();
    expect(await child.ended).toBe('SIGKILL');
    await expectNothingLeft(run.dir, []);
  });
});

async function expectNothingLeft(workDir: string, processes: readonly number[]): Promise<void> {
  const left = async (): Promise<readonly unknown[]> => [
    ...(await namespacesWithPrefix(`cfw-${path.basename(workDir)}-`)),
    ...(await readdir(workDir).catch(() => [])),
    ...processes.filter((pid) => existsSync(`/proc/${pid}`)),
  ];
  await waitFor(async () => (await left()).length === 0 || undefined, {
    what: 'everything to be removed',
    within: 20_000,
    explain: async () => `left: ${(await left()).join(', ')}`,
  });
}
