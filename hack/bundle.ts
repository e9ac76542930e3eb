/** The operator and the command line as one file, and the licences of what is in it. */
import { chmod, mkdir, readFile, readdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { build } from 'esbuild';
import type { BuildOptions, Metafile, Plugin } from 'esbuild';

/** Both are files of the folder that is built into. */
export const BUNDLE = 'clusterfirewall.js';
export const LICENSES = 'THIRD_PARTY_LICENSES.txt';

/** A package of npm that is in the bundle. */
export interface BundledPackage {
  readonly name: string;
  readonly version: string;
  /** An SPDX expression. */
  readonly license?: string;
}

/**
 * The bundle replaces these files. We use only KubeConfig of client-node, which asks for two names of the
 * generated client. esbuild cannot drop the rest of that client, 16 MB, because the shell takes the package
 * by `require`. The shell never sends requests of its own (src/operator.ts), so it does not need its HTTP
 * client either. Memory at start is 132 MB with all of it and 86 MB without.
 */
const REDUCED: Readonly<Record<string, string>> = {
  '@kubernetes/client-node/dist/index.js': `
    export { KubeConfig } from './config.js';
    /** The constructor of the shell makes one, and we never call it. */
    export class CoreV1Api {}`,
  '@kubernetes/client-node/dist/gen/index.js': `
    export { createConfiguration } from './configuration.js';
    export { ServerConfiguration } from './servers.js';`,
  'gaxios/build/src/index.js': '',
};

const reduce: Plugin = {
  name: 'reduce',
  setup(building) {
    for (const [file, contents] of Object.entries(REDUCED)) {
      building.onLoad({ filter: new RegExp(`/node_modules/${file.replaceAll('.', '\\.')}$`) }, () => ({
        contents,
      }));
    }
  },
};

/**
 * Bundles src/start.js of the repository at `root` into `folder`. The same source and packages give the same
 * bytes wherever they stand.
 * @returns the packages that are in it
 * @throws Error when a package in the bundle has no licence text
 */
export async function bundle(root: string, folder: string): Promise<readonly BundledPackage[]> {
  const outfile = path.join(folder, BUNDLE);
  const { metafile } = await build({
    ...common(root),
    outfile,
    format: 'esm',
    // CommonJS packages inside an ES module still ask for these.
    banner: {
      js: "import { createRequire as __createRequire } from 'node:module'; const require = __createRequire(import.meta.url);",
    },
    metafile: true,
  });
  await mkdir(folder, { recursive: true });
  const folders = foldersOf(metafile).map((each) => path.join(root, each));
  const texts = await Promise.all(folders.map(licenseOf));
  await writeFile(path.join(folder, LICENSES), texts.join(`\n${'-'.repeat(80)}\n\n`));
  await chmod(outfile, 0o755);
  return Promise.all(folders.map(manifestOf));
}

/** The same as one CommonJS file, which Node asks for in a single executable. */
export async function bundleCommonJs(root: string, outfile: string): Promise<void> {
  await build({ ...common(root), outfile, format: 'cjs' });
}

const common = (root: string) =>
  ({
    // Names of modules in the bundle are relative to it, also where node_modules is a link.
    absWorkingDir: root,
    preserveSymlinks: true,
    entryPoints: ['src/start.js'],
    bundle: true,
    platform: 'node',
    target: 'node24',
    // Names stay, for stack traces and for the memory of whoever reads one.
    minifyWhitespace: true,
    legalComments: 'none',
    logLevel: 'warning',
    plugins: [reduce],
  }) satisfies BuildOptions;

function foldersOf({ inputs }: Metafile): readonly string[] {
  const folders = Object.keys(inputs)
    .map(packageOf)
    .filter((each) => each !== undefined);
  return [...new Set(folders)].sort();
}

/** `node_modules/@scope/name`, or one that is nested in another. */
const packageOf = (file: string): string | undefined =>
  /^(?:.*\/)?node_modules\/(?:@[^/]+\/)?[^/]+/.exec(file)?.[0];

async function licenseOf(folder: string): Promise<string> {
  const manifest = await manifestOf(folder);
  const files = (await readdir(folder)).filter((name) => /^(licen[cs]e|copying|notice)/i.test(name)).sort();
  const texts = await Promise.all(files.map((file) => readFile(path.join(folder, file), 'utf8')));
  const text = texts.map((each) => each.replaceAll('\r\n', '\n').trim()).join('\n\n');
  const head = `${manifest.name} ${manifest.version} (${manifest.license ?? 'see below'})`;
  if (text === '') throw new Error(`${head} has no licence text: it may not be in the bundle`);
  return `${head}\n\n${text}\n`;
}

async function manifestOf(folder: string): Promise<BundledPackage> {
  return JSON.parse(await readFile(path.join(folder, 'package.json'), 'utf8')) as BundledPackage;
}
