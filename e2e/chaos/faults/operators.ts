/** Faults of the operator's own processes. */
import { setTimeout as delay } from 'node:timers/promises';
import { untilAccepted } from '../api.ts';
import { FIREWALL, type State } from '../state.ts';
import { applyState } from '../state.ts';
import { isNotFound, longWork, shortWork } from '../work.ts';
import { midReconcile, seconds, victims, type FaultClass, type Victims } from './fault.ts';
import { FIREWALLS } from '../../harness/paths.ts';

export const leaderKill: FaultClass = {
  name: 'leader-kill',
  weight: 2,
  plan: (random, state) => {
    const work = longWork(random, state);
    const after = random.between(0, 1500);
    return {
      parameters: `${seconds(after)} into a reconcile; ${work.description}`,
      states: work.states,
      run: async (stage) => {
        const leader = await stage.operators.leader();
        const { done } = await midReconcile(stage, () => work.run(stage), after);
        await stage.operators.end(leader, 'SIGKILL');
        await done;
        await stage.operators.replace();
      },
    };
  },
};

/**
 * Both replicas die during the removal. Then the firewall is created again, so its creation is tested as
 * well.
 */
export const removalKill: FaultClass = {
  name: 'removal-kill',
  weight: 3,
  plan: (random, state) => {
    const after = random.between(0, 1200);
    const gone: State = { ...state, present: false };
    return {
      parameters: `${seconds(after)} into the removal`,
      states: [state, gone, state],
      run: async (stage) => {
        const remove = async (): Promise<void> => {
          stage.state = gone;
          await untilAccepted('the API server to accept the deletion', () =>
            stage.api.delete(`${FIREWALLS}/${FIREWALL}`).catch((error: unknown) => {
              if (!isNotFound(error)) throw error;
            }),
          );
        };
        const { done } = await midReconcile(stage, remove, after);
        await Promise.all(stage.operators.all().map((each) => stage.operators.end(each, 'SIGKILL')));
        await done;
        await stage.operators.replace();
      },
      afterwards: async (stage) => {
        stage.state = state;
        await applyState(stage.api, state);
      },
    };
  },
};

/**
 * Stops the leader for longer than its lease, in the middle of a reconcile. When it continues, it believes
 * that it leads.
 */
export const leaderStop: FaultClass = {
  name: 'leader-stop',
  weight: 1,
  plan: (random, state, length) => {
    const work = longWork(random, state);
    const after = random.between(0, 1500);
    const stopped = length === 'full' ? random.between(16_000, 30_000) : 17_000;
    return {
      parameters: `${seconds(after)} into a reconcile, for ${seconds(stopped)}; ${work.description}`,
      states: work.states,
      run: async (stage) => {
        const { operator } = await stage.operators.leader();
        const { done } = await midReconcile(stage, () => work.run(stage), after);
        operator.kill('SIGSTOP');
        await delay(stopped);
        operator.kill('SIGCONT');
        await done;
      },
    };
  },
};

/** Replaces replicas like a Deployment: one more, then one less. */
export const rollingRestart: FaultClass = {
  name: 'rolling-restart',
  weight: 3,
  plan: (random, state) => {
    const work = longWork(random, state);
    const after = random.between(0, 1000);
    return {
      parameters: `${seconds(after)} into a reconcile; ${work.description}`,
      states: work.states,
      run: async (stage) => {
        const { operators } = stage;
        const old = operators.all();
        const { done } = await midReconcile(stage, () => work.run(stage), after);
        for (const replica of old) {
          await operators.start();
          await operators.end(replica, 'SIGTERM');
        }
        await done;
      },
    };
  },
};

/** Jumps in seconds, close to the lease's times and by hours. */
const JUMPS: readonly number[] = [-14_400, -3600, -30, -16, -9, 9, 16, 30, 3600, 14_400];
/** libfaketime looks for the new time once a second. */
const SHOWS_MS = 1500;

/** Changes only the wall clock. Monotonic time goes on, as when a person sets the clock. */
export const clockJump: FaultClass = {
  name: 'clock-jump',
  weight: 2,
  plan: (random, state) => {
    const work = shortWork(random, state);
    const who = random.pick<Victims>(['leader', 'both']);
    const jump = random.pick(JUMPS);
    const second = longWork(random, work.states.at(-1) ?? state);
    return {
      parameters: `${who} by ${String(jump)} s and back; ${work.description}, ${second.description}`,
      states: [...work.states, ...second.states],
      run: async (stage) => {
        for (const { clock } of await victims(stage, who)) await clock.set(jump);
        await delay(SHOWS_MS);
        await work.run(stage);
      },
      afterwards: async (stage) => {
        for (const { clock } of stage.operators.all()) await clock.set(0);
        await delay(SHOWS_MS);
        await second.run(stage);
      },
    };
  },
};
