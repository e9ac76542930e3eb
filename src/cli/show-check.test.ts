import { beforeEach, describe, expect, test } from '@jest/globals';
import { ApiError } from '../cluster/errors.ts';
import type { TransportRequest, TransportResponse } from '../cluster/http/transport.ts';
import { FakeApiServer, type ServedKind } from '../cluster/testing/fake-api-server.ts';
import { runCommand } from './testing.ts';
import { VERSION } from './version.ts';

const kind = (
  group: string,
  version: string,
  plural: string,
  name: string,
  namespaced = false,
): ServedKind => ({
  group,
  version,
  plural,
  kind: name,
  namespaced,
});
const calico = (plural: string, name: string): ServedKind => kind('projectcalico.org', 'v3', plural, name);
const CALICO = [
  calico('tiers', 'Tier'),
  calico('hostendpoints', 'HostEndpoint'),
  calico('globalnetworksets', 'GlobalNetworkSet'),
  calico('globalnetworkpolicies', 'GlobalNetworkPolicy'),
  calico('networkpolicies', 'NetworkPolicy'),
  calico('stagedglobalnetworkpolicies', 'StagedGlobalNetworkPolicy'),
  calico('stagednetworkpolicies', 'StagedNetworkPolicy'),
];
const ADMISSION = 'admissionregistration.k8s.io';
const WEBHOOKS = kind(ADMISSION, 'v1', 'mutatingwebhookconfigurations', 'MutatingWebhookConfiguration');
const GUARDS = kind(ADMISSION, 'v1', 'validatingadmissionpolicies', 'ValidatingAdmissionPolicy');
const NETWORK_POLICIES = kind('networking.k8s.io', 'v1', 'networkpolicies', 'NetworkPolicy', true);
const DEPLOYMENTS = kind('apps', 'v1', 'deployments', 'Deployment', true);
const LEASES = kind('coordination.k8s.io', 'v1', 'leases', 'Lease', true);
const FIREWALLS = kind('clusterfirewall.io', 'v1alpha1', 'clusterfirewalls', 'ClusterFirewall');
const NOW = new Date(Date.UTC(2026, 10, 30, 16, 50));

/** Answers also what is no object: the version of the server and reviews of rights. */
class Server extends FakeApiServer {
  kubernetes = 'v1.35.4';
  forbidden: readonly string[] = [];

  override request(request: TransportRequest): Promise<TransportResponse> {
    const { path, body } = request;
    if (path === '/version') {
      const [, major, minor] = /v(\d+)\.(\d+)/.exec(this.kubernetes) ?? [];
      return answer({ major, minor, gitVersion: this.kubernetes });
    }
    if (path.endsWith('/selfsubjectaccessreviews')) {
      const { resource } = (body as { spec: { resourceAttributes: { resource: string } } }).spec
        .resourceAttributes;
      return answer({ status: { allowed: !this.forbidden.includes(resource) } });
    }
    return super.request(request);
  }
}

const answer = (body: unknown): Promise<TransportResponse> =>
  Promise.resolve({ status: 200, headers: {}, body });

let server: Server;

const deployment = (status: object, namespace = 'fw', image = `clusterfirewall:${VERSION}`): void => {
  server.put(DEPLOYMENTS, {
    metadata: { name: 'clusterfirewall', namespace, labels: { 'app.kubernetes.io/name': 'clusterfirewall' } },
    spec: { replicas: 2, template: { spec: { containers: [{ image }] } } },
    status: { observedGeneration: 100, ...status },
  });
};
const lease = (ago: number, holder = 'pod-1_x'): void => {
  server.put(LEASES, {
    metadata: { name: 'clusterfirewall', namespace: 'fw' },
    spec: { holderIdentity: holder, renewTime: new Date(NOW.getTime() - ago * 1000).toISOString() },
  });
};
const firewall = (observedGeneration: number, status: string): void => {
  const ready = { type: 'Ready', status, reason: 'X', message: '', lastTransitionTime: NOW.toISOString() };
  server.put(FIREWALLS, {
    metadata: { name: 'default' },
    spec: { mode: 'Enforce' },
    status: { observedGeneration, conditions: [ready] },
  });
};

beforeEach(() => {
  server = new Server([...CALICO, WEBHOOKS, GUARDS, NETWORK_POLICIES, DEPLOYMENTS, LEASES, FIREWALLS]);
  deployment({ readyReplicas: 2, updatedReplicas: 2 });
  lease(1);
  firewall(1, 'True');
  server.put(GUARDS, { metadata: { name: 'clusterfirewall-removal-guard' } });
});

const check = (...argv: readonly string[]) =>
  runCommand(['check', ...argv], { transport: server, date: NOW });

/** The line of one check, with its continuations. */
async function lineOf(name: string): Promise<{ readonly exitCode: number; readonly line: string }> {
  const { exitCode, stdout } = await check();
  const lines = stdout
    .split('\n')
    .map((each) => (each.startsWith(' ') ? each.replace(/^ +/, ' ') : `\n${each}`));
  const line =
    lines
      .join('')
      .split('\n')
      .find((each) => each.startsWith(`${name} `)) ?? '';
  return { exitCode, line: line.replaceAll(/ +/g, ' ') };
}

