/**
 * Runs a program with a /run and /var/lib of its own, inside the mount namespace that `ip netns exec` made.
 * Felix writes /var/lib/calico/mtu and takes /run/xtables.lock, and a real Calico on this machine must not
 * see that. Arguments: FOLDER:PLACE for each folder of this machine that has a place there, `--`, the program
 * and its arguments.
 */
import { execFileSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';

const given = process.argv.slice(2);
const end = given.indexOf('--');
const [file, ...args] = given.slice(end + 1);
if (end < 0 || file === undefined || process.execve === undefined)
  throw new Error('usage: private.ts [FOLDER:PLACE…] -- PROGRAM [ARGUMENT…]');
for (const dir of ['/run', '/var/lib']) execFileSync('mount', ['-t', 'tmpfs', 'none', dir]);
for (const binding of given.slice(0, end)) {
  const [folder = '', place = ''] = binding.split(':');
  mkdirSync(place, { recursive: true });
  execFileSync('mount', ['--bind', folder, place]);
}
process.execve(file, [file, ...args]);
