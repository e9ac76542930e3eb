/** Plays transitions one after the other to all running flows. */
import { setTimeout as delay } from 'node:timers/promises';
import { table, whileFlowing, type Flowed, type FlowRow, type Ground, type Watch } from '../flows.ts';
import type { Kills } from './kills.ts';
import type { Operators } from './operators.ts';

export interface Director {
  /** Sends while the action plays. Actions inside it reach these flows too. */
  flowing(rows: readonly FlowRow[], play: (watch: Watch) => Promise<void>): Promise<void>;
  /** Names the events from now on. */
  now(what: string): void;
  /**
   * One transition. The operator dies during it where the draw says so. `begin` starts it and may last as
   * long as the operator needs, `end` waits for its end.
   */
  change(what: string, begin: () => Promise<unknown>, end: () => Promise<unknown>): Promise<void>;
  /** True when the operator dies during it. */
  kills(what: string): boolean;
  /** The results of all flows that have ended. */
  report(): string;
}

export function createDirector(ground: Ground, operators: Operators, kills: Kills): Director {
  const watching = new Set<Watch>();
  const all: Flowed[] = [];
  const now = (what: string): void => {
    for (const watch of watching) watch.now(what);
  };
  const dies = async (what: string): Promise<void> => {
    const after = kills.get(what);
    if (after === undefined) return;
    await delay(after);
    await operators.kill();
  };
  return {
    now,
    flowing: async (rows, play) => {
      const flowed = await whileFlowing(ground, rows, async (watch) => {
        watching.add(watch);
        await play(watch).finally(() => watching.delete(watch));
      });
      all.push(flowed);
    },
    change: async (what, begin, end) => {
      now(kills.has(what) ? `${what}, killed after ${String(kills.get(what))} ms` : what);
      await Promise.all([begin(), dies(what)]);
      await end();
    },
    kills: (what) => kills.has(what),
    report: () => table(all),
  };
}
