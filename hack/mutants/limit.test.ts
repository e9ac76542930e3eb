import { afterEach, expect, test } from '@jest/globals';
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { processorMsOf, usedUp } from './limit.ts';

const FOREVER = 1e9;
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
  await usedUp(running('for (;;);'), { processorMs: 200, wallMs: FOREVER });
});

test('a process that waits uses up only wall time', async () => {
  const pid = running('setInterval(() => {}, 1e9)');
  await usedUp(pid, { processorMs: FOREVER, wallMs: 200 });
  expect(processorMsOf(pid)).toBeLessThan(FOREVER);
});

test('nothing is used up when the wait is given up, or when the process has ended', async () => {
  const limit = { processorMs: FOREVER, wallMs: FOREVER };
  await expect(usedUp(process.pid, limit, AbortSignal.timeout(1))).rejects.toThrow('aborted');
  await expect(usedUp(2 ** 30, limit)).rejects.toThrow('ENOENT');
});
