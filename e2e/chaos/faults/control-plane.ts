/** Faults of the API servers and etcd. */
import { setTimeout as delay } from 'node:timers/promises';
import { untilAccepted } from '../api.ts';
import type { Stage } from '../stage.ts';
import { longWork, shortWork } from '../work.ts';
import { midReconcile, seconds, victims, type FaultClass } from './fault.ts';

/**
 * Time for which nodes may receive changes later than the operator does. A starting API server asks for 5 s,
 * which each watch of Felix waits.
 */
const LATE_MS = 5000;
const WATCHED_BY_FELIX = '/apis/crd.projectcalico.org/v1/globalnetworkpolicies';

export const apiServerKill: FaultClass = {
  name: 'api-server-kill',
  weight: 3,
  plan: (random, state) => {
    const work = longWork(random, state);
    const [after, down] = [random.between(0, 1500), random.between(100, 5000)];
    const late = [random.between(0, LATE_MS), random.between(0, LATE_MS)];
    return {
      parameters: `${seconds(after)} into a reconcile, down ${seconds(down)}, nodes ${late.map(seconds).join(' and ')} later; ${work.description}`,
      states: work.states,
      run: async (stage) => {
        const { faults } = stage.cluster;
        const { done } = await midReconcile(stage, () => work.run(stage), after);
        await faults.killApiServer();
        const kept = await Promise.all(stage.cluster.nodes.map(({ name }) => faults.keepFromApiServer(name)));
        await delay(down);
        await Promise.all([faults.startApiServer(), hearAgain(stage, kept, late), done]);
      },
    };
  },
};

/** Counts from the time when Calico's kinds are served, because the operator may use them immediately. */
async function hearAgain(
  { api }: Stage,
  kept: readonly AsyncDisposable[],
  late: readonly number[],
): Promise<void> {
  await untilAccepted('the API server to serve what Felix watches', () => api.get(WATCHED_BY_FELIX));
  await Promise.all(
    kept.map(async (node, i) => {
      await delay(late[i]);
      await node[Symbol.asyncDispose]();
    }),
  );
}

export const calicoApiDown: FaultClass = {
  name: 'calico-api-down',
  weight: 0,
  plan: (random, state, length) => {
    const work = longWork(random, state);
    const down = length === 'full' ? 60_000 : 8000;
    return {
      parameters: `down ${seconds(down)}; ${work.description}`,
      states: work.states,
      run: async (stage) => {
        const { faults } = stage.cluster;
        await faults.killCalicoApiServer();
        const done = work.run(stage);
        done.catch(() => undefined);
        await delay(down);
        await faults.startCalicoApiServer();
        await done;
      },
    };
  },
};

/** Watches end while nobody can connect. When clients return, etcd no longer has their versions. */
export const compaction: FaultClass = {
  name: 'etcd-compaction',
  weight: 2,
  plan: (random, state) => {
    const work = shortWork(random, state);
    return {
      parameters: work.description,
      states: work.states,
      run: async (stage) => {
        const { faults } = stage.cluster;
        const cut = await victims(stage, 'both');
        for (const { relay } of cut) relay.blackHoleAll();
        await work.run(stage);
        // The API server keeps recent events itself, so only a new one must ask etcd.
        await faults.killApiServer();
        await faults.compactEtcd();
        await faults.startApiServer();
        for (const { relay } of cut) {
          relay.cut();
          relay.restore();
        }
      },
    };
  },
};
