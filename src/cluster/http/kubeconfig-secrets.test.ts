/** Ways in which a kubeconfig can be wrong. No message may repeat a part of it. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { inspect } from 'node:util';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { pino } from 'pino';
import { ManualClock } from '../testing/manual-clock.ts';
import { recordingLogger } from '../testing/logs.ts';
import { loadDefaultKubeConfig } from './kubeconfig-file.ts';
import { kubeConfigCredentials } from './kubeconfig.ts';

const SECRET = 'hunter2-hunter2';
const environment = { ...process.env };
let folder: string;

beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'kubeconfig-'));
});
afterEach(() => {
  rmSync(folder, { recursive: true });
  process.env = { ...environment };
});

/** Writes the file and makes it the default kubeconfig. */
function use(content: string): void {
  const file = path.join(folder, 'config');
  writeFileSync(file, content);
  process.env['KUBECONFIG'] = file;
}

const cluster = { name: 'c', cluster: { server: 'https://api.example:6443' } };
const context = { name: 'x', context: { cluster: 'c', user: 'u' } };
const withUser = (user: unknown): string =>
  JSON.stringify({
    clusters: [cluster],
    users: [{ name: 'u', user }],
    contexts: [context],
    'current-context': 'x',
  });
const withCluster = (fields: object): string =>
  JSON.stringify({
    clusters: [{ name: 'c', cluster: { ...cluster.cluster, ...fields } }],
    users: [{ name: 'u', user: { token: SECRET } }],
    contexts: [context],
    'current-context': 'x',
  });

/** Everything that a person, a log or a debugger could see of an error. */
function shown(error: unknown): string {
  const lines: string[] = [];
  pino({}, { write: (line: string) => lines.push(line) }).error({ err: error }, 'failed');
  return `${lines.join('')}${inspect(error, { depth: 20, showHidden: true })}`;
}

const log = () => recordingLogger();
/** Reads the default kubeconfig as the operator does, and gives the error. */
async function failure(recording = log()): Promise<Error> {
  try {
    const options = { clock: new ManualClock(), log: recording };
    await kubeConfigCredentials(loadDefaultKubeConfig, options).current();
  } catch (error) {
    if (error instanceof Error) return error;
  }
  throw new Error('nothing was thrown');
}

