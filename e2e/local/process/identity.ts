import { readFile } from 'node:fs/promises';

/**
 * Distinguishes a process from a later one with the same id: boot, process id and start time (field 22 of
 * /proc/PID/stat, proc(5)).
 * @throws when there is no such process
 */
export async function processIdentity(pid: number): Promise<string> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
  const boot = await readFile('/proc/sys/kernel/random/boot_id', 'utf8');
  const afterName = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return [boot.trim(), String(pid), afterName[19] ?? ''].join('/');
}

/** True while the process with this identity runs. */
export async function sameProcess(identity: string): Promise<boolean> {
  const pid = Number(identity.split('/')[1]);
  return processIdentity(pid).then(
    (now) => now === identity,
    () => false,
  );
}
