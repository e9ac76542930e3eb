/**
 * Runs a program with a /run and /var/lib of its own, inside the mount namespace that `ip netns exec` made.
 * Felix writes /var/lib/calico/mtu and takes /run/xtables.lock, and a real Calico on this machine must not
 * see that. Arguments: the program and its arguments.
 */
import { execFileSync } from 'node:child_process';

const [file, ...args] = process.argv.slice(2);
if (file === undefined || process.execve === undefined)
  throw new Error('usage: private.ts PROGRAM [ARGUMENT…]');
for (const dir of ['/run', '/var/lib']) execFileSync('mount', ['-t', 'tmpfs', 'none', dir]);
process.execve(file, [file, ...args]);
