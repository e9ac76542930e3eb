/** Text: a file, or standard input for `-`. */
import { readFile } from 'node:fs/promises';

export const STDIN = '-';

/** The file cannot be read as text; the message says so for people, without the file's name. */
export class UnreadableError extends Error {
  override readonly name = 'UnreadableError';
}

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file',
  EACCES: 'may not be read: permission denied',
  EISDIR: 'is a directory: give a file',
  ENOTDIR: 'there is no such file',
};

/** @throws UnreadableError when the file is not there, may not be read, is a directory or not UTF-8 text. */
export async function readText(file: string, readStdin: () => Promise<Uint8Array>): Promise<string> {
  return decode(await (file === STDIN ? readStdin() : readBytes(file)));
}

async function readBytes(file: string): Promise<Uint8Array> {
  try {
    return await readFile(file);
  } catch (error) {
    const code = typeof error === 'object' && error !== null && 'code' in error ? error.code : undefined;
    throw new UnreadableError(REASONS[String(code)] ?? `cannot be read: ${String(error)}`);
  }
}

function decode(bytes: Uint8Array): string {
  if (bytes.includes(0)) throw new UnreadableError('is a binary file: give text');
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw new UnreadableError('is not UTF-8 text');
  }
}
