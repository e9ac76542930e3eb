/** Reads text from a file, or from standard input for `-`, and lists the manifests of a folder. */
import { createReadStream } from 'node:fs';
import { readFile, readdir, stat } from 'node:fs/promises';
import path from 'node:path';

export const STDIN = '-';

/** The file cannot be read as text. The message is for people and does not contain the file's name. */
export class UnreadableError extends Error {
  override readonly name = 'UnreadableError';
}

const BINARY = 'is a binary file: give text';
const NO_UTF8 = 'is not UTF-8 text';
const REASONS: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file',
  EACCES: 'may not be read: permission denied',
  EISDIR: 'is a folder: give a file',
  ENOTDIR: 'there is no such file',
};

/** The endings of the files that kubectl reads in a folder. */
const MANIFEST = /\.(json|ya?ml)$/;
/** Kustomize's own file holds no object, and it needs no kind. */
const KUSTOMIZATION = /^kustomization\.ya?ml$/;

/**
 * The manifests directly in a folder, sorted by name; any other path by itself.
 * @throws UnreadableError for a folder that may not be read, or has none
 */
export async function manifestsAt(named: string): Promise<readonly string[]> {
  if (named === STDIN || !(await isFolder(named))) return [named];
  const entries = await readdir(named, { withFileTypes: true }).catch((error: unknown) => {
    throw unreadable(error);
  });
  const files = entries.filter(
    (entry) => !entry.isDirectory() && MANIFEST.test(entry.name) && !KUSTOMIZATION.test(entry.name),
  );
  if (files.length > 0) return files.map(({ name }) => path.join(named, name)).toSorted();
  throw new UnreadableError(
    'is a folder without a file that ends in .yaml, .yml or .json: folders in it are not searched, so name the one you mean',
  );
}

const isFolder = (named: string): Promise<boolean> =>
  stat(named).then(
    (found) => found.isDirectory(),
    () => false,
  );

/**
 * @throws UnreadableError when the file does not exist, may not be read, is a folder or is not UTF-8 text
 */
export async function readText(file: string, readStdin: () => Promise<Uint8Array>): Promise<string> {
  return decode(await (file === STDIN ? readStdin() : readBytes(file)));
}

/** The lines of a file that may be longer than memory. @throws UnreadableError */
export async function* readLines(
  file: string,
  readStdin: () => AsyncIterable<Uint8Array>,
  onRead: (bytes: number) => void,
): AsyncIterable<readonly string[]> {
  const decoder = new TextDecoder('utf-8', { fatal: true });
  let rest = '';
  try {
    const parts: AsyncIterable<Uint8Array> = file === STDIN ? readStdin() : createReadStream(file);
    for await (const part of parts) {
      onRead(part.length);
      const lines = (rest + decodePart(decoder, part)).split('\n');
      rest = lines.pop() ?? '';
      if (rest.length > LONGEST) throw new UnreadableError('has a line of more than 100 MB');
      yield lines;
    }
  } catch (error) {
    throw error instanceof UnreadableError ? error : unreadable(error);
  }
  if (rest !== '') yield [rest];
}

const LONGEST = 100_000_000;

function decodePart(decoder: InstanceType<typeof TextDecoder>, part: Uint8Array): string {
  if (part.includes(0)) throw new UnreadableError(BINARY);
  try {
    return decoder.decode(part, { stream: true });
  } catch {
    throw new UnreadableError(NO_UTF8);
  }
}

async function readBytes(file: string): Promise<Uint8Array> {
  try {
    return await readFile(file);
  } catch (error) {
    throw unreadable(error);
  }
}

function unreadable(error: unknown): UnreadableError {
  const code = typeof error === 'object' && error !== null && 'code' in error ? error.code : undefined;
  return new UnreadableError(REASONS[String(code)] ?? `cannot be read: ${String(error)}`);
}

function decode(bytes: Uint8Array): string {
  if (bytes.includes(0)) throw new UnreadableError(BINARY);
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw new UnreadableError(NO_UTF8);
  }
}
