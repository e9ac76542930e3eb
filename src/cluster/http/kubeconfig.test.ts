import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { KubeConfig } from '@kubernetes/client-node';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { kubeConfigCredentials } from './kubeconfig.ts';
import { loadDefaultKubeConfig } from './kubeconfig-file.ts';
import { recordingLogger } from '../testing/logs.ts';
import { ManualClock } from '../testing/manual-clock.ts';

const environment = { ...process.env };
let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'kubeconfig-'));
});
afterEach(() => {
  rmSync(folder, { recursive: true });
  process.env = { ...environment };
});

const file = (name: string, content: string): string => {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
};

function kubeconfig(user: object, cluster: object = {}): string {
  return file(
    'kubeconfig',
    JSON.stringify({
      clusters: [{ name: 'c', cluster: { server: 'https://api.example:6443', ...cluster } }],
      users: [{ name: 'u', user }],
      contexts: [{ name: 'x', context: { cluster: 'c', user: 'u' } }],
      'current-context': 'x',
    }),
  );
}

function credentials(user: object, cluster: object = {}) {
  const path = kubeconfig(user, cluster);
  const clock = new ManualClock();
  const log = recordingLogger();
  let loads = 0;
  const load = (): KubeConfig => {
    loads += 1;
    const config = new KubeConfig();
    config.loadFromFile(path);
    return config;
  };
  return { clock, log, credentials: kubeConfigCredentials(load, { clock, log }), loads: () => loads };
}

describe('credentials', () => {
  test('carry server, CA, certificate and token', async () => {
    const { credentials: found } = credentials(
      {
        token: 't1',
        'client-certificate': file('cert', 'CERT'),
        'client-key': file('key', 'KEY'),
        as: 'someone',
      },
      { 'certificate-authority': file('ca', 'CA'), 'tls-server-name': 'kubernetes' },
    );
    expect(found.server).toBe('https://api.example:6443');
    expect(await found.current()).toEqual({
      headers: { authorization: 'Bearer t1', 'impersonate-user': 'someone' },
      tls: {
        ca: Buffer.from('CA'),
        cert: Buffer.from('CERT'),
        key: Buffer.from('KEY'),
        servername: 'kubernetes',
      },
    });
  });

  test('carry name and password', async () => {
    const { credentials: found } = credentials({ username: 'ada', password: 'pw' });
    expect((await found.current()).headers).toEqual({ authorization: 'Basic YWRhOnB3' });
  });

  test('skip verification only when told to', async () => {
    const strict = credentials({ token: 't' }).credentials;
    expect((await strict.current()).tls).toEqual({});
    const lax = credentials({ token: 't' }, { 'insecure-skip-tls-verify': true }).credentials;
    expect((await lax.current()).tls).toEqual({ rejectUnauthorized: false });
  });

  test('of a pod follow the token that is rotated, within a minute, at once when it was refused', async () => {
    const root = '/var/run/secrets/kubernetes.io/serviceaccount';
    mkdirSync(join(folder, root), { recursive: true });
    const write = (token: string): string => file(join(root, 'token'), `${token}\n`);
    file(join(root, 'ca.crt'), 'CA');
    write('t1');
    process.env['KUBERNETES_SERVICE_HOST'] = 'fd00::1';
    process.env['KUBERNETES_SERVICE_PORT'] = '443';
    const clock = new ManualClock();
    const found = kubeConfigCredentials(
      () => {
        const config = new KubeConfig();
        config.loadFromCluster(folder);
        return config;
      },
      { clock, log: recordingLogger() },
    );
    const token = async () => (await found.current()).headers['authorization'];

    expect(found.server).toBe('https://[fd00::1]:443');
    expect(await found.current()).toEqual({
      headers: { authorization: 'Bearer t1' },
      tls: { ca: Buffer.from('CA') },
    });
    write('t2');
    await clock.advance(59_000);
    expect(await token()).toBe('Bearer t1');
    await clock.advance(1000);
    expect(await token()).toBe('Bearer t2');
    write('t3');
    found.invalidate();
    expect(await token()).toBe('Bearer t3');
  });

  test('stay as they were while their file is missing, and follow when it is back', async () => {
    const ca = file('ca', 'CA1');
    const { clock, credentials: found } = credentials({ token: 't' }, { 'certificate-authority': ca });
    await found.current();
    rmSync(ca);
    await clock.advance(60_000);
    expect((await found.current()).tls).toEqual({ ca: Buffer.from('CA1') });
    file('ca', 'CA2');
    await clock.advance(60_000);
    expect((await found.current()).tls).toEqual({ ca: Buffer.from('CA2') });
  });

  test('that cannot be read the first time are an error, and are tried again', async () => {
    const { credentials: found } = credentials(
      { token: 't' },
      { 'certificate-authority': join(folder, 'ca') },
    );
    await expect(found.current()).rejects.toThrow('ENOENT');
    file('ca', 'CA');
    expect((await found.current()).tls).toEqual({ ca: Buffer.from('CA') });
  });

  test('of a command are asked for again only when refused', async () => {
    const status =
      '{"apiVersion":"client.authentication.k8s.io/v1","kind":"ExecCredential","status":{"token":"t"}}';
    const exec = {
      apiVersion: 'client.authentication.k8s.io/v1',
      command: 'sh',
      args: ['-c', `echo '${status}'`],
    };
    const { clock, credentials: found, loads } = credentials({ exec });
    expect((await found.current()).headers).toEqual({ authorization: 'Bearer t' });
    await clock.advance(60_000);
    await found.current();
    expect(loads()).toBe(1);
    found.invalidate();
    await found.current();
    await found.current();
    expect(loads()).toBe(2);
  });

  test('behind a proxy are refused with the field', () => {
    expect(() => credentials({ token: 't' }, { 'proxy-url': 'http://proxy' })).toThrow(
      'proxy-url is not supported',
    );
  });
});

describe('a choice', () => {
  const two = (): string =>
    file(
      'two',
      JSON.stringify({
        clusters: ['a', 'b'].map((name) => ({ name, cluster: { server: `https://${name}.example:6443` } })),
        contexts: ['a', 'b'].map((name) => ({ name, context: { cluster: name } })),
        'current-context': 'a',
      }),
    );

  test('of file and context wins over KUBECONFIG and current-context', () => {
    process.env['KUBECONFIG'] = join(folder, 'nothing');
    expect(loadDefaultKubeConfig({ kubeconfig: two() }).getCurrentCluster()?.name).toBe('a');
    expect(loadDefaultKubeConfig({ kubeconfig: two(), context: 'b' }).getCurrentCluster()?.name).toBe('b');
  });

  test('that names nothing is refused, and not repeated', () => {
    expect(() => loadDefaultKubeConfig({ kubeconfig: two(), context: 'hunter2' })).toThrow(
      /^kubeconfig: no context has the name that --context gives/,
    );
    expect(() => loadDefaultKubeConfig({ kubeconfig: join(folder, 'no') })).toThrow(
      '--kubeconfig cannot be read (ENOENT)',
    );
  });
});
