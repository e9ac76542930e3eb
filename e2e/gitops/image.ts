/**
 * Builds the image of the Dockerfile without a container engine. The same files are in a folder that has only
 * Node and its libraries besides them. Programs start there as the same user, with the folder mounted
 * read-only.
 */
import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { copyFile, mkdir, readFile, realpath } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { bundle } from '../../hack/bundle.ts';
import { SYSTEM_PATH } from '../local/process/prerequisites.ts';

const run = promisify(execFile);
const ROOT = path.resolve(import.meta.dirname, '../..');

export interface Image {
  /** Folder for additional files, such as a pod's volumes. */
  readonly folder: string;
  /** Starts its entry point with these arguments. */
  start(args: readonly string[], env?: Readonly<Record<string, string>>): ChildProcess;
}

/**
 * Builds the bundle into `workDir`, and from it and the Dockerfile the image. @throws Error when
 * .dockerignore excludes a copied file
 */
export async function buildImage(workDir: string): Promise<Image> {
  const [context, folder] = [path.join(workDir, 'context'), path.join(workDir, 'root')];
  const dockerfile = await readFile(path.join(ROOT, 'Dockerfile'), 'utf8');
  const letThrough = (await readFile(path.join(ROOT, '.dockerignore'), 'utf8')).split('\n');
  await bundle(ROOT, path.join(context, 'dist'));
  await copyFile(path.join(ROOT, 'LICENSE'), path.join(context, 'LICENSE'));
  await mkdir(folder, { recursive: true });
  await addNode(folder);
  const copied = words(dockerfile, 'COPY');
  for (const source of copied.slice(0, -1)) {
    if (!letThrough.includes(`!${source}`))
      throw new Error(`.dockerignore keeps ${source} away from the Dockerfile`);
    await copyFile(path.join(context, source), path.join(folder, path.basename(source)));
  }
  const [searchPath = ''] = words(dockerfile, 'ENV');
  const [user = ''] = words(dockerfile, 'USER');
  const entrypoint = JSON.parse(words(dockerfile, 'ENTRYPOINT').join(' ')) as readonly string[];
  const enter = 'mount --bind "$0" "$0" && mount -o remount,bind,ro "$0" && exec env -i "$@"';
  return {
    folder,
    start(args, env = {}) {
      const variables = Object.entries(env).map(([key, value]) => `${key}=${value}`);
      const inside = [
        searchPath,
        ...variables,
        '/usr/sbin/chroot',
        `--userspec=${user}`,
        folder,
        ...entrypoint,
        ...args,
      ];
      // It must not outlive a killed test run.
      const command = ['--pdeathsig', 'TERM', 'unshare', '--mount', 'sh', '-c', enter, folder, ...inside];
      return spawn('setpriv', command, { env: { PATH: SYSTEM_PATH }, stdio: ['ignore', 'pipe', 'pipe'] });
    },
  };
}

/** The words after an instruction of the Dockerfile. Each instruction exists once. */
function words(dockerfile: string, instruction: string): readonly string[] {
  const [, rest] = new RegExp(`^${instruction} (.*)$`, 'm').exec(dockerfile) ?? [];
  if (rest === undefined) throw new Error(`the Dockerfile has no ${instruction}`);
  return rest.split(' ');
}

/** Adds the content of a base image without a shell: Node, and its shared libraries. */
export async function addNode(folder: string): Promise<void> {
  const node = await realpath(process.execPath);
  const { stdout } = await run('ldd', [node]);
  const libraries = [...stdout.matchAll(/(\/\S+) \(0x/g)].map(([, file = '']) => file);
  for (const [file, place] of [[node, '/usr/bin/node'], ...libraries.map((file) => [file, file])] as const) {
    await mkdir(path.join(folder, path.dirname(place)), { recursive: true });
    await copyFile(await realpath(file), path.join(folder, place));
  }
}
