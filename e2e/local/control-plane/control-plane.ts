import { randomBytes } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { both, CONTROL_PLANE, SERVICE_NETWORK } from '../addresses.ts';
import { connectApi, type Api } from './api.ts';
import type { Binaries } from '../build/binaries.ts';
import { createAuthority, createCertificate, createSigningKey } from './certificates.ts';
import { startChild } from '../process/child.ts';
import { startRestartable, type Restartable } from '../process/restartable.ts';
import { writeKubeconfig } from './kubeconfig.ts';
import { relayFromLoopback } from './loopback.ts';
import type { Run } from '../process/run.ts';
import { waitFor } from '../../wait.ts';

export interface ControlPlaneOptions {
  readonly apiServerArgs: readonly string[];
}

/** A running etcd and kube-apiserver, in a namespace of their own. */
export interface ControlPlane {
  readonly namespace: string;
  readonly api: Api;
  /** The URL for this machine. */
  readonly server: string;
  /** The authority that signed the API server's certificate, in PEM. */
  readonly authority: string;
  /** For processes of this machine. */
  readonly kubeconfig: string;
  /** For processes inside the run's namespaces. */
  readonly innerKubeconfig: string;
  /** The same with an identity of its own, for kube-controller-manager. */
  readonly controllerManagerKubeconfig: string;
  /** The same for Calico's API server, whose name for RBAC is CALICO_API_SERVER. */
  readonly calicoApiServerKubeconfig: string;
  readonly apiServer: Restartable;
  /** Resolves when the API server that runs now is ready. */
  ready(): Promise<void>;
}

/**
 * Felix lets nodes reach this port whatever policies say (failsafeOutboundHostPorts), so it must stay the
 * same.
 */
export const API_SERVER_PORT = 6443;
export const ETCD = 'http://127.0.0.1:2379';
const ETCD_PEER = 'http://127.0.0.1:2380';
const READY_WITHIN = 180_000;
const ADMINISTRATOR = 'kubernetes-admin';
/** RBAC knows it by this name. */
const CONTROLLER_MANAGER = 'system:kube-controller-manager';
export const CALICO_API_SERVER = 'calico-apiserver';

export async function startControlPlane(
  run: Run,
  namespace: string,
  binaries: Binaries,
  options: ControlPlaneOptions,
): Promise<ControlPlane> {
  const [token, managerToken, calicoToken] = [randomToken(), randomToken(), randomToken()];
  const tokens = tokensFile([
    [token, ADMINISTRATOR, 'system:masters'],
    [managerToken, CONTROLLER_MANAGER],
    [calicoToken, CALICO_API_SERVER],
  ]);
  const authority = await writeCredentials(path.join(run.dir, 'pki'), tokens);
  const etcd = startChild(run, { name: 'etcd', namespace, file: binaries.path('etcd'), args: etcdArgs(run) });
  const apiServer = startRestartable(run, {
    name: 'kube-apiserver',
    namespace,
    file: binaries.path('kube-apiserver'),
    args: [...apiServerArgs(path.join(run.dir, 'pki')), ...options.apiServerArgs],
  });
  const port = await relayFromLoopback(run, namespace, CONTROL_PLANE.v4, API_SERVER_PORT);
  const server = `https://127.0.0.1:${port}`;
  const api = connectApi(server, authority, token);
  const ready = async (): Promise<void> => {
    await waitFor(async () => (await api.get('/readyz')) === 'ok' || undefined, {
      what: 'kube-apiserver to be ready',
      within: READY_WITHIN,
      abort: Promise.race([etcd.failed, apiServer.child.failed]),
      explain: () => apiServer.child.tail(),
    });
  };
  await ready();
  const identity = { authority, user: ADMINISTRATOR, token };
  const inner = `https://${CONTROL_PLANE.v4}:${API_SERVER_PORT}`;
  return {
    namespace,
    api,
    server,
    authority,
    kubeconfig: await writeKubeconfig(path.join(run.dir, 'kubeconfig'), { ...identity, server }),
    innerKubeconfig: await writeKubeconfig(path.join(run.dir, 'inner.kubeconfig'), {
      ...identity,
      server: inner,
    }),
    controllerManagerKubeconfig: await writeKubeconfig(path.join(run.dir, 'controller-manager.kubeconfig'), {
      authority,
      user: CONTROLLER_MANAGER,
      token: managerToken,
      server: inner,
    }),
    calicoApiServerKubeconfig: await writeKubeconfig(path.join(run.dir, 'calico-apiserver.kubeconfig'), {
      authority,
      user: CALICO_API_SERVER,
      token: calicoToken,
      server: inner,
    }),
    apiServer,
    ready,
  };
}

