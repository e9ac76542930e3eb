import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { ApiError, TransportError } from '../cluster/errors.ts';
import type { TransportRequest, TransportResponse } from '../cluster/http/transport.ts';
import { FakeApiServer } from '../cluster/testing/fake-api-server.ts';
import { SNAPSHOT_KINDS } from '../snapshot/kinds.ts';
import { RECORDS } from '../snapshot/records.ts';
import { runCommand } from './testing.ts';

const SECRET = 'hunter2';
const NAMESPACE = 'clusterfirewall-system';
const NAMES = { 'app.kubernetes.io/name': 'clusterfirewall' };
const KINDS = [...SNAPSHOT_KINDS, ...Object.values(RECORDS)].filter(
  ({ group }) => group !== 'policy.networking.k8s.io',
);

/** Serves logs too, which are no objects. */
class Server extends FakeApiServer {
  override async request(request: TransportRequest): Promise<TransportResponse> {
    if (!request.path.endsWith('/log')) return super.request(request);
    const fault = await this.fault(request);
    if (fault !== undefined) throw fault;
    const which = request.query?.['previous'] === true ? 'before' : 'now';
    return { status: 200, headers: {}, body: `{"level":30,"msg":"the log ${which}"}\n` };
  }
}

/** An operator that has restarted once, with a secret wherever a careless person leaves one. */
function server(): Server {
  const fake = new Server(KINDS);
  const containers = [
    { name: 'operator', image: 'clusterfirewall:0.1.0', env: [{ name: 'TOKEN', value: SECRET }] },
  ];
  const annotations = { note: SECRET };
  const inside = { namespace: NAMESPACE, annotations };
  fake.put(RECORDS.firewalls, {
    metadata: { name: 'default', annotations },
    spec: { mode: 'Enforce' },
    status: { observedGeneration: 1, conditions: [] },
  });
  fake.put(RECORDS.deployments, {
    metadata: { name: 'clusterfirewall', labels: NAMES, ...inside },
    spec: { replicas: 1, template: { metadata: { annotations }, spec: { containers } } },
  });
  fake.put(RECORDS.pods, {
    metadata: { name: 'clusterfirewall-1', labels: NAMES, ...inside },
    spec: { nodeName: 'n1', containers, volumes: [{ secret: { secretName: SECRET } }] },
    status: { phase: 'Running', containerStatuses: [{ name: 'operator', restartCount: 1 }] },
  });
  fake.put(RECORDS.leases, {
    metadata: { name: 'clusterfirewall', ...inside },
    spec: { holderIdentity: 'clusterfirewall-1_x', renewTime: '2026-01-01T00:00:00.000000Z' },
  });
  fake.put(RECORDS.events, {
    metadata: { name: 'default.1', namespace: NAMESPACE, annotations },
    reason: 'Ready',
    note: 'every rule is programmed',
    regarding: { kind: 'ClusterFirewall', name: 'default' },
  });
  return fake;
}

let folder: string;
let file: string;
beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'sysdump-'));
  file = path.join(folder, 'dump.tar.gz');
});
afterEach(() => {
  rmSync(folder, { recursive: true });
});

const dump = (transport: FakeApiServer) => runCommand(['sysdump', file], { transport });

/** The archive as tar unpacks it: contents by name. */
function unpacked(): Readonly<Record<string, string>> {
  execFileSync('tar', ['-xzf', file, '-C', folder]);
  const root = path.join(folder, 'clusterfirewall-sysdump-20260101T000000Z');
  const names = readdirSync(root, { recursive: true, encoding: 'utf8' }).sort();
  return Object.fromEntries(
    names.flatMap((name) => {
      const each = path.join(root, name);
      return statSync(each).isFile() ? [[name, readFileSync(each, 'utf8')]] : [];
    }),
  );
}

describe('sysdump', () => {
  test('saves what a report needs, and no field that the list does not name', async () => {
    const fake = server();
    const { stdout } = await dump(fake);
    expect(stdout).toBe(`${file}\n`);
    const files = unpacked();
    expect(Object.keys(files)).toEqual([
      'about.json',
      'check.json',
      'cluster.json',
      'deployments.json',
      'events.json',
      'firewalls.json',
      'leases.json',
      'logs/clusterfirewall-1-previous.txt',
      'logs/clusterfirewall-1.txt',
      'pods.json',
      'status.json',
      'version.json',
    ]);
    const read = (name: string): unknown => JSON.parse(files[`${name}.json`] ?? '');
    expect(read('firewalls')).toMatchObject([
      { spec: { mode: 'Enforce' }, status: { observedGeneration: 1 } },
    ]);
    expect(read('pods')).toMatchObject([{ spec: { containers: [{ image: 'clusterfirewall:0.1.0' }] } }]);
    expect(read('leases')).toMatchObject([{ spec: { holderIdentity: 'clusterfirewall-1_x' } }]);
    expect(read('events')).toMatchObject([{ reason: 'Ready', note: 'every rule is programmed' }]);
    expect(read('version')).toMatchObject({ operators: [{ namespace: NAMESPACE, version: '0.1.0' }] });
    expect(files['logs/clusterfirewall-1.txt']).toContain('the log now');
    expect(files['logs/clusterfirewall-1-previous.txt']).toContain('the log before');
    expect(JSON.stringify(files)).not.toContain(SECRET);
    expect(fake.writes().filter((each) => each !== 'POST selfsubjectaccessreviews')).toEqual([]);
  });

  test('names what could not be read, and leaves with 3', async () => {
    const fake = server();
    fake.fault = ({ path: asked }) =>
      /\/(?:log|leases)/.test(asked)
        ? new ApiError({ code: 403, reason: 'Forbidden', message: `no ${asked}` })
        : undefined;
    const { exitCode, stderr } = await dump(fake);
    expect(exitCode).toBe(3);
    expect(stderr).toMatch(/^Lease is missing or incomplete: no .*leases$/m);
    const { lacks } = JSON.parse(unpacked()['about.json'] ?? '') as {
      readonly lacks: readonly { kind: string }[];
    };
    const kinds = lacks.map(({ kind }) => kind);
    expect(kinds).toEqual(expect.arrayContaining(['Lease', 'log of clusterfirewall-1', 'status.json']));
  });

  test('without an answer there is no archive', async () => {
    const fake = server();
    fake.fault = () => new TransportError('connection refused');
    expect(await dump(fake)).toMatchObject({
      exitCode: 2,
      stderr: expect.stringContaining('connection refused'),
    });
    expect(existsSync(file)).toBe(false);
  });

  test('never overwrites a file', async () => {
    await dump(server());
    const before = readFileSync(file);
    expect(await dump(server())).toMatchObject({ exitCode: 2, stderr: expect.stringContaining('EEXIST') });
    expect(readFileSync(file)).toEqual(before);
  });
});
