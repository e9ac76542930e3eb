/**
 * Builds the command line as single executables, Node included: `dist/kubectl-clusterfirewall-OS-ARCHITECTURE`.
 * kubectl finds one as `kubectl clusterfirewall` if it is in PATH as `kubectl-clusterfirewall`.
 *
 *     node hack/executables.ts [TARGET …]    default: all of TARGETS
 */
import { execFile } from 'node:child_process';
import { createRequire } from 'node:module';
import { chmod, copyFile, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { bundleCommonJs } from './bundle.ts';
import { nodePackage } from './node-package.ts';

const run = promisify(execFile);
const INJECT = createRequire(import.meta.url).resolve('postject/dist/cli.js');
const ROOT = path.resolve(import.meta.dirname, '..');

interface Target {
  /** The end of the name of npm's package with Node. */
  readonly node: string;
  /** The program in that package. */
  readonly program: string;
}

/** macOS is not here: its executables must be signed on a Mac. */
const TARGETS: Readonly<Record<string, Target>> = {
  'linux-amd64': { node: 'linux-x64', program: 'bin/node' },
  'linux-arm64': { node: 'linux-arm64', program: 'bin/node' },
  'windows-amd64.exe': { node: 'win-x64', program: 'bin/node.exe' },
};

/** Node looks for a file of this name in itself. */
const BLOB = 'NODE_SEA_BLOB';
/** Node's own mark, which says whether there is such a file. */
const FUSE = 'NODE_SEA_FUSE_fce680ab2cc467b6e072b8b5df1996b2';

/**
 * @param names keys of TARGETS
 * @returns the files, in the same order
 */
export async function buildExecutables(names: readonly string[], folder: string): Promise<readonly string[]> {
  const work = await mkdtemp(path.join(os.tmpdir(), 'executables-'));
  try {
    const blob = await blobOf(work);
    await mkdir(folder, { recursive: true });
    const files: string[] = [];
    for (const name of names) {
      const target = TARGETS[name];
      if (target === undefined)
        throw new Error(`no such target: ${name}; there are ${Object.keys(TARGETS).join(', ')}`);
      const file = path.join(folder, `kubectl-clusterfirewall-${name}`);
      await copyFile(path.join(await nodePackage(target.node, work), target.program), file);
      await chmod(file, 0o755);
      await run(process.execPath, [INJECT, file, BLOB, blob, '--sentinel-fuse', FUSE]);
      files.push(file);
    }
    return files;
  } finally {
    await rm(work, { recursive: true });
  }
}

/** The file to inject: the bundle as Node wants it. It is the same for every platform, because it contains no compiled code. */
async function blobOf(work: string): Promise<string> {
  const [main, output, config] = ['main.cjs', 'blob', 'sea.json'].map((name) => path.join(work, name)) as [
    string,
    string,
    string,
  ];
  await bundleCommonJs(ROOT, main);
  await writeFile(config, JSON.stringify({ main, output, disableExperimentalSEAWarning: true }));
  await run(process.execPath, ['--experimental-sea-config', config]);
  return output;
}

if (import.meta.main) {
  const names = process.argv.slice(2);
  const files = await buildExecutables(
    names.length > 0 ? names : Object.keys(TARGETS),
    path.join(ROOT, 'dist'),
  );
  for (const file of files) console.log(path.relative(process.cwd(), file));
}