/** Lines with a token, a user's name and uid, and a group. */
const tokensFile = (users: readonly (readonly [token: string, user: string, group?: string])[]): string =>
  users
    .map(([token, user, group]) => `${[token, user, user, ...(group === undefined ? [] : [group])].join()}\n`)
    .join('');

const randomToken = (): string => randomBytes(16).toString('hex');

/** Resolves to the certificate of the authority that clients must trust. */
async function writeCredentials(dir: string, tokens: string): Promise<string> {
  const authority = createAuthority('kubernetes');
  // It has its own authority, so a client of the first authority cannot pass for the aggregation proxy.
  const frontProxyAuthority = createAuthority('front-proxy');
  const server = createCertificate(authority, 'kube-apiserver', [
    '127.0.0.1',
    CONTROL_PLANE.v4,
    CONTROL_PLANE.v6,
    'localhost',
    'kubernetes.default.svc',
  ]);
  const frontProxy = createCertificate(frontProxyAuthority, 'front-proxy-client');
  const files: Readonly<Record<string, string>> = {
    'ca.crt': authority.certificate,
    'front-proxy-ca.crt': frontProxyAuthority.certificate,
    'front-proxy.crt': frontProxy.certificate,
    'front-proxy.key': frontProxy.key,
    'server.crt': server.certificate,
    'server.key': server.key,
    'service-accounts.key': createSigningKey(),
    'tokens.csv': tokens,
  };
  await mkdir(dir, { mode: 0o700 });
  for (const [name, content] of Object.entries(files))
    await writeFile(path.join(dir, name), content, { mode: 0o600 });
  return authority.certificate;
}

function etcdArgs(run: Run): readonly string[] {
  return [
    `--data-dir=${path.join(run.dir, 'etcd')}`,
    `--listen-client-urls=${ETCD}`,
    `--advertise-client-urls=${ETCD}`,
    `--listen-peer-urls=${ETCD_PEER}`,
    '--unsafe-no-fsync',
    '--log-level=warn',
  ];
}

function apiServerArgs(pki: string): readonly string[] {
  const file = (name: string): string => path.join(pki, name);
  return [
    `--etcd-servers=${ETCD}`,
    `--secure-port=${API_SERVER_PORT}`,
    `--advertise-address=${CONTROL_PLANE.v4}`,
    `--tls-cert-file=${file('server.crt')}`,
    `--tls-private-key-file=${file('server.key')}`,
    `--token-auth-file=${file('tokens.csv')}`,
    `--client-ca-file=${file('ca.crt')}`,
    '--authorization-mode=RBAC',
    '--service-account-issuer=https://kubernetes.default.svc',
    `--service-account-signing-key-file=${file('service-accounts.key')}`,
    `--service-account-key-file=${file('service-accounts.key')}`,
    `--service-cluster-ip-range=${both(SERVICE_NETWORK).join(',')}`,
    `--requestheader-client-ca-file=${file('front-proxy-ca.crt')}`,
    '--requestheader-allowed-names=front-proxy-client',
    '--requestheader-username-headers=X-Remote-User',
    '--requestheader-group-headers=X-Remote-Group',
    '--requestheader-extra-headers-prefix=X-Remote-Extra-',
    `--proxy-client-cert-file=${file('front-proxy.crt')}`,
    `--proxy-client-key-file=${file('front-proxy.key')}`,
    // This plugin would wait for the ServiceAccount `default` of a new namespace, which nothing creates here.
    '--disable-admission-plugins=ServiceAccount',
  ];
}
