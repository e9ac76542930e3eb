/** A snapshot as text: JSON, one object a line. The first line says what could not be read. */
import { isRecord } from '../json.ts';

/** A kind whose objects nobody could list, or not all of them. */
export interface Lack {
  readonly kind: string;
  readonly because: string;
}

const API_VERSION = 'clusterfirewall.io/v1alpha1';
const KIND = 'Snapshot';

/** The first line has the number of objects, so that a file that was cut off is noticed. */
export function* snapshotLines(objects: readonly unknown[], lacks: readonly Lack[]): Iterable<string> {
  yield `${JSON.stringify({ apiVersion: API_VERSION, kind: KIND, objects: objects.length, lacks })}\n`;
  for (const object of objects) yield `${JSON.stringify(object)}\n`;
}

/** A line that is not as a snapshot has it. The message does not name the file. */
export class SnapshotError extends Error {
  override readonly name = 'SnapshotError';
  /** From 1. */
  readonly line: number;

  constructor(message: string, line: number) {
    super(message);
    this.line = line;
  }
}

/** True for a text that begins with the first line of a snapshot. */
export const isSnapshot = (text: string): boolean =>
  /^\{"apiVersion":"clusterfirewall\.io\/[^"]*","kind":"Snapshot"/.test(text.slice(0, 100));

export interface SnapshotLines {
  readonly lacks: readonly Lack[];
  readonly objects: readonly { readonly value: unknown; readonly line: number }[];
}

/** @throws SnapshotError */
export function parseSnapshot(text: string): SnapshotLines {
  const [first = '', ...rest] = text.split('\n');
  const header = parseLine(first, 1);
  if (!isRecord(header) || header['apiVersion'] !== API_VERSION)
    throw new SnapshotError('is a snapshot of another version: make it again with this command', 1);
  const objects = rest.flatMap((line, index) =>
    line.trim() === '' ? [] : [{ value: parseLine(line, index + 2), line: index + 2 }],
  );
  const wanted = header['objects'];
  if (wanted !== objects.length)
    throw new SnapshotError(
      `has ${String(objects.length)} objects, and should have ${String(wanted)}: was it cut off? Make it again`,
      1,
    );
  return { lacks: lacksIn(header['lacks']), objects };
}

function parseLine(line: string, number: number): unknown {
  try {
    return JSON.parse(line);
  } catch {
    throw new SnapshotError('is no JSON: was the snapshot cut off? Make it again', number);
  }
}

function lacksIn(value: unknown): readonly Lack[] {
  if (!Array.isArray(value)) throw new SnapshotError('has no list "lacks": make the snapshot again', 1);
  return value.map((each: unknown) => {
    const [kind, because] = isRecord(each) ? [each['kind'], each['because']] : [];
    if (typeof kind !== 'string' || typeof because !== 'string')
      throw new SnapshotError('has an entry of "lacks" without kind and because: make the snapshot again', 1);
    return { kind, because };
  });
}
