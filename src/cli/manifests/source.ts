/** Reads text from a file, or from standard input for `-`. */
import { readFile } from 'node:fs/promises';

export const STDIN = '-';

/** The file cannot be read as text. The message is for people and does not contain the file's name. */
export class UnreadableError extends Error {
  override readonly name = 'UnreadableError';
}

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file',
  EACCES: 'may not be read: permission denied',
  EISDIR: 'is a directory: give a file',
  ENOTDIR: 'there is no such file',
};

/**
 * @throws UnreadableError when the file does not exist, may not be read, is a directory or is not UTF-8 text
 */
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
