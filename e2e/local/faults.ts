import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { fileURLToPath } from 'node:url';
import type { Faults } from '../cluster.ts';
import { startApiServerRelay } from './control-plane/api-server-relay.ts';
import type { AggregatedApiServer } from './control-plane/calico.ts';
import type { Parts } from './parts.ts';
import { API_SERVER_PORT, ETCD } from './control-plane/control-plane.ts';
import { inNamespace } from './process/netns.ts';
import { SYSTEM_PATH } from './process/prerequisites.ts';

const run = promisify(execFile);

const COMPACT = fileURLToPath(new URL('control-plane/compact-etcd.ts', import.meta.url));

/** In a table of its own, which Felix does not touch. */
const REFUSE = `add table inet refused; add chain inet refused out { type filter hook output priority -250; }; add rule inet refused out tcp dport ${String(API_SERVER_PORT)} reject with tcp reset`;

export function createFaults({ controlPlane, calicoApiServer, nodes }: Parts): Faults {
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
    keepFromApiServer: async (name) => {
      const node = nodes.find((each) => each.name === name);
      if (node === undefined) throw new Error(`there is no node ${name}`);
      const nft = async (script: string): Promise<void> => {
        await run('ip', [...inNamespace(node.namespace, 'nft', [script])], { env: { PATH: SYSTEM_PATH } });
      };
      await nft(REFUSE);
      return { [Symbol.asyncDispose]: () => nft('delete table inet refused') };
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
