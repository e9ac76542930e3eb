/** A test run that is killed leaves no container, process, namespace or control group behind. */
import { expect, test } from '@jest/globals';
import { spawn } from 'node:child_process';
import { access, readFile, readdir } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { processIdentity } from '../local/process/identity.ts';
import { namespacesWithPrefix, processesIn } from '../local/process/netns.ts';
import { waitFor } from '../wait.ts';

/** Programs are built first where they are not in the cache. */
const WITHIN = 2_400_000;
const RUNS = path.join(os.tmpdir(), 'clusterfirewall');
const PROVIDER = path.resolve(import.meta.dirname, '../providers/kind.ts');

test(
  'a killed run leaves nothing behind',
  async () => {
    const script = `import { kindCluster } from ${JSON.stringify(PROVIDER)}; await kindCluster().start();`;
    const child = spawn(process.execPath, ['--input-type=module', '--eval', script], { stdio: 'inherit' });
    const identity = await processIdentity(child.pid ?? 0);
    const id = await waitFor(() => runOf(identity), { what: 'the run to begin', within: WITHIN, every: 500 });
    await waitFor(async () => (await namespacesWithPrefix(`cfw-${id}-node2`)).length > 0 || undefined, {
      what: 'its machines to run',
      within: WITHIN,
      every: 500,
    });
    const machine = await processesIn([`cfw-${id}-node2`]);
    expect(machine.length).toBeGreaterThan(1);
    expect((await traces(id, machine)).length).toBeGreaterThan(2);

    child.kill('SIGKILL');
    await waitFor(
      async () => {
        const left = await traces(id, machine);
        if (left.length > 0) throw new Error(`left: ${left.join(', ')}`);
        return true;
      },
      { what: 'the run to be removed', within: 60_000, every: 500 },
    );
  },
  WITHIN,
);

async function runOf(owner: string): Promise<string | undefined> {
  for (const id of await readdir(RUNS).catch(() => [])) {
    if ((await readFile(path.join(RUNS, id, 'owner'), 'utf8').catch(() => '')) === owner) return id;
  }
  return undefined;
}

/** Names of everything that the run made and that is still there. */
async function traces(id: string, processes: readonly number[]): Promise<readonly string[]> {
  const groups = (await readdir('/sys/fs/cgroup')).map((root) =>
    path.join('/sys/fs/cgroup', root, `cfw-${id}`),
  );
  const places = [path.join(RUNS, id), ...groups, ...processes.map((pid) => `/proc/${String(pid)}`)];
  const found = await Promise.all(
    places.map((place) =>
      access(place).then(
        () => place,
        () => undefined,
      ),
    ),
  );
  return [...found.filter((place) => place !== undefined), ...(await namespacesWithPrefix(`cfw-${id}-`))];
}
