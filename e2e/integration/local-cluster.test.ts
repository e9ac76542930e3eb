import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { readdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { Endpoint, FlowTally, StartedCluster, StartedPod, Transport } from '../cluster.ts';
import { startChild } from '../local/process/child.ts';
import { ip, namespacesWithPrefix, processesIn } from '../local/process/netns.ts';
import { createRun, removeLeftovers } from '../local/process/run.ts';
import { waitFor } from '../wait.ts';
import type { StartedLocalCluster } from '../local/started-cluster.ts';
import { localCluster } from '../providers/local.ts';
import type { Flow } from '../../src/flowlogs/flow.ts';
import { flowReader } from '../../src/flowlogs/reader.ts';
import { gap, seen, sendWhile, type Happens, type Sent } from './flow-gap.ts';

const START = 1_200_000; // Kubernetes and Calico are built first if they are missing.
/** Some tests wait for a control plane that restarts. */
jest.setTimeout(90_000);
const UP = fileURLToPath(new URL('../local/up.ts', import.meta.url));
const PORTS = [
  { port: 80, protocol: 'TCP' },
  { port: 53, protocol: 'UDP' },
] as const;
const OFFICE = { name: 'office', addresses: ['203.0.113.50', '2001:db8::50'], ports: PORTS };
const PING = { ...PORTS[0], name: 'web' } as const;

const CONTROLLERS = ['garbage-collector-controller', 'namespace-controller'];

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
    cluster = await localCluster({ controllers: CONTROLLERS }).start();
    await cluster.createNamespace('blog', { team: 'web' });
    const spec = { namespace: 'blog', ports: [PING, PORTS[1]] };
    [one, two, outside] = await Promise.all([
      cluster.createPod({ ...spec, name: 'one', node: 'node1' }),
      cluster.createPod({ ...spec, name: 'two', node: 'node2' }),
      cluster.createOutsideHost(OFFICE),
    ]);
  }, START);

  afterAll(() => cluster.stop());

  /** Every combination of the three endpoints whose target is a pod, for both protocols and IP families. */
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

  test('reports the source address of a connection', async () => {
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

  test('enforces a policy on both nodes from policiesProgrammed until its removal', async () => {
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

  test('adds addresses to a node, with servers on only those', async () => {
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

  describe('a flow', () => {
    const ONE_PACKET: readonly Sent[] = [
      { protocol: 'TCP', kind: 'new', family: 4 },
      { protocol: 'UDP', kind: 'new', family: 6 },
      { protocol: 'UDP', kind: 'established', family: 4 },
    ];
    const CONNECTION: Sent = { protocol: 'TCP', kind: 'established', family: 6 };
    const ALL = [...ONE_PACKET, CONNECTION];

    const sent = (how: readonly Sent[], happens: Happens): Promise<readonly FlowTally[]> =>
      sendWhile({ cluster, from: one, to: two, how }, happens);

    test('loses no packet if none is dropped', async () => {
      const tallies = await sent(ALL, (flows) => seen(flows, 100));
      expect(tallies).toHaveLength(4);
      for (const tally of tallies) {
        expect(tally).toMatchObject({ countedLosses: 0, longestGapMs: 0 });
        expect(tally.answered).toBeGreaterThan(100);
      }
    });

    test('sees a gap of 100 ms', async () => {
      for (const tally of await sent(ONE_PACKET, () => gap(cluster, 'node1', 100))) {
        expect(tally.countedLosses).toBeGreaterThan(0);
        expect(tally.lossTimes).toHaveLength(tally.countedLosses);
        expect(tally.longestGapMs).toBeGreaterThanOrEqual(100);
      }
    });

    test('sees a longer gap on a connection, which repeats dropped packets', async () => {
      const [tally] = await sent([CONNECTION], () => gap(cluster, 'node1', 300));
      expect(tally?.countedLosses).toBeGreaterThan(0);
      expect(tally?.longestGapMs).toBeGreaterThanOrEqual(100);
    });

    test('does not count a stopped process as a gap', async () => {
      const lateOnes = ALL.filter(({ protocol, kind }) => protocol === 'UDP' || kind === 'established');
      const tallies = await sent(lateOnes, async () => {
        const pids = await processesIn([`cfw-${cluster.name}-${two.name}`]);
        for (const pid of pids) process.kill(pid, 'SIGSTOP');
        await delay(1500); // Longer than the wait for any answer.
        for (const pid of pids) process.kill(pid, 'SIGCONT');
      });
      for (const tally of tallies) {
        expect(tally.lost).toBeGreaterThan(0);
        expect(tally.countedLosses).toBe(0);
      }
    });

    test('is never answered while it is refused, and its control always is', async () => {
      await cluster.kubectl(['apply', '--filename', '-'], { input: denyIngress('deny', 'blog') });
      await cluster.policiesProgrammed();
      const tallies = await sent(ONE_PACKET, (flows) => seen(flows, 50));
      await cluster.kubectl(['delete', 'globalnetworkpolicy', 'deny']);
      await cluster.policiesProgrammed();
      for (const tally of tallies) {
        expect(tally).toMatchObject({ answered: 0 });
        expect(tally.countedLosses).toBe(tally.controlled);
        expect(tally).not.toHaveProperty('firstAnswered');
      }
    });

    test('does not count a closed port as a loss', async () => {
      const control = await cluster.wire(one, two);
      const flow = await one.flow({ host: two.address, port: 9999, control });
      await expect(flow.stop()).rejects.toThrow('port 9999: ECONNREFUSED');
      await expect(
        one.flow({ host: two.address, port: 9999, control }, { kind: 'established' }),
      ).rejects.toThrow(`no connection to ${two.address} port 9999`);
    });
  });

  describe('the control plane', () => {
    const get = (path: string): Promise<string> => cluster.kubectl(['get', '--raw', path]);

    test('finishes deletions: of a namespace, in the foreground, and of orphans', async () => {
      await cluster.createNamespace('gone');
      await cluster.kubectl(['delete', 'namespace', 'gone', '--timeout=60s']);
      for (const mode of ['foreground', 'orphan']) {
        await cluster.kubectl(['create', 'configmap', mode, '--namespace=blog']);
        const how = [`--cascade=${mode}`, '--timeout=60s'];
        await cluster.kubectl(['delete', 'configmap', mode, '--namespace=blog', ...how]);
      }
    });

    test('keeps old versions after its API server was killed and restarted, until etcd is compacted', async () => {
      interface Page {
        readonly metadata: { readonly resourceVersion: string; readonly continue: string };
      }
      const page = JSON.parse(await get('/api/v1/namespaces?limit=1')) as Page;
      const rest = `/api/v1/namespaces?limit=100&continue=${encodeURIComponent(page.metadata.continue)}`;
      await cluster.createNamespace('later');
      await cluster.faults.killApiServer();
      await expect(get('/readyz')).rejects.toThrow();
      await cluster.faults.startApiServer();
      expect(await get(rest)).toContain('"name":"kube-system"');
      await cluster.faults.compactEtcd();
      await expect(get(rest)).rejects.toThrow('Expired');
      const { resourceVersion } = page.metadata;
      const watch = await get(
        `/api/v1/namespaces?watch=true&timeoutSeconds=1&resourceVersion=${resourceVersion}`,
      );
      expect(watch).toContain('"code":410');
    });

    test('lacks only Calico’s kinds while Calico’s API server is dead, and still enforces policies', async () => {
      await cluster.faults.killCalicoApiServer();
      await expect(get('/apis/projectcalico.org/v3/tiers')).rejects.toThrow();
      await get('/api/v1/namespaces');
      expect(await verdicts()).toEqual(new Set(['allowed']));
      await cluster.faults.startCalicoApiServer();
      await get('/apis/projectcalico.org/v3/tiers');
      await cluster.policiesProgrammed();
    });

    test('is reached through a relay, until the relay is a black hole', async () => {
      await using relay = await cluster.faults.relay();
      const kubeconfig = await cluster.serviceAccountKubeconfig('blog', 'default', relay.server);
      const whoAmI = (): Promise<string> =>
        cluster.kubectl(['auth', 'whoami', '--request-timeout=3s'], { kubeconfig });
      expect(await whoAmI()).toContain('system:serviceaccount:blog:default');
      relay.blackHoleAll();
      await expect(whoAmI()).rejects.toThrow();
      relay.restore();
      expect(await whoAmI()).toContain('system:serviceaccount:blog:default');
    });
  });

  test('recreates a deleted pod under its name', async () => {
    const spec = { namespace: 'blog', name: 'again', node: 'node1', ports: PORTS };
    const first = await cluster.createPod(spec);
    await first.delete();
    const second = await cluster.createPod(spec);
    expect(await two.probe({ host: second.address, port: 80 })).toMatchObject({ verdict: 'allowed' });
  });

  test('reports errors', async () => {
    await expect(cluster.kubectl(['get', 'nonsense'])).rejects.toMatchObject({ exitCode: 1 });
    expect(() => cluster.node('node9')).toThrow('no node node9; there are node1, node2');
  });
});

describe('a wider local cluster', () => {
  let cluster: StartedLocalCluster;
  let near: StartedPod;
  let far: StartedPod;
  let outside: Endpoint;
  const allowed = { verdict: 'allowed' };

  beforeAll(async () => {
    cluster = await localCluster({
      nodes: [
        { name: 'node1', dataplane: 'iptables', labels: { edge: 'true' } },
        { name: 'node2', dataplane: 'nftables' },
        { name: 'node3', dataplane: 'nftables', joined: false },
      ],
      podNetwork: { overlay: 'VXLAN', natOutgoing: true },
      serviceProxy: true,
      calicoControllers: true,
      flowLogs: true,
      controllers: ['endpointslice-controller'],
    }).start();
    await cluster.createNamespace('blog');
    const spec = { namespace: 'blog', labels: { app: 'blog' }, ports: PORTS };
    [near, far, outside] = await Promise.all([
      cluster.createPod({ ...spec, name: 'near', node: 'node1', labels: {} }),
      cluster.createPod({ ...spec, name: 'far', node: 'node2' }),
      cluster.createOutsideHost(OFFICE),
    ]);
  }, START);

  afterAll(() => cluster.stop());

  test("carries packets of pods between nodes in VXLAN, and sends them out with their node's address", async () => {
    const tunnel = (await cluster.node('node1').interfaceAddresses()).filter(({ device }) =>
      device.startsWith('vxlan'),
    );
    expect(tunnel.map(({ address }) => address)).toEqual(
      expect.arrayContaining(['10.244.1.1', 'fd00:244:0:1::1']),
    );
    for (const [i, host] of far.addresses.entries()) {
      expect(await near.probe({ host, port: 80 })).toMatchObject({
        seenFrom: { address: near.addresses[i] },
      });
    }
    for (const [i, host] of outside.addresses.entries()) {
      const address = cluster.node('node1').addresses[i];
      expect(await near.probe({ host, port: 80 })).toMatchObject({ seenFrom: { address } });
    }
  });

  test('logs the flows of pods at both ends, with the policies that decided', async () => {
    expect(await near.probe({ host: far.address, port: 80 })).toMatchObject(allowed);
    const named = (name: string): object => ({ namespace: 'blog', name, of: 'pod' });
    for (const [node, at] of [
      ['node1', 'source'],
      ['node2', 'destination'],
    ] as const) {
      const flow = await waitFor(
        () => Promise.resolve(flowsOf(cluster.flowLogs(node)).find(({ policies }) => policies?.at === at)),
        { what: `a flow on ${node}`, within: 60_000, every: 500 },
      );
      expect(flow).toMatchObject({ from: named('near'), to: named('far'), protocol: 6, port: 80 });
      expect(flow.policies?.enforced.at(-1)).toMatchObject({ kind: 'Profile', name: 'kns.blog' });
    }
  });

  test('serves NodePorts on every address of every node in both IP families', async () => {
    const node = cluster.node('node1');
    const [vip, second] = [
      ['10.99.0.100', 'fd00:99::100'],
      ['172.31.0.1', '2001:db8:2::1'],
    ];
    for (const address of vip) await node.addVirtualAddress(address);
    await node.addInterface('eth1', second);
    const ports = [{ port: 80, nodePort: 30080 }];
    const spec = { type: 'NodePort', ipFamilyPolicy: 'RequireDualStack', selector: { app: 'blog' }, ports };
    const service = {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: 'blog', namespace: 'blog' },
      spec,
    };
    await cluster.kubectl(['apply', '--filename', '-'], { input: JSON.stringify(service) });
    for (const host of [...cluster.node('node2').addresses, ...node.addresses, ...vip, ...second]) {
      await waitFor(
        async () => (await outside.probe({ host, port: 30080 })).verdict === 'allowed' || undefined,
        { what: `${host} to serve the NodePort`, within: 30_000 },
      );
    }
  });

  test('answers datagrams from the address that received them', async () => {
    const node = cluster.node('node1');
    await node.listenOnEach([{ port: 5353, protocol: 'UDP' }]);
    for (const { address } of await node.interfaceAddresses()) {
      if (address.startsWith('fe80:')) continue;
      expect(await outside.probe({ host: address, port: 5353, protocol: 'UDP' })).toMatchObject(allowed);
    }
  });

  test('maps a hostPort until the mapping ends', async () => {
    const node = cluster.node('node1');
    const end = await node.mapHostPort({ hostPort: 8443, pod: near, port: 80 });
    for (const host of node.addresses)
      expect(await outside.probe({ host, port: 8443 })).toMatchObject(allowed);
    await end();
    expect(await outside.probe({ host: node.address, port: 8443 })).toMatchObject({
      verdict: 'inconclusive',
    });
  });

  test("runs programs in an endpoint's network", async () => {
    expect(await cluster.run(outside, ['ip', '-4', 'address'])).toContain('203.0.113.50');
    await expect(cluster.run(outside, ['false'])).rejects.toThrow();
    expect(await cluster.controlPlane().probe({ host: '10.99.0.1', port: 6443, echo: false })).toMatchObject(
      allowed,
    );
  });

  test('makes automatic host endpoints once enabled, also for a node that joins, until it leaves', async () => {
    const endpoints = async (): Promise<string> => {
      const list = [
        'get',
        'hostendpoints.projectcalico.org',
        '--output',
        'jsonpath={.items[*].metadata.name}',
      ];
      return (await cluster.kubectl(list)).split(' ').sort().join(' ');
    };
    const are = (names: string): Promise<unknown> =>
      waitFor(async () => (await endpoints()) === names || undefined, {
        what: `the host endpoints to be ${names}`,
        within: 30_000,
        explain: endpoints,
      });
    const spec = { controllers: { node: { hostEndpoint: { autoCreate: 'Enabled' } } } };
    const patch = ['--type=merge', '--patch', JSON.stringify({ spec })];
    await cluster.kubectl(['patch', 'kubecontrollersconfiguration.projectcalico.org', 'default', ...patch]);
    await are('node1-auto-hep node2-auto-hep');
    await cluster.joinNode('node3');
    await are('node1-auto-hep node2-auto-hep node3-auto-hep');
    const pod = await cluster.createPod({ namespace: 'blog', name: 'new', node: 'node3', ports: PORTS });
    await cluster.policiesProgrammed();
    expect(await near.probe({ host: pod.address, port: 80 })).toMatchObject(allowed);
    await pod.delete();
    await cluster.leaveNode('node3');
    await are('node1-auto-hep node2-auto-hep');
  });
});

describe('a local cluster', () => {
  const none = localCluster({ calico: { mode: 'none' } });

  test(
    'leaves nothing behind when it was stopped',
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
    'is removed soon after the process that started it was killed',
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

  test('is removed at the next start if even the reaper died', async () => {
    const run = await createRun();
    const namespace = run.namespace('node1');
    await ip([`netns add ${namespace}`]);
    const child = startChild(run, { name: 'sleeper', namespace, file: 'sleep', args: ['600'] });
    // Before that it is not a process of the namespace.
    await waitFor(async () => (await processesIn([namespace])).length > 0 || undefined, {
      what: 'the sleeper to be in its namespace',
      within: 20_000,
    });
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

function flowsOf(text: string): readonly Flow[] {
  const flows: Flow[] = [];
  const reader = flowReader((flow) => flows.push(flow));
  for (const line of text.split('\n')) reader.line(line);
  reader.end();
  return flows;
}
