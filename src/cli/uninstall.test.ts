import { beforeEach, describe, expect, test } from '@jest/globals';
import type { KubernetesObject } from '../cluster/resource.ts';
import { FakeApiServer } from '../cluster/testing/fake-api-server.ts';
import {
  calico,
  DEPLOYMENTS,
  FIREWALLS,
  LEASES,
  NAMESPACES,
  NODES,
  POLICIES,
} from '../cluster/testing/served-kinds.ts';
import { runCommand, type RunSettings } from './testing.ts';

const NOW = new Date(Date.UTC(2026, 10, 30, 16, 50));
const FINALIZER = 'clusterfirewall.io/finalizer';

const deny: KubernetesObject = {
  metadata: {
    name: 'cfw-default-defaults-deny-c35a3b',
    labels: { 'app.kubernetes.io/managed-by': 'clusterfirewall', 'clusterfirewall.io/firewall': 'default' },
    annotations: { 'clusterfirewall.io/rules': 'default/defaults/deny' },
  },
  spec: {
    tier: 'default',
    namespaceSelector: "kubernetes.io/metadata.name == 'shop'",
    types: ['Ingress', 'Egress'],
  },
};

let server: FakeApiServer;

const firewall = (annotations: Readonly<Record<string, string>> = {}): void => {
  server.put(FIREWALLS, {
    metadata: { name: 'default', finalizers: [FINALIZER], annotations },
    spec: { mode: 'Enforce' },
  });
};

/** Ends ClusterFirewalls like an operator. */
const operate = (): Promise<void> => {
  server.collection(POLICIES).delete(deny.metadata.name);
  server.collection(FIREWALLS).delete('default');
  return Promise.resolve();
};

beforeEach(() => {
  server = new FakeApiServer([
    FIREWALLS,
    DEPLOYMENTS,
    LEASES,
    NAMESPACES,
    NODES,
    POLICIES,
    calico('StagedGlobalNetworkPolicy', 'stagedglobalnetworkpolicies'),
    calico('HostEndpoint', 'hostendpoints'),
  ]);
  server.put(NAMESPACES, { metadata: { name: 'shop' } });
  server.put(POLICIES, deny);
  firewall();
});

const uninstall = (argv: readonly string[] = [], settings: RunSettings = {}) =>
  runCommand(['uninstall', ...argv], { transport: server, date: NOW, operate, ...settings });

describe('uninstall', () => {
  test('says what opens, asks, and does it', async () => {
    const { exitCode, stdout, stderr } = await uninstall([], { answer: 'yes' });
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
    expect(stdout).toBe(`In https://api.example:6443 this opens:
  namespaces   shop
  nodes        none
  removed      1 ClusterFirewall, 1 object of Calico
done: everything is open, and nothing is left
to remove the rest:
  kubectl delete crd clusterfirewalls.clusterfirewall.io
`);
  });

  test.each([
    ['no', 1, 'nothing was changed'],
    ['', 1, 'nothing was changed'],
    [undefined, 2, 'there is no terminal to ask at, so say --yes'],
  ])('changes nothing for the answer %j', async (answer, code, message) => {
    const { exitCode, stderr } = await uninstall([], answer === undefined ? {} : { answer });
    expect(exitCode).toBe(code);
    expect(stderr).toContain(message);
    expect(server.writes()).toEqual([]);
  });

  test('does not ask with --yes', async () => {
    expect(await uninstall(['--yes'])).toMatchObject({ exitCode: 0, stderr: '' });
    expect(server.collection(FIREWALLS).objects().size).toBe(0);
  });

  test('keeps everything in force with --retain', async () => {
    const retained = () => {
      server.collection(FIREWALLS).delete('default');
      return Promise.resolve();
    };
    const { exitCode, stdout } = await uninstall(['--retain', '-y'], { operate: retained });
    expect(exitCode).toBe(0);
    expect(stdout).toMatch(
      /this stays in force, and nobody changes or repairs\s+it any more:\n {2}namespaces {3}shop\n/,
    );
    expect(stdout).toContain('done: everything stays in force');
    expect(server.collection(POLICIES).objects().size).toBe(1);
    const patched = server.requests.find(({ method, body }) => method === 'PATCH' && body !== undefined);
    expect(patched?.body).toEqual({ spec: { deletionPolicy: 'Retain' } });
  });

  test('removes what belongs to no ClusterFirewall', async () => {
    server.collection(FIREWALLS).delete('default');
    const { exitCode, stdout } = await uninstall(['-y']);
    expect({ exitCode, left: server.collection(POLICIES).objects().size }).toEqual({ exitCode: 0, left: 0 });
    expect(stdout).toContain('removed      0 ClusterFirewalls, 1 object of Calico');
  });

  test('has nothing to do where nothing is left', async () => {
    await operate();
    expect((await uninstall()).stdout).toMatch(/^nothing is enforced, and nothing is left\n/);
    expect(server.writes()).toEqual([]);
  });

  test('names an object that finalizers of others keep', async () => {
    server.put(POLICIES, { ...deny, metadata: { ...deny.metadata, finalizers: ['backup.example/hold'] } });
    const { exitCode, stderr } = await uninstall(['-y'], {
      operate: () => {
        server.collection(FIREWALLS).delete('default');
        return Promise.resolve();
      },
    });
    expect(exitCode).toBe(3);
    expect(stderr.replaceAll(/\s+/g, ' ')).toContain('deny-c35a3b waits for backup.example/hold');
  });

  test('says what to do where an operator leads and does not end it', async () => {
    server.put(DEPLOYMENTS, {
      metadata: {
        name: 'clusterfirewall',
        namespace: 'fw',
        labels: { 'app.kubernetes.io/name': 'clusterfirewall' },
      },
    });
    server.put(LEASES, {
      metadata: { name: 'clusterfirewall', namespace: 'fw' },
      spec: { holderIdentity: 'a', renewTime: NOW.toISOString() },
    });
    const { exitCode, stderr } = await uninstall(['-y', '--timeout', '1']);
    expect(exitCode).toBe(3);
    expect(stderr.replaceAll(/\s+/g, ' ')).toContain(
      'kubectl -n fw scale deployment clusterfirewall --replicas=0, and run this again',
    );
  });

  test.each([
    ['helm uninstall cf --namespace fw', { 'meta.helm.sh/release-name': 'cf' }],
    ['argocd app delete app', { 'argocd.argoproj.io/tracking-id': 'app:apps/Deployment:fw/clusterfirewall' }],
    ['kubectl delete -k config/default', {}],
  ])('prints %s', async (command, annotations) => {
    server.put(DEPLOYMENTS, {
      metadata: {
        name: 'clusterfirewall',
        namespace: 'fw',
        annotations,
        labels: { 'app.kubernetes.io/name': 'clusterfirewall' },
      },
    });
    expect((await uninstall(['-y'])).stdout).toContain(`to remove the rest:\n  ${command}\n`);
  });

  test('warns of a ClusterFirewall that Argo CD would bring back', async () => {
    firewall({ 'argocd.argoproj.io/tracking-id': 'app:clusterfirewall.io/ClusterFirewall:/default' });
    expect((await uninstall([], { answer: 'no' })).stdout).toContain(
      'Argo CD keeps ClusterFirewall default (app)',
    );
  });

  test('takes a number of seconds', async () => {
    const { exitCode, stderr } = await uninstall(['--timeout', 'soon']);
    expect({ exitCode, stderr }).toMatchObject({
      exitCode: 2,
      stderr: expect.stringContaining('number of seconds'),
    });
  });
});
