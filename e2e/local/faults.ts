import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { fileURLToPath } from 'node:url';
import type { Faults } from '../cluster.ts';
import { startApiServerRelay } from './api-server-relay.ts';
import type { AggregatedApiServer } from './calico.ts';
import type { Parts } from './cluster.ts';
import { ETCD } from './control-plane.ts';
import { inNamespace } from './netns.ts';
import { SYSTEM_PATH } from './prerequisites.ts';

const run = promisify(execFile);

const COMPACT = fileURLToPath(new URL('compact-etcd.ts', import.meta.url));

export function createFaults({ controlPlane, calicoApiServer }: Parts): Faults {
  const calico = (): AggregatedApiServer => {
    if (calicoApiServer === undefined) throw new Error('Calico has no API server in this mode');
    return calicoApiServer;
  };
  return {
    killApiServer: () => controlPlane.apiServer.kill(),
    startApiServer: async () => {
      controlPlane.apiServer.start();
      await controlPlane.ready();
    },
    killCalicoApiServer: () => calico().kill(),
    startCalicoApiServer: async () => {
      calico().start();
      await calico().ready();
    },
    compactEtcd: async () => {
      const args = inNamespace(controlPlane.namespace, process.execPath, [COMPACT, ETCD]);
      await run('ip', [...args], { env: { PATH: SYSTEM_PATH } });
    },
    relay: () => startApiServerRelay(controlPlane.server),
  };
}
