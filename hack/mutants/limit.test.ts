import { afterEach, expect, test } from '@jest/globals';
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { processorMsOf, usedUp } from './limit.ts';
import type { Limit } from './limit.ts';

const FOREVER = 1e9;
const NEVER: Limit = { processorMs: FOREVER, idleMs: FOREVER, wallMs: FOREVER };
const children: ChildProcess[] = [];

/** The process id of a program that ends with the test. */
function running(program: string): number {
  const child = spawn(process.execPath, ['-e', program], { stdio: 'ignore' });
  children.push(child);
  if (child.pid === undefined) throw new Error('no process');
  return child.pid;
}

afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
});

test('processor time is that of the process', () => {
  const milliseconds = (): number => process.cpuUsage().user / 1000 + process.cpuUsage().system / 1000;
  const before = milliseconds();
  const read = processorMsOf(process.pid);
  // Ticks are cut off.
  expect(read).toBeGreaterThanOrEqual(before - 20);
  expect(read).toBeLessThanOrEqual(milliseconds());
});

test('a process that never stops uses up its processor time', async () => {
  await usedUp(running('for (;;);'), { ...NEVER, processorMs: 100 });
});

test('a process that waits is over when it has used nothing for long', async () => {
  await usedUp(running('setInterval(() => {}, 1e9)'), { ...NEVER, idleMs: 200 });
});

test('a process that never stops is over after a while, whatever it used', async () => {
  await usedUp(running('for (;;);'), { ...NEVER, wallMs: 200 });
});

test('nothing is used up when the wait is given up, or when the process has ended', async () => {
  await expect(usedUp(process.pid, NEVER, AbortSignal.timeout(1))).rejects.toThrow('aborted');
  await expect(usedUp(2 ** 30, NEVER)).rejects.toThrow('ENOENT');
});
