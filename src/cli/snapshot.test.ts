import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { loadAll } from 'js-yaml';
import { ApiError, TransportError } from '../cluster/errors.ts';
import type { KubernetesObject } from '../cluster/resource.ts';
import { FakeApiServer } from '../cluster/testing/fake-api-server.ts';
import { SNAPSHOT_KINDS, apiVersionOf } from '../snapshot/kinds.ts';
import { runCommand } from './testing.ts';

const ROOT = path.resolve(import.meta.dirname, '../..');
const CLUSTER = path.join(import.meta.dirname, 'questions/golden/cluster.yaml');
const FIREWALL = path.join(ROOT, 'config/samples/wordpress.yaml');
const objects = loadAll(readFileSync(CLUSTER, 'utf8')) as readonly KubernetesObject[];

/** An API server with the objects of the golden cluster. */
function server(): FakeApiServer {
  const fake = new FakeApiServer(SNAPSHOT_KINDS.filter(({ group }) => group !== 'policy.networking.k8s.io'));
  for (const object of objects) {
    const kind = SNAPSHOT_KINDS.find(
      (each) => each.kind === object.kind && apiVersionOf(each) === object.apiVersion,
    );
    if (kind !== undefined) fake.put(kind, object);
  }
  return fake;
}

const forbidding = (fake: FakeApiServer, path: RegExp, tier?: string): FakeApiServer => {
  fake.fault = ({ path: asked, query }) => {
    const isAboutTier = tier === undefined || String(query?.['labelSelector']).endsWith(`=${tier}`);
    if (!path.test(asked) || !isAboutTier) return undefined;
    return new ApiError({ code: 403, reason: 'Forbidden', message: 'forbidden' });
  };
  return fake;
};

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'clusterfirewall-'));
});
afterAll(() => {
  rmSync(folder, { recursive: true });
});
const saved = async (fake: FakeApiServer): Promise<string> => {
  const { stdout } = await runCommand(['snapshot'], { transport: fake });
  const file = path.join(folder, 'cluster.json');
  writeFileSync(file, stdout);
  return file;
};

const verdictIn = (json: string): string => (JSON.parse(json) as { readonly verdict: string }).verdict;

describe('snapshot', () => {
  test('prints the objects of every kind, one a line, and only lists', async () => {
    const fake = server();
    const { exitCode, stdout } = await runCommand(['snapshot'], { transport: fake });
    expect(exitCode).toBe(0);
    const lines = stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as KubernetesObject);
    expect(lines[0]).toMatchObject({ kind: 'Snapshot', objects: objects.length, lacks: [] });
    expect(
      lines
        .slice(1)
        .map(({ kind }) => kind)
        .toSorted(),
    ).toEqual(objects.map(({ kind }) => kind).toSorted());
    expect(stdout).not.toMatch(/managedFields|resourceVersion|uid/);
    expect(fake.writes()).toEqual([]);
  });

  test('is the same text each time', async () => {
    const fake = server();
    const [one, two] = [
      await runCommand(['snapshot'], { transport: fake }),
      await runCommand(['snapshot'], { transport: fake }),
    ];
    expect(two.stdout).toBe(one.stdout);
  });

  test('names a kind that may not be listed, and leaves with 3', async () => {
    const { exitCode, stdout, stderr } = await runCommand(['snapshot'], {
      transport: forbidding(server(), /\/pods$/),
    });
    expect(exitCode).toBe(3);
    expect(JSON.parse(stdout.split('\n')[0] ?? '')).toMatchObject({
      lacks: [{ kind: 'Pod', because: 'the user of the kubeconfig may not list pods' }],
    });
    expect(stderr).toContain('Pod objects are missing');
  });

  test('names a tier whose policies Calico leaves out of the list', async () => {
    const fake = forbidding(server(), /v3\/globalnetworkpolicies$/, 'default');
    const { exitCode, stderr } = await runCommand(['snapshot'], { transport: fake });
    expect(exitCode).toBe(3);
    expect(stderr).toContain(
      'GlobalNetworkPolicy objects are missing: policies of the tier default may not be listed',
    );
  });

  test('a server that does not answer is no empty cluster', async () => {
    const fake = server();
    fake.fault = () => new TransportError('connection refused');
    expect(await runCommand(['snapshot'], { transport: fake })).toMatchObject({
      exitCode: 2,
      stdout: '',
      stderr: expect.stringContaining('connection refused'),
    });
  });

  test.each([
    [['wordpress/blog', 'wordpress/mariadb-0', '5432', '-f', FIREWALL]],
    [['world', 'service:wordpress/blog', '-f', FIREWALL]],
    [['monitoring/prometheus-0', 'wordpress/cache-0', '6379']],
  ])('answers are the same live, from the snapshot and from manifests: %j', async (question) => {
    const fake = server();
    const asked = ['explain', ...question, '-o', 'json'];
    const live = await runCommand(asked, { transport: fake });
    const fromSnapshot = await runCommand([...asked, '--inventory', await saved(fake)]);
    const fromYaml = await runCommand([...asked, '--inventory', CLUSTER]);
    const withoutPlaces = (text: string): string =>
      text
        .replaceAll(/"(?:file|line)": [^\n]+/g, '')
        .replaceAll(/"place": \{\s*\}/g, '')
        .replaceAll(/,(\s*[}\]])/g, '$1')
        .replaceAll(/\s+/g, '');
    expect(withoutPlaces(fromSnapshot.stdout)).toBe(withoutPlaces(fromYaml.stdout));
    expect(verdictIn(live.stdout)).toBe(verdictIn(fromYaml.stdout));
    expect(fake.writes()).toEqual([]);
  });

  test('validate and render take it as an inventory', async () => {
    const file = await saved(server());
    const argv = ['validate', FIREWALL, '--output', 'json', '--inventory'];
    const [fromSnapshot, fromYaml] = [
      await runCommand([...argv, file]),
      await runCommand([...argv, CLUSTER]),
    ];
    expect(fromSnapshot).toEqual(fromYaml);
    expect(fromSnapshot.exitCode).toBe(0);
  });

  test('for validate, a kind that the snapshot lacks is unknown, and not empty', async () => {
    const file = await saved(forbidding(server(), /\/namespaces$/));
    const { stdout, exitCode } = await runCommand(['render', FIREWALL, '--inventory', file]);
    expect({ exitCode, isThere: stdout.includes('cfw-default-defaults-deny') }).toEqual({
      exitCode: 0,
      isThere: true,
    });
  });
});
