/**
 * The commands that ask a cluster, as processes, with the operator's own objects. Then every order in which people
 * remove what belongs together: `uninstall` ends each with nothing left.
 */
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';
import { installManifests } from '../harness/operator-process.ts';
import { waitFor } from '../wait.ts';
import { firewall, startRig, type Rig } from './controller-harness.ts';

jest.setTimeout(300_000);

const ROOT = path.resolve(import.meta.dirname, '../..');
const CRD = 'clusterfirewalls.clusterfirewall.io';
const GUARD = 'clusterfirewall-removal-guard';

let rig: Rig;
let started: Rig | undefined;
/** False after a test that has removed what the operator needs. */
let installed = true;

beforeAll(async () => {
  started = await startRig('native');
  rig = started;
}, 180_000);
afterAll(async () => {
  await started?.[Symbol.asyncDispose]();
}, 60_000);

interface Ran {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a command line with the administrator's kubeconfig. */
const run = (...argv: readonly string[]): Promise<Ran> =>
  new Promise((resolve) => {
    const env = { PATH: process.env['PATH'], KUBECONFIG: rig.cluster.kubeconfig };
    execFile(process.execPath, ['src/start.js', ...argv], { cwd: ROOT, env }, (error, stdout, stderr) => {
      resolve({ exitCode: error === null ? 0 : Number(error.code), stdout, stderr });
    });
  });

const kubectl = (...argv: readonly string[]): Promise<string> => rig.cluster.kubectl([...argv]);

/** The operator runs, and enforces a firewall of nodes and pods. */
async function standing(): Promise<void> {
  if (!installed) {
    await installManifests(rig.cluster);
    installed = true;
  }
  await rig.restart();
  await rig.apply({ apiVersion: 'v1', kind: 'Node', metadata: { name: 'worker' } });
  await kubectl(
    ...['patch', 'node', 'worker', '--subresource=status', '--type=merge'],
    ...['-p', JSON.stringify({ status: { addresses: [{ type: 'InternalIP', address: '10.9.8.7' }] } })],
  );
  await rig.apply(firewall({ nodes: { mode: 'Enforce' } }));
  await rig.ready();
}

interface Status {
  readonly ok: boolean;
  readonly namespaces: readonly { readonly name: string; readonly state: string; readonly since?: string }[];
  readonly nodes: readonly { readonly name: string; readonly state: string; readonly since?: string }[];
  readonly operator: { readonly stale: boolean; readonly age: number };
}

describe('status and version', () => {
  beforeAll(standing, 120_000);

  test('say who is enforced, since when, and that an operator looks', async () => {
    const { exitCode, stdout, stderr } = await run('status', '-o', 'json');
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
    const status = JSON.parse(stdout) as Status;
    expect(status).toMatchObject({ ok: true, operator: { stale: false } });
    const { stdout: created } = await run('status');
    const policies = await rig.list('globalnetworkpolicies.projectcalico.org');
    const deny = policies.find(({ metadata }) => metadata.name.includes('defaults-deny'));
    expect(status.namespaces).toContainEqual(
      expect.objectContaining({
        name: 'wordpress',
        state: 'enforced',
        since: deny?.metadata.creationTimestamp,
      }),
    );
    expect(status.namespaces).toContainEqual(
      expect.objectContaining({ name: 'kube-system', state: 'exempt' }),
    );
    expect(status.nodes).toEqual([{ name: 'worker', state: 'enforced', since: expect.any(String) }]);
    expect(created).toMatch(/^worker +enforced +\d{4}-/m);
    for (const line of created.split('\n')) expect(line.length).toBeLessThanOrEqual(80);
  });

  test('of what is installed', async () => {
    const { exitCode, stdout } = await run('version', '-o', 'json');
    expect(exitCode).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({
      operators: [{ namespace: 'clusterfirewall-system', version: '0.1.0', replicas: 2 }],
      api: ['v1alpha1'],
    });
  });

  test('and a sysdump has both, with the Events of the operator and without a managed value', async () => {
    const folder = await mkdtemp(path.join(tmpdir(), 'sysdump-'));
    try {
      const file = path.join(folder, 'dump.tar.gz');
      const { stdout, stderr } = await run('sysdump', file);
      expect(stdout).toBe(`${file}\n`);
      expect(stderr).not.toMatch(
        /\b(?:Event|ClusterFirewall|Deployment|Lease|Pod) (?:is|objects are) missing/,
      );
      await promisify(execFile)('tar', ['-xzf', file, '--strip-components=1', '-C', folder]);
      const read = async (name: string): Promise<unknown> =>
        JSON.parse(await readFile(path.join(folder, `${name}.json`), 'utf8'));
      expect(await read('status')).toMatchObject({ operator: { stale: false } });
      expect(await read('firewalls')).toMatchObject([
        {
          metadata: { name: 'default', managedFields: expect.any(Array) },
          status: { observedGeneration: 1 },
        },
      ]);
      expect(await read('leases')).toMatchObject([{ spec: { holderIdentity: expect.any(String) } }]);
      expect(await read('events')).toContainEqual(
        expect.objectContaining({ reportingController: 'clusterfirewall.io/operator', reason: 'Ready' }),
      );
      expect(await readFile(path.join(folder, 'firewalls.json'), 'utf8')).not.toContain('fieldsV1');
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  test('of a server that refuses the user say so', async () => {
    const { exitCode, stdout } = await run('status', '--kubeconfig', '/nowhere');
    expect({ exitCode, stdout }).toEqual({ exitCode: 2, stdout: '' });
  });
});

/** Nothing of ours is in Calico, on Nodes, or among ClusterFirewalls. */
async function expectClean(): Promise<void> {
  expect(await rig.generated()).toEqual([]);
  const again = await run('uninstall', '--yes');
  expect(again).toMatchObject({
    exitCode: 0,
    stdout: expect.stringMatching(/^nothing is enforced, and nothing/),
  });
}

describe('uninstall, with an operator', () => {
  test('says what opens, and the operator ends it', async () => {
    await standing();
    const refused = await run('uninstall');
    expect(refused).toMatchObject({ exitCode: 2, stderr: expect.stringContaining('say --yes') });
    expect(refused.stdout).toMatch(/namespaces {3}.*wordpress/);
    expect(refused.stdout).toMatch(/nodes +worker/);
    const { exitCode, stdout, stderr } = await run('uninstall', '--yes');
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
    expect(stdout).toContain('to remove the rest:\n  kubectl delete -k config/default\n');
    await expectClean();
  });

  test('keeps everything in force with --retain, and takes it back later', async () => {
    await standing();
    const before = (await rig.generated()).map(({ metadata }) => metadata.name);
    expect(await run('uninstall', '--yes', '--retain')).toMatchObject({ exitCode: 0, stderr: '' });
    expect(await kubectl('get', 'clusterfirewalls', '-o', 'name')).toBe('');
    expect((await rig.generated()).map(({ metadata }) => metadata.name)).toEqual(before);
    expect(await run('uninstall', '--yes')).toMatchObject({ exitCode: 0, stderr: '' });
    await expectClean();
  });
});

describe('uninstall ends what was begun', () => {
  const ended = async (): Promise<void> => {
    const { exitCode, stderr } = await run('uninstall', '--yes');
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
    await expectClean();
  };

  test('with the operator', async () => {
    await standing();
    await rig.stopOperator();
    await ended();
  });

  test('with the ClusterFirewall, while nothing runs', async () => {
    await standing();
    await rig.stopOperator();
    await kubectl('delete', 'clusterfirewall', 'default', '--wait=false');
    expect(await rig.generated()).not.toEqual([]);
    await ended();
  });

  test('with a finalizer that was taken away', async () => {
    await standing();
    await rig.stopOperator();
    await kubectl(
      'patch',
      'clusterfirewall',
      'default',
      '--type=merge',
      '-p',
      '{"metadata":{"finalizers":null}}',
    );
    await kubectl('delete', 'clusterfirewall', 'default');
    expect(await rig.generated()).not.toEqual([]);
    await ended();
  });

  test('with the operator’s rights, while it runs', async () => {
    await standing();
    installed = false;
    await kubectl('delete', '-k', path.join(ROOT, 'config/rbac'));
    await ended();
    await rig.stopOperator();
  });

  test('with the CustomResourceDefinition', async () => {
    await standing();
    await rig.stopOperator();
    installed = false;
    await expect(kubectl('delete', 'crd', CRD)).rejects.toThrow('would go with its CustomResourceDefinition');
    await kubectl('delete', 'validatingadmissionpolicybinding', GUARD);
    await waitFor(() => kubectl('delete', 'crd', CRD, '--wait=false'), {
      what: 'the guard to be gone',
      within: 30_000,
    });
    await ended();
    await waitFor(
      async () => ((await kubectl('get', 'crd', '-o', 'name')).includes(CRD) ? undefined : true),
      {
        what: 'the CustomResourceDefinition to be gone',
        within: 60_000,
      },
    );
  });

  test('with everything at once', async () => {
    await standing();
    installed = false;
    const folder = path.join(ROOT, 'config/default');
    await expect(kubectl('delete', '-k', folder, '--ignore-not-found', '--wait=false')).rejects.toThrow(
      'would go with its CustomResourceDefinition',
    );
    expect(await rig.generated()).not.toEqual([]);
    await ended();
    await rig.stopOperator();
    // No controller of namespaces runs here, so the namespace stays for ever, and nothing can be made in it.
    expect(
      await kubectl('get', 'namespace', 'clusterfirewall-system', '-o', 'jsonpath={.status.phase}'),
    ).toBe('Terminating');
    expect(await kubectl('-n', 'kube-system', 'get', 'leases', '-o', 'name')).not.toContain(
      'clusterfirewall',
    );
  });
});
