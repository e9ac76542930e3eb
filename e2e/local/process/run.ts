import { randomBytes } from 'node:crypto';
import { mkdir, readFile, readdir, rename, rm, rmdir, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { processIdentity, sameProcess } from './identity.ts';
import { ip, namespacesWithPrefix, processesIn } from './netns.ts';
import { waitFor } from '../../wait.ts';

/**
 * Everything that one start makes: network namespaces whose names begin with `prefix`, the processes inside
 * them, files in `dir` and, for containers, control groups. Nothing else is made, so removing these removes
 * the run. Another process can do that too, after a crash.
 */
export interface Run {
  readonly id: string;
  readonly dir: string;
  /** The control group above those of the run's containers, if it has any. */
  readonly cgroup: string;
  /** The namespace's full name. */
  namespace(name: string): string;
}

const STATE_DIR = path.join(os.tmpdir(), 'clusterfirewall');
const OWNER_FILE = 'owner';
const CGROUPS = '/sys/fs/cgroup';

/** Registers a run of this process before anything is made. */
export async function createRun(): Promise<Run> {
  const id = randomBytes(3).toString('hex');
  const dir = path.join(STATE_DIR, id);
  const draft = path.join(STATE_DIR, `.${id}`);
  await mkdir(draft, { recursive: true, mode: 0o700 });
  await writeFile(path.join(draft, OWNER_FILE), await processIdentity(process.pid));
  await mkdir(path.join(draft, 'logs'));
  await rename(draft, dir);
  return openRun(dir);
}

export function openRun(dir: string): Run {
  const id = path.basename(dir);
  return { id, dir, cgroup: `cfw-${id}`, namespace: (name) => `${prefix(id)}${name}` };
}

/** Removes the run's processes, namespaces and files. It may be repeated. */
export async function removeRun(run: Run): Promise<void> {
  const namespaces = await namespacesWithPrefix(prefix(run.id));
  const trees = await cgroupTrees(run);
  await waitFor(() => killAll(namespaces, trees), {
    what: `the processes of run ${run.id} to end`,
    within: 20_000,
  });
  for (const namespace of namespaces) {
    // Another process (the reaper, a next start) may have been faster. The run only has to be gone.
    await ip([`netns delete ${namespace}`]).catch(async (error: unknown) => {
      if ((await namespacesWithPrefix(namespace)).includes(namespace)) throw error;
    });
  }
  for (const tree of trees) {
    await waitFor(() => removeTree(tree), { what: `the control group ${tree} to be empty`, within: 20_000 });
  }
  await rm(run.dir, { recursive: true, force: true, maxRetries: 3 });
}

/** One tree for each controller in version 1 of control groups, one tree in version 2. */
async function cgroupTrees(run: Run): Promise<readonly string[]> {
  const roots = ['', ...(await readdir(CGROUPS).catch(() => []))];
  return roots.map((root) => path.join(CGROUPS, root, run.cgroup));
}

/** Its files cannot be removed, and need not be: rmdir(2) suffices. */
async function removeTree(dir: string): Promise<true> {
  for (const child of await childrenOf(dir)) await removeTree(child);
  await rmdir(dir).catch((error: unknown) => {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  });
  return true;
}

async function processesInTree(dir: string): Promise<readonly number[]> {
  const own = await readFile(path.join(dir, 'cgroup.procs'), 'utf8').catch(() => '');
  const below = await Promise.all((await childrenOf(dir)).map(processesInTree));
  return [...own.split('\n').filter(Boolean).map(Number), ...below.flat()];
}

async function childrenOf(dir: string): Promise<readonly string[]> {
  const entries = await readdir(dir, { withFileTypes: true }).catch(() => []);
  return entries.filter((each) => each.isDirectory()).map(({ name }) => path.join(dir, name));
}

/** Removes the runs whose owners died without removing them. */
export async function removeLeftovers(): Promise<void> {
  const entries = await readdir(STATE_DIR).catch(() => []);
  for (const entry of entries.filter((name) => !name.startsWith('.'))) {
    const run = openRun(path.join(STATE_DIR, entry));
    if (!(await hasLivingOwner(run))) await removeRun(run);
  }
}

function prefix(id: string): string {
  return `cfw-${id}-`;
}

async function killAll(namespaces: readonly string[], trees: readonly string[]): Promise<true | undefined> {
  const pids = [
    ...(await processesIn(namespaces)),
    ...(await Promise.all(trees.map(processesInTree))).flat(),
  ];
  for (const pid of pids) {
    try {
      process.kill(pid, 'SIGKILL');
    } catch {
      // It ended by itself in the meantime.
    }
  }
  return pids.length === 0 ? true : undefined;
}

async function hasLivingOwner(run: Run): Promise<boolean> {
  const owner = await readFile(path.join(run.dir, OWNER_FILE), 'utf8').catch(() => '');
  return sameProcess(owner);
}