describe('a kubeconfig that cannot be read', () => {
  const OPEN = `users:\n- name: u\n  user: {token: ${SECRET}\n`;
  test.each([
    ['that is not YAML', OPEN, /^the file that KUBECONFIG names is not YAML: see line 4, column 1$/],
    ['with a tab', `users:\n- name: u\n\tuser: {token: ${SECRET}}\n`, /is not YAML: see line 3/],
    ['with an unknown tag', `users: !<${SECRET}> []`, /is not YAML: see line 1/],
    ['with an unknown anchor', `users: *${SECRET}`, /is not YAML: see line 1/],
    ['with a key twice', `{${SECRET}: 1, ${SECRET}: 2}`, /is not YAML: see line 1/],
    ['that is a string', SECRET, /is not a mapping with clusters, users and contexts/],
    ['that is empty', '', /is not YAML|is not a mapping/],
    ['whose clusters are a mapping', `clusters: {name: ${SECRET}}`, /: clusters must be a list$/],
    ['whose user is a string', withUser(SECRET), /: users\[0\]\.user must be a mapping$/],
    [
      'whose token is a list',
      withUser({ token: [SECRET] }),
      /: users\[0\]\.user\.token must be a string; quote/,
    ],
    [
      'whose password is a number',
      withUser({ password: 12345678 }),
      /user\.password must be a string; quote/,
    ],
    [
      'whose key is no base64',
      withUser({ 'client-key-data': `${SECRET}!` }),
      /client-key-data must be base64/,
    ],
    ['whose key is a number', withUser({ 'client-key-data': 12345678 }), /client-key-data must be base64/],
    [
      'whose CA is no base64',
      withCluster({ 'certificate-authority-data': SECRET }),
      /authority-data must be base64/,
    ],
    [
      'whose server is no URL',
      withCluster({ server: SECRET }),
      /clusters\[0\]\.cluster\.server must be a URL/,
    ],
    [
      'whose server is a list',
      withCluster({ server: [SECRET] }),
      /clusters\[0\]\.cluster\.server must be a URL/,
    ],
    [
      'whose server has a password',
      withCluster({ server: `https://u:${SECRET}@api.example` }),
      /server must be a URL such as https:\/\/HOST:6443, without a user name or a password$/,
    ],
    [
      'whose server is missing',
      withCluster({ server: undefined }),
      /clusters\[0\]\.cluster\.server is missing/,
    ],
    [
      'with a proxy',
      withCluster({ 'proxy-url': `http://u:${SECRET}@proxy` }),
      /cluster\.proxy-url is not supported/,
    ],
    [
      'whose key is in the place of a path',
      withUser({ 'client-key': SECRET }),
      /client-key: the file cannot be read \(ENOENT\)/,
    ],
    [
      'whose CA is in the place of a path',
      withCluster({ 'certificate-authority': SECRET }),
      /certificate-authority: the file cannot be read \(ENOENT\)/,
    ],
    [
      'whose token is in the place of a path',
      withUser({ 'token-file': SECRET }),
      /user\.token-file names a file that cannot be read \(ENOENT\)/,
    ],
    [
      'whose command has wrong arguments',
      withUser({ exec: { command: 'sh', args: SECRET } }),
      /exec\.args must be a list/,
    ],
    [
      'whose command has no environment',
      withUser({ exec: { command: 'sh', env: { A: SECRET } } }),
      /exec\.env must be a list/,
    ],
    [
      'whose old plugin has expired',
      withUser({
        'auth-provider': { name: 'gcp', config: { 'access-token': SECRET, expiry: '2001-01-01T00:00:00Z' } },
      }),
      /users\[0\]\.user\.auth-provider: the credentials cannot be read \(Error\)/,
    ],
  ])('%s', async (_, content, message) => {
    use(content);
    const error = await failure();
    expect(error.message).toMatch(message);
    expect(shown(error)).not.toMatch(/hunter2|12345678/);
  });

  test('because KUBECONFIG has the contents in the place of a path', async () => {
    process.env['KUBECONFIG'] = withUser({ token: SECRET });
    const error = await failure();
    expect(error.message).toMatch(/^file 1 of \d+ in KUBECONFIG cannot be read \(ENOENT\)$/);
    expect(shown(error)).not.toContain(SECRET);
  });

  test('because two files have the same user', async () => {
    use(withUser({ token: SECRET }).replaceAll('"u"', `"${SECRET}"`));
    process.env['KUBECONFIG'] = `${String(process.env['KUBECONFIG'])}:${String(process.env['KUBECONFIG'])}`;
    const error = await failure();
    expect(error.message).toMatch(/^file 2 of 2 in KUBECONFIG: .* has the name of one in an earlier file/);
    expect(shown(error)).not.toContain(SECRET);
  });
});