describe('check', () => {
  test('of a cluster that is as it should be', async () => {
    expect(await check()).toEqual({
      exitCode: 0,
      stderr: '',
      stdout: `Kubernetes    ok   v1.35.4
Calico        ok   of unknown version, served from CRDs
your rights   ok   you may install it
webhooks      ok   none alters objects of Calico
policies      ok   none of others
endpoints     ok   no host endpoint of others
API           ok   clusterfirewall.io/v1alpha1
operator      ok   ${VERSION}, 2 of 2 ready in fw
lease         ok   pod-1, renewed 1 s ago
guards        ok   1 of ours
firewalls     ok   all ready: default
`,
    });
  });

  test('--pre looks at nothing of the operator', async () => {
    server = new Server([...CALICO, WEBHOOKS, NETWORK_POLICIES]);
    const { exitCode, stdout } = await check('--pre');
    expect({ exitCode, lines: stdout.trimEnd().split('\n').length }).toEqual({ exitCode: 0, lines: 6 });
    expect((await check()).stdout).toMatch(/API +FAILS +the CustomResourceDefinition is missing/);
  });

  test.each<[string, () => void, number, string]>([
    ['Kubernetes', () => (server.kubernetes = 'v1.29.1'), 0, 'warning v1.29.1: the guards need 1.30'],
    ['your rights', () => (server.forbidden = ['clusterroles']), 1, 'FAILS you may not create clusterroles:'],
    [
      'webhooks',
      () =>
        server.put(WEBHOOKS, { metadata: { name: 'all' }, webhooks: [{ rules: [{ apiGroups: ['*'] }] }] }),
      0,
      'warning all may alter objects of Calico',
    ],
    [
      'policies',
      () => {
        for (const name of ['a', 'b', 'c', 'd'])
          server.put({ group: 'projectcalico.org', plural: 'globalnetworkpolicies' }, { metadata: { name } });
        server.put(NETWORK_POLICIES, { metadata: { name: 'x', namespace: 'y' } });
      },
      0,
      'warning 4 GlobalNetworkPolicies of others: a, b, c and 1 more; 1 NetworkPolicies; validate --inventory',
    ],
    [
      'endpoints',
      () =>
        server.put({ group: 'projectcalico.org', plural: 'hostendpoints' }, { metadata: { name: 'eth0' } }),
      0,
      'warning 1 host endpoints of others: eth0',
    ],
    [
      'operator',
      () => {
        server.collection(DEPLOYMENTS).delete('fw/clusterfirewall');
      },
      1,
      'FAILS there is no Deployment',
    ],
    [
      'operator',
      () => {
        deployment({}, 'other');
      },
      1,
      'FAILS a cluster has one operator, and there are Deployments in fw, other',
    ],
    [
      'operator',
      () => {
        deployment({ readyReplicas: 1, updatedReplicas: 2 });
      },
      1,
      '1 of 2 ready in fw; a pod that is not ready names the reason',
    ],
    [
      'operator',
      () => {
        deployment({ readyReplicas: 2, updatedReplicas: 1 });
      },
      1,
      'a roll-out is under way',
    ],
    [
      'operator',
      () => {
        deployment({ readyReplicas: 2, updatedReplicas: 2 }, 'fw', 'clusterfirewall:9.9.9');
      },
      0,
      `warning 9.9.9, 2 of 2 ready in fw; this program is ${VERSION}`,
    ],
    [
      'lease',
      () => {
        lease(500);
      },
      1,
      'FAILS no operator has led for 500 s',
    ],
    [
      'lease',
      () => {
        lease(1, '');
      },
      1,
      'FAILS given back',
    ],
    [
      'lease',
      () => {
        server.collection(LEASES).delete('fw/clusterfirewall');
      },
      1,
      'FAILS no operator has ever led',
    ],
    [
      'guards',
      () => {
        server.collection(GUARDS).delete('clusterfirewall-removal-guard');
      },
      0,
      'warning clusterfirewall-removal-guard is missing',
    ],
    [
      'firewalls',
      () => {
        firewall(0, 'True');
      },
      1,
      'FAILS the operator has not seen the last change of default',
    ],
    [
      'firewalls',
      () => {
        firewall(9, 'False');
      },
      1,
      'FAILS not ready: default',
    ],
    [
      'firewalls',
      () => {
        server.collection(FIREWALLS).delete('default');
      },
      0,
      'warning there is none',
    ],
  ])('%s: %#', async (name, arrange, exitCode, words) => {
    arrange();
    const found = await lineOf(name);
    expect(found.line).toContain(words);
    expect(found.exitCode).toBe(exitCode);
  });

  test('of a cluster without Calico names the remedy', async () => {
    server = new Server([WEBHOOKS, NETWORK_POLICIES]);
    const { exitCode, stdout } = await check('--pre');
    expect(exitCode).toBe(1);
    expect(stdout).toMatch(/^Calico +FAILS +/m);
  });

  test('is incomplete where something may not be read', async () => {
    server.fault = ({ path }) =>
      path.endsWith('/mutatingwebhookconfigurations')
        ? new ApiError({ code: 403, message: 'no\u001b' })
        : undefined;
    const { exitCode, stdout } = await check('-o', 'json');
    expect(exitCode).toBe(3);
    expect(JSON.parse(stdout)).toMatchObject({
      ok: false,
      findings: expect.arrayContaining([{ check: 'webhooks', grade: 'unknown', message: 'no\u001b' }]),
    });
    expect((await lineOf('webhooks')).line).toContain(String.raw`unknown no\u{1b}`);
  });

  test('--wait repeats until nothing fails', async () => {
    lease(500);
    let looks = 0;
    server.fault = ({ path }) => {
      if (path.includes('/leases/') && (looks += 1) === 2) lease(1);
      return undefined;
    };
    expect(await check('--wait', '60')).toMatchObject({ exitCode: 0 });
    expect(looks).toBe(2);
  });
});
