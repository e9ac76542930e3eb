/** Prometheus' own checker of rules, from Debian's package, in the cache of the cluster's programs. */
import { execFile } from 'node:child_process';
import { chmod } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { cachedProgram } from './cached-program.ts';

const run = promisify(execFile);

/** Resolves to its standard output. @throws Error with what it says of wrong rules */
export type Promtool = (args: readonly string[]) => Promise<string>;

/**
 * Unpacks the package without installing it, because that would start a Prometheus.
 * @throws Error where apt-get does not have it
 */
export async function preparePromtool(): Promise<Promtool> {
  const program = await cachedProgram('promtool', async (work) => {
    // apt downloads as a user without rights where it can.
    await chmod(work, 0o755);
    await run('apt-get', ['download', '--quiet', 'prometheus'], { cwd: work });
    await run('sh', ['-c', 'dpkg-deb --extract prometheus_*.deb .'], { cwd: work });
    return path.join(work, 'usr/bin/promtool');
  });
  return async (args) => {
    const { stdout, stderr } = await run(program, args).catch((error: unknown) => {
      const { stdout = '', stderr = '' } = error as { readonly stdout?: string; readonly stderr?: string };
      throw new Error(`promtool ${args.join(' ')}:\n${stdout}${stderr}`, { cause: error });
    });
    return stdout + stderr;
  };
}
