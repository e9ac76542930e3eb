import { describe, expect, test } from '@jest/globals';
import { ApiError, TransportError } from '../cluster/errors.ts';
import { FakeApiServer } from '../cluster/testing/fake-api-server.ts';
import { DEPLOYMENTS, FIREWALLS } from '../cluster/testing/served-kinds.ts';
import { runCommand } from './testing.ts';
import { VERSION } from './version.ts';

const deployment = (namespace: string, image: string, labels: Readonly<Record<string, string>> = {}) => ({
  metadata: {
    name: 'clusterfirewall',
    namespace,
    labels: { 'app.kubernetes.io/name': 'clusterfirewall', ...labels },
  },
  spec: { replicas: 2, template: { spec: { containers: [{ name: 'operator', image }] } } },
  status: { readyReplicas: 1 },
});

const ask = (transport: FakeApiServer, ...argv: readonly string[]) =>
  runCommand(['version', ...argv], { transport });

describe('version', () => {
  test('prints the client alone where there is no kubeconfig, and says that the cluster is not known', async () => {
    expect(await runCommand(['version'])).toEqual({
      exitCode: 3,
      stdout: expect.stringMatching(
        new RegExp(`^client: {4}${VERSION}\ncluster: {3}no answer: no kubeconfig found: [^]*\n$`),
      ),
      stderr: '',
    });
    expect(await runCommand(['version', '--client'])).toEqual({
      exitCode: 0,
      stdout: `client:    ${VERSION}\n`,
      stderr: '',
    });
  });

  test('prints operator, image and API of a cluster', async () => {
    const server = new FakeApiServer([DEPLOYMENTS, FIREWALLS]);
    server.put(DEPLOYMENTS, deployment('firewall', 'reg.example:5000/cf/clusterfirewall:0.3.0@sha256:abc'));
    const { exitCode, stdout } = await ask(server);
    expect({ exitCode, lines: stdout.trimEnd().split('\n').slice(1) }).toEqual({
      exitCode: 0,
      lines: [
        'operator:  0.3.0, 1 of 2 ready in firewall',
        '           reg.example:5000/cf/clusterfirewall:0.3.0@sha256:abc',
        'API:       clusterfirewall.io/v1alpha1',
      ],
    });
  });

  test.each([
    ['reg.example:5000/clusterfirewall', {}, undefined],
    ['reg.example:5000/clusterfirewall@sha256:abc', { 'app.kubernetes.io/version': '0.4.0' }, '0.4.0'],
    ['clusterfirewall:0.1.0', { 'app.kubernetes.io/version': '0.4.0' }, '0.4.0'],
  ])('takes the version of %s with labels %j for %s', async (image, labels, version) => {
    const server = new FakeApiServer([DEPLOYMENTS, FIREWALLS]);
    server.put(DEPLOYMENTS, deployment('firewall', image, labels));
    const { stdout } = await ask(server, '-o', 'json');
    const { operators } = JSON.parse(stdout) as { operators: readonly { readonly version?: string }[] };
    expect(operators.map((each) => each.version)).toEqual([version]);
  });

  test('says that nothing is installed', async () => {
    const { exitCode, stdout } = await ask(new FakeApiServer([DEPLOYMENTS]));
    expect(exitCode).toBe(0);
    expect(stdout).toContain('operator:  not installed\nAPI:       not installed: its CustomResource');
  });

  test('names an API that this program does not know', async () => {
    const { stdout } = await ask(new FakeApiServer([DEPLOYMENTS, { ...FIREWALLS, version: 'v1' }]));
    expect(stdout).toContain('API:       clusterfirewall.io/v1; this program knows v1alpha1 alone');
  });

  test('looks into the usual namespace where it may not list Deployments', async () => {
    const server = new FakeApiServer([DEPLOYMENTS, FIREWALLS]);
    server.put(DEPLOYMENTS, deployment('clusterfirewall-system', 'clusterfirewall:0.1.0'));
    server.fault = ({ path }) =>
      path === '/apis/apps/v1/deployments' ? new ApiError({ code: 403, message: 'no' }) : undefined;
    const { exitCode, stdout } = await ask(server, '-o', 'json');
    expect(exitCode).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({
      server: 'https://api.example:6443',
      operators: [{ namespace: 'clusterfirewall-system', version: '0.1.0', replicas: 2, ready: 1 }],
      api: ['v1alpha1'],
    });
  });

  test('keeps what it knows where a part has no answer', async () => {
    const server = new FakeApiServer([DEPLOYMENTS, FIREWALLS]);
    server.fault = ({ path }) =>
      path === '/apis' ? new TransportError('GET /apis: refused\u001b[2J') : undefined;
    const { exitCode, stdout } = await ask(server);
    expect(exitCode).toBe(3);
    expect(stdout).toContain(String.raw`operator:  not installed
API:       unknown: GET /apis: refused\u{1b}[2J`);
    const json = JSON.parse((await ask(server, '-o', 'json')).stdout) as object;
    expect(json).toMatchObject({ operators: [], unknown: ['GET /apis: refused\u001b[2J'] });
    expect(json).not.toHaveProperty('api');
  });
});
