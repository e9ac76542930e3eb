/**
 * The operator goes on when kubelet has replaced its token and the first one has expired. It takes more than
 * ten minutes, because no token may live shorter (TokenRequest, `expirationSeconds`).
 */
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { readFile, readdir } from 'node:fs/promises';
import path from 'node:path';
import { program } from '../harness/firewall.ts';
import { waitFor } from '../wait.ts';
import { inNamespace, rolledOut, startOperatorStage, type OperatorStage } from './stage.ts';

const START_WITHIN = 2_400_000;
const LIFETIME_SECONDS = 600;
/** kubelet replaces a token at 80 % of its lifetime, and looks at most every few minutes. */
const EXPIRED_WITHIN = 2 * LIFETIME_SECONDS * 1000;
const FOLDER = '/var/run/secrets/kubernetes.io/serviceaccount';

/** In place of the token that every pod gets. That one lives an hour, and the API server accepts it for longer. */
const PATCH = {
  spec: {
    template: {
      spec: {
        automountServiceAccountToken: false,
        containers: [
          { name: 'operator', volumeMounts: [{ name: 'token', mountPath: FOLDER, readOnly: true }] },
        ],
        volumes: [
          {
            name: 'token',
            projected: {
              sources: [
                { serviceAccountToken: { path: 'token', expirationSeconds: LIFETIME_SECONDS } },
                { configMap: { name: 'kube-root-ca.crt', items: [{ key: 'ca.crt', path: 'ca.crt' }] } },
              ],
            },
          },
        ],
      },
    },
  },
};

const firewall = (mode: 'Observe' | 'Enforce'): string => `
apiVersion: clusterfirewall.io/v1alpha1
kind: ClusterFirewall
metadata: { name: default }
spec: { mode: ${mode} }
`;

let started: OperatorStage | undefined;

beforeAll(async () => {
  started = await startOperatorStage();
}, START_WITHIN);

afterAll(async () => {
  await started?.cluster.stop();
}, START_WITHIN);

test(
  'the operator reads its token again',
  async () => {
    if (started === undefined) throw new Error('the stage did not start: see the first error');
    const { cluster, identity } = started;
    await inNamespace(cluster, identity, [
      ...['patch', 'deployment', 'clusterfirewall', '--patch', JSON.stringify(PATCH)],
    ]);
    await rolledOut(cluster, identity);
    await program(cluster, firewall('Observe'));
    const first = await tokens();
    expect(first.length).toBe(2);
    await waitFor(
      async () => {
        const now = await tokens();
        const replaced = now.length === 2 && now.every((token) => !first.includes(token));
        return (replaced && first.every(isExpired)) || undefined;
      },
      { what: 'the first tokens to be replaced and to expire', within: EXPIRED_WITHIN, every: 5000 },
    );

    await program(cluster, firewall('Enforce'));
    const restarts = 'jsonpath={.items[*].status.containerStatuses[0].restartCount}';
    const pods = ['get', 'pods', '--field-selector', 'status.phase=Running', '--output', restarts];
    expect(await inNamespace(cluster, identity, pods)).toBe('0 0');
  },
  START_WITHIN,
);

/** Tokens of the processes of the operator. Its image has no program that could print them. */
async function tokens(): Promise<readonly string[]> {
  const found: string[] = [];
  for (const pid of (await readdir('/proc')).filter((name) => /^\d+$/.test(name))) {
    const command = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
    if (!command.includes('/clusterfirewall.js\0run')) continue;
    found.push(await readFile(path.join('/proc', pid, 'root', FOLDER, 'token'), 'utf8').catch(() => ''));
  }
  return found.filter((token) => token !== '');
}

function isExpired(token: string): boolean {
  const [, payload = ''] = token.split('.');
  const { exp } = JSON.parse(Buffer.from(payload, 'base64url').toString()) as { readonly exp: number };
  return exp * 1000 < Date.now();
}
