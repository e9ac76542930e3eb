import { spawn } from 'node:child_process';
import { text } from 'node:stream/consumers';
import { KubectlError } from '../../errors.ts';
import type { KubectlOptions } from '../../cluster.ts';
import { SYSTEM_PATH } from '../process/prerequisites.ts';

/** @throws KubectlError when it ends with another exit code than 0 */
export async function kubectl(
  file: string,
  kubeconfig: string,
  args: readonly string[],
  options: KubectlOptions = {},
): Promise<string> {
  const env = { PATH: SYSTEM_PATH, HOME: process.env['HOME'], KUBECONFIG: options.kubeconfig ?? kubeconfig };
  const child = spawn(file, args, { env, stdio: ['pipe', 'pipe', 'pipe'] });
  const closed = new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  });
  child.stdin.on('error', () => undefined);
  child.stdin.end(options.input ?? '');
  const [stdout, stderr, code] = await Promise.all([text(child.stdout), text(child.stderr), closed]);
  if (code !== 0) throw new KubectlError(args, code ?? undefined, stderr);
  return stdout;
}