describe('a command of a kubeconfig', () => {
  const apiVersion = 'client.authentication.k8s.io/v1';
  const command = (script: string, env: readonly object[] = []) =>
    withUser({ exec: { apiVersion, command: 'sh', args: ['-c', script], env } });
  /** Prints what is in the file, so that the kubeconfig itself does not contain it. */
  const prints = (text: string, rest: string): string => {
    writeFileSync(path.join(folder, 'text'), text);
    return command(`cat '${path.join(folder, 'text')}' ${rest}`);
  };

  test.each([
    [
      'cannot be started',
      withUser({ exec: { apiVersion, command: SECRET } }),
      /exec cannot be started \(ENOENT\)$/,
    ],
    ['fails in silence', command('exit 3'), /exec failed and wrote nothing to its standard error$/],
  ])('that %s', async (_, content, message) => {
    use(content);
    const error = await failure();
    expect(error.message).toMatch(message);
    expect(shown(error)).not.toContain(SECRET);
  });

  test.each([
    ['no JSON', `${SECRET} is the token`],
    ['no status', JSON.stringify({ token: SECRET })],
    ['a key that is none', JSON.stringify({ status: { clientKeyData: { key: SECRET } } })],
  ])('that prints %s', async (_, printed) => {
    use(prints(printed, ''));
    const error = await failure();
    expect(error.message).toMatch(/exec printed no ExecCredential with a token or a certificate$/);
    expect(shown(error)).not.toContain(SECRET);
  });

  test('that fails: its standard error is logged once and bounded, and is in no error', async () => {
    const recording = log();
    use(prints(`no session\n${'-'.repeat(100_000)}`, '>&2; exit 1'));
    const options = { clock: new ManualClock(), log: recording };
    const credentials = kubeConfigCredentials(loadDefaultKubeConfig, options);
    for (let attempt = 0; attempt < 3; attempt += 1) {
      const error = await credentials.current().catch((reason: unknown) => reason);
      expect(shown(error)).toContain('exec failed; one line of the log has its standard error');
      expect(shown(error)).not.toContain('no session');
    }
    expect(recording.lines).toHaveLength(1);
    expect(recording.lines[0]?.fields).toEqual({ stderr: `no session\n${'-'.repeat(489)}…` });
  });

  test('that fails again after a success: its standard error is logged again', async () => {
    const recording = log();
    const ok = path.join(folder, 'ok');
    const credential = JSON.stringify({ status: { token: 't' } });
    use(command(`if test -e ${ok}; then echo '${credential}'; else echo closed >&2; exit 1; fi`));
    const options = { clock: new ManualClock(), log: recording };
    const credentials = kubeConfigCredentials(loadDefaultKubeConfig, options);
    await expect(credentials.current()).rejects.toThrow('exec failed');
    writeFileSync(ok, '');
    await credentials.current();
    rmSync(ok);
    for (let attempt = 0; attempt < 2; attempt += 1) {
      credentials.invalidate();
      await credentials.current();
    }
    expect(recording.lines.map(({ fields }) => fields)).toEqual([{ stderr: 'closed' }, { stderr: 'closed' }]);
  });

  test('that repeats a secret of the kubeconfig: the secret is removed', async () => {
    const recording = log();
    use(command('echo "refused: $PASSWORD" >&2; exit 1', [{ name: 'PASSWORD', value: SECRET }]));
    expect(shown(await failure(recording))).not.toContain(SECRET);
    expect(recording.lines[0]?.fields).toEqual({ stderr: 'refused: [removed]' });
  });
});

describe('the default kubeconfig', () => {
  test('is what KUBECONFIG names, with paths beside it', async () => {
    writeFileSync(path.join(folder, 'ca'), 'CA');
    use(withCluster({ 'certificate-authority': 'ca' }));
    const options = { clock: new ManualClock(), log: log() };
    const credentials = kubeConfigCredentials(loadDefaultKubeConfig, options);
    expect(credentials.server).toBe('https://api.example:6443');
    expect(await credentials.current()).toEqual({
      headers: { authorization: `Bearer ${SECRET}` },
      tls: { ca: Buffer.from('CA') },
    });
  });

  test('can be spread over several files', () => {
    const files = [{ clusters: [cluster] }, { users: null, contexts: [context], 'current-context': 'x' }];
    process.env['KUBECONFIG'] = files
      .map((content, index) => {
        const file = path.join(folder, `part${index}`);
        writeFileSync(file, JSON.stringify(content));
        return file;
      })
      .join(':');
    expect(loadDefaultKubeConfig().getCurrentCluster()?.server).toBe('https://api.example:6443');
  });

  test('says what to do when there is none', () => {
    delete process.env['KUBECONFIG'];
    process.env['HOME'] = folder;
    expect(loadDefaultKubeConfig).toThrow('set KUBECONFIG');
  });

  test('says what to do when its context is not one', () => {
    use('{}');
    expect(loadDefaultKubeConfig).toThrow('kubectl config use-context');
  });
});
