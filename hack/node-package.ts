/** npm's packages with Node, of which it installs only the one for this machine. */
import { execFile } from 'node:child_process';
import { mkdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);
const ROOT = path.resolve(import.meta.dirname, '..');

/**
 * @param platform as npm's package has it in its name: `linux-x64`, `linux-arm64`, `win-x64`
 * @param work a folder for downloads
 * @returns the folder of the package, with the same version for every platform
 */
export async function nodePackage(platform: string, work: string): Promise<string> {
  const own = `node-${process.platform}-${process.arch}`;
  const name = `node-${platform}`;
  if (name === own) return path.join(ROOT, 'node_modules', name);
  const { optionalDependencies } = JSON.parse(await readFile(path.join(ROOT, 'package.json'), 'utf8')) as {
    readonly optionalDependencies: Readonly<Record<string, string>>;
  };
  const folder = path.join(work, name);
  await mkdir(folder);
  const wanted = `${name}@${optionalDependencies[own] ?? ''}`;
  const { stdout } = await run('npm', ['pack', '--silent', wanted], { cwd: folder });
  await run('tar', ['--extract', '--file', stdout.trim()], { cwd: folder });
  return path.join(folder, 'package');
}
