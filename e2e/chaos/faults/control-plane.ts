/** The API servers and etcd. */
import { setTimeout as delay } from 'node:timers/promises';
import { longWork, shortWork } from '../work.ts';
import { midReconcile, seconds, victims, type FaultClass } from './fault.ts';

export const apiServerKill: FaultClass = {
  name: 'api-server-kill',
  weight: 3,
  plan: (random, state) => {
    const work = longWork(random, state);
    const [after, down] = [random.between(0, 1500), random.between(100, 5000)];
    return {
      parameters: `${seconds(after)} into a reconcile, down ${seconds(down)}; ${work.description}`,
      states: work.states,
      run: async (stage) => {
        const { faults } = stage.cluster;
        const { done } = await midReconcile(stage, () => work.run(stage), after);
        await faults.killApiServer();
        await delay(down);
        await faults.startApiServer();
        await done;
      },
    };
  },
};

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

/** Watches end while nobody can connect, and when they come back, etcd no longer has what they ask for. */
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
        // The API server keeps recent events itself: only a new one must ask etcd.
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
