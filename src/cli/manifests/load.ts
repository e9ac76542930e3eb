/** Reads files into documents, or into diagnostics when they cannot be read. */
import { resolve } from 'node:path';
import type { Path } from '../../api/path.ts';
import { isRecord } from '../../json.ts';
import { isSnapshot, parseSnapshot, SnapshotError, type Lack } from '../../snapshot/file.ts';
import type { Diagnostic } from './diagnostics.ts';
import { UnreadableError, manifestsAt, readText } from './source.ts';
import { type YamlDocument, YamlSyntaxError, parseYaml } from './yaml.ts';

/** A document with content, or an object of a list in it. */
export interface Document extends YamlDocument {
  readonly file: string;
  /** The number of the document in the file, from 1. */
  readonly index: number;
  /** The place of the object in the document: empty, or below `items`. */
  readonly within: Path;
}

export interface Loaded {
  readonly documents: readonly Document[];
  readonly diagnostics: readonly Diagnostic[];
  /** The files that were tried, in reading order. Those of a folder take its place. */
  readonly files: readonly string[];
  /** Kinds that a snapshot could not read. Undefined where no file is a snapshot. */
  readonly lacks?: readonly Lack[];
}

/**
 * Reads files and folders one after the other, and each file once. One that cannot be read becomes a
 * diagnostic and does not hide the others.
 */
export async function loadDocuments(
  paths: readonly string[],
  readStdin: () => Promise<Uint8Array>,
): Promise<Loaded> {
  const seen = new Set<string>();
  const isNew = (file: string): boolean => seen.size < seen.add(resolve(file)).size;
  const loaded: Loaded[] = [];
  for (const named of paths) loaded.push(await loadPath(named, isNew, readStdin));
  return together(loaded);
}

function together(loaded: readonly Loaded[]): Loaded {
  const lacks = loaded.flatMap((each) => each.lacks ?? []);
  return {
    documents: loaded.flatMap(({ documents }) => documents),
    diagnostics: loaded.flatMap(({ diagnostics }) => diagnostics),
    files: loaded.flatMap(({ files }) => files),
    ...(loaded.some((each) => each.lacks !== undefined) && { lacks }),
  };
}

async function loadPath(
  named: string,
  isNew: (file: string) => boolean,
  readStdin: () => Promise<Uint8Array>,
): Promise<Loaded> {
  try {
    const loaded: Loaded[] = [];
    for (const file of (await manifestsAt(named)).filter(isNew)) loaded.push(await loadFile(file, readStdin));
    return together(loaded);
  } catch (error) {
    if (error instanceof UnreadableError) return failed(named, 'Unreadable', error.message);
    throw error;
  }
}

async function loadFile(file: string, readStdin: () => Promise<Uint8Array>): Promise<Loaded> {
  try {
    const text = await readText(file, readStdin);
    if (isSnapshot(text)) return loadSnapshot(file, text);
    const documents = parseYaml(text).map((document, before) => ({
      ...document,
      file,
      index: before + 1,
      within: [],
    }));
    return { documents: documents.filter(({ value }) => value !== null), diagnostics: [], files: [file] };
  } catch (error) {
    if (error instanceof SnapshotError) return failed(file, 'Unreadable', error.message, error.line);
    if (error instanceof YamlSyntaxError) return failed(file, 'NotYAML', error.message, error.line);
    if (error instanceof UnreadableError) return failed(file, 'Unreadable', error.message);
    throw error;
  }
}

/** Each line is a document. */
function loadSnapshot(file: string, text: string): Loaded {
  const { objects, lacks } = parseSnapshot(text);
  const documents = objects.map(({ value, line }, before) => ({
    value,
    lineOf: () => line,
    file,
    index: before + 1,
    within: [],
  }));
  return { documents, diagnostics: [], files: [file], lacks };
}

const failed = (file: string, reason: string, message: string, line?: number): Loaded => ({
  documents: [],
  diagnostics: [
    { severity: 'problem', file, path: '', reason, message, ...(line !== undefined && { line }) },
  ],
  files: [file],
});

/** The objects of `kind: List` or of a typed list of an API server; anything else by itself. */
export function unfold(document: Document): readonly Document[] {
  const { value, lineOf, within } = document;
  if (!isRecord(value) || !String(value['kind']).endsWith('List')) return [document];
  const items = value['items'];
  if (!Array.isArray(items)) return [document];
  return items.flatMap((item: unknown, index) =>
    unfold({
      ...document,
      value: item,
      lineOf: (path) => lineOf(['items', index, ...path]),
      within: [...within, 'items', index],
    }),
  );
}
