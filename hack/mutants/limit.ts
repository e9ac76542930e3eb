/**
 * How long a process may run. Its processor time says whether it hangs, because the machine may be busy with
 * other things.
 */
import { readFileSync } from 'node:fs';
import { setTimeout } from 'node:timers/promises';

export interface Limit {
  readonly processorMs: number;
  /** Without any use of the processor: the process waits for something that never comes. */
  readonly idleMs: number;
  /** In all: the process asks again and again for something that never comes. */
  readonly wallMs: number;
}

const LOOK_MS = 100;
/** Linux counts in hundredths of a second for every program (USER_HZ). */
const TICK_MS = 10;

/**
 * Processor time of all threads of a process since it started.
 * @throws Error when there is no such process
 */
export function processorMsOf(pid: number): number {
  const stat = readFileSync(`/proc/${String(pid)}/stat`, 'latin1');
  // The name of the program may have spaces; it ends with the last parenthesis. See proc_pid_stat(5) for the
  // fields.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const [user, system] = fields.slice(11, 13).map(Number);
  return ((user ?? 0) + (system ?? 0)) * TICK_MS;
}

/**
 * Returns when the process has used up the limit, counted from now.
 * @throws Error when there is no such process, or when the signal is aborted
 */
export async function usedUp(pid: number, limit: Limit, signal?: AbortSignal): Promise<void> {
  const [began, beganWith] = [performance.now(), processorMsOf(pid)];
  let [used, lastUse] = [beganWith, began];
  for (;;) {
    const [now, usedNow] = [performance.now(), processorMsOf(pid)];
    if (usedNow !== used) [used, lastUse] = [usedNow, now];
    const isOver = used - beganWith >= limit.processorMs || now - began >= limit.wallMs;
    if (isOver || now - lastUse >= limit.idleMs) return;
    await setTimeout(LOOK_MS, undefined, signal && { signal });
  }
}
