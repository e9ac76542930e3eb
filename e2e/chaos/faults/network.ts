/** Faults between the operator and the API server. */
import { setTimeout as delay } from 'node:timers/promises';
import type { Stage } from '../stage.ts';
import { longWork, shortWork } from '../work.ts';
import { midReconcile, seconds, victims, type FaultClass, type Victims } from './fault.ts';

const ANYBODY: readonly Victims[] = ['leader', 'both'];

function restoreAll({ operators }: Stage): Promise<void> {
  for (const { relay } of operators.all()) relay.restore();
  return Promise.resolve();
}

/** Without FIN or RST, only the operator itself can detect it. */
export const watchBlackHole: FaultClass = {
  name: 'watch-black-hole',
  weight: 0,
  plan: (random, state) => {
    const work = shortWork(random, state);
    const who = random.pick(ANYBODY);
    return {
      parameters: `${who}; ${work.description}`,
      states: work.states,
      run: async (stage) => {
        for (const { relay } of await victims(stage, who)) relay.blackHole();
        await work.run(stage);
      },
      afterwards: restoreAll,
    };
  },
};

export const slowApiServer: FaultClass = {
  name: 'slow-api-server',
  weight: 2,
  plan: (random, state) => {
    const work = longWork(random, state);
    const [who, each] = [random.pick(ANYBODY), random.between(50, 700)];
    return {
      parameters: `${who}, ${String(each)} ms each way; ${work.description}`,
      states: work.states,
      run: async (stage) => {
        for (const { relay } of await victims(stage, who)) relay.delay(each);
        await work.run(stage);
      },
      afterwards: restoreAll,
    };
  },
};

export const connectionReset: FaultClass = {
  name: 'connection-reset',
  weight: 4,
  plan: (random, state) => {
    const work = longWork(random, state);
    const [who, times, every] = [random.pick(ANYBODY), random.between(1, 8), random.between(50, 600)];
    return {
      parameters: `${who}, ${String(times)} times every ${seconds(every)}; ${work.description}`,
      states: work.states,
      run: async (stage) => {
        const reset = await victims(stage, who);
        const { done } = await midReconcile(stage, () => work.run(stage), random.between(0, 500));
        for (let i = 0; i < times; i++) {
          for (const { relay } of reset) relay.cut();
          await delay(every);
        }
        await done;
      },
    };
  },
};
