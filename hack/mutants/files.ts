/** Finds the files to mutate, and the tests that can notice. */
import { readFile, readdir, stat } from 'node:fs/promises';
import path from 'node:path';
import ts from 'typescript';

/**
 * The files of a folder, or a single file, without tests and their tools.
 * @param from  relative to `root`
 * @throws Error when there is none
 */
export async function sourcesIn(root: string, from: string): Promise<readonly string[]> {
  const files = (await typeScriptIn(root, from)).filter((file) => !/\.test\.ts$|\/testing\//.test(file));
  if (files.length === 0) throw new Error(`${from} has no file to mutate`);
  return files;
}

export const testsIn = async (root: string, from: string): Promise<readonly string[]> =>
  (await typeScriptIn(root, from)).filter((file) => file.endsWith('.test.ts'));

async function typeScriptIn(root: string, from: string): Promise<readonly string[]> {
  const isFolder = (await stat(path.join(root, from))).isDirectory();
  const names = isFolder ? await readdir(path.join(root, from), { recursive: true }) : [''];
  return names
    .map((name) => path.join(from, name))
    .filter((file) => file.endsWith('.ts'))
    .sort();
}

/** `src/controller` for src/controller/plan/plan.ts. Tests elsewhere notice less and take longer. */
export const neighbourhood = (file: string): string =>
  file
    .split('/', 2)
    .join('/')
    .replace(/\/[^/]*\.ts$/, '');

/** Files and packages that a file imports, itself or through others. */
export class Imports {
  readonly #direct = new Map<string, readonly string[]>();
  readonly #root: string;

  constructor(root: string) {
    this.#root = root;
  }

  async of(file: string): Promise<ReadonlySet<string>> {
    const reached = new Set([file]);
    // The loop also reaches entries that are added meanwhile.
    for (const each of reached) {
      for (const imported of await this.#directlyBy(each)) reached.add(imported);
    }
    return reached;
  }

  async #directlyBy(file: string): Promise<readonly string[]> {
    if (!file.endsWith('.ts')) return [];
    const known = this.#direct.get(file);
    if (known !== undefined) return known;
    const { importedFiles } = ts.preProcessFile(await readFile(path.join(this.#root, file), 'utf8'));
    const found = importedFiles.map(({ fileName }) =>
      fileName.startsWith('.') ? path.join(path.dirname(file), fileName) : fileName,
    );
    this.#direct.set(file, found);
    return found;
  }
}
