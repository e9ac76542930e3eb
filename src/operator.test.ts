import { describe, expect, jest, test } from '@jest/globals';
import { spawnSync } from 'node:child_process';
import path from 'node:path';
import type { KubeConfig } from '@kubernetes/client-node';
import { recordingLogger } from './cluster/testing/logs.ts';

// These imports are sequential: jest runs the shell, which is CommonJS, while it links, and client-node must
// be loaded by then.
const client = await import('@kubernetes/client-node');
const { FirewallOperator } = await import('./operator.ts');

/** A port that refuses connections. */
function nowhere(): KubeConfig {
  const config = new client.KubeConfig();
  config.loadFromClusterAndUser(
    { name: 'c', server: 'https://127.0.0.1:1', skipTLSVerify: true },
    { name: 'u', token: 't' },
  );
  return config;
}

/** Makes the protected methods of the shell public. */
class OpenOperator extends FirewallOperator {
  override watchResource(): Promise<void> {
    return super.watchResource();
  }
  override setResourceStatus(): Promise<null> {
    return super.setResourceStatus();
  }
  override patchResourceStatus(): Promise<null> {
    return super.patchResourceStatus();
  }
}

describe('the operator', () => {
  test("starts and stops without a cluster, and never by the shell's own watch", async () => {
    const watch = jest.spyOn(client.Watch.prototype, 'watch');
    const log = recordingLogger();
    const operator = new FirewallOperator({
      loadKubeConfig: nowhere,
      healthAddress: '127.0.0.1:0',
      metricsAddress: '127.0.0.1:0',
      log,
      env: {},
    });
    await operator.start();
    const url = `http://127.0.0.1:${String(operator.healthPort)}`;
    expect((await fetch(`${url}/healthz`)).status).toBe(200);
    expect((await fetch(`${url}/readyz`)).status).toBe(503);
    const metrics = await fetch(`http://127.0.0.1:${String(operator.metricsPort)}/metrics`);
    expect(await metrics.text()).toContain('leader_election_master_status{name="clusterfirewall"} 0');
    operator.stop();
    await operator.ended;
    expect(log.lines.at(-1)?.message).toBe('operator stopped');
    expect(watch).not.toHaveBeenCalled();
  });

  test('listens nowhere by default', async () => {
    const operator = new FirewallOperator({ loadKubeConfig: nowhere, log: recordingLogger(), env: {} });
    await operator.start();
    expect(operator.healthPort).toBeUndefined();
    expect(operator.metricsPort).toBeUndefined();
    operator.stop();
    await operator.ended;
  });

  test('does not start without a kubeconfig, and reports what is missing', async () => {
    const loadKubeConfig = () => {
      throw new Error('no kubeconfig found: set KUBECONFIG');
    };
    const operator = new FirewallOperator({ loadKubeConfig, log: recordingLogger(), env: {} });
    await expect(operator.start()).rejects.toThrow('set KUBECONFIG');
  });

  test("leaves the shell's own I/O unused", async () => {
    const operator = new OpenOperator({ loadKubeConfig: nowhere, log: recordingLogger(), env: {} });
    await expect(operator.watchResource()).rejects.toThrow('not used');
    await expect(operator.setResourceStatus()).rejects.toThrow('not used');
    await expect(operator.patchResourceStatus()).rejects.toThrow('not used');
  });
});

describe('the process', () => {
  /**
   * Runs `script` next to an operator whose API server refuses connections, or accepts them and does not
   * answer.
   */
  const run = (script: string, apiServer: 'refuses' | 'is silent' = 'refuses') => {
    const source = `
      import { once } from 'node:events';
      import { createServer } from 'node:net';
      import { KubeConfig } from '@kubernetes/client-node';
      import { runOperator } from './src/operator.ts';
      const silent = createServer().listen(0, '127.0.0.1').unref();
      await once(silent, 'listening');
      const port = '${apiServer}' === 'refuses' ? 1 : silent.address().port;
      const config = new KubeConfig();
      config.loadFromClusterAndUser({ name: 'c', server: 'https://127.0.0.1:' + port }, { name: 'u' });
      const running = runOperator({ loadKubeConfig: () => config, env: {} });
      ${script}`;
    const cwd = path.resolve(import.meta.dirname, '..');
    const env = { PATH: process.env['PATH'] };
    const { status, stdout } = spawnSync(process.execPath, ['--input-type=module', '-e', source], {
      cwd,
      env,
      encoding: 'utf8',
    });
    const messages = stdout
      .trim()
      .split('\n')
      .map((line) => (JSON.parse(line) as { readonly msg: string }).msg);
    return { status, messages };
  };

  test('ends with 0 after a signal', () => {
    const { status, messages } = run(
      `setTimeout(() => process.kill(process.pid, 'SIGTERM'), 0); await running;`,
    );
    expect(status).toBe(0);
    expect(messages.slice(-2)).toEqual(['stopping', 'operator stopped']);
  });

  test('ends at once after a second signal, whatever it waits for', () => {
    const { status, messages } = run(
      `await once(silent, 'connection');
      process.once('SIGTERM', () => setImmediate(() => process.kill(process.pid, 'SIGTERM')));
      process.kill(process.pid, 'SIGTERM');
      await running;`,
      'is silent',
    );
    expect(status).toBe(1);
    expect(messages.at(-1)).toBe('stopping');
  });

  test('logs an unhandled error before it ends', () => {
    const { status, messages } = run(
      `setTimeout(() => Promise.reject(new Error('boom')), 0); await running;`,
    );
    expect(status).toBe(1);
    expect(messages.at(-1)).toBe('operator failed: unhandled error');
  });
});
