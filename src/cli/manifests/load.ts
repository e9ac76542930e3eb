/** Reads files into documents, or into diagnostics when they cannot be read. */
import type { Diagnostic } from './diagnostics.ts';
import { UnreadableError, readText } from './source.ts';
import { type YamlDocument, YamlSyntaxError, parseYaml } from './yaml.ts';

/** A document with content, its file, and its number in the file, from 1. */
export interface Document extends YamlDocument {
  readonly file: string;
  readonly index: number;
}

export interface Loaded {
  readonly documents: readonly Document[];
  readonly diagnostics: readonly Diagnostic[];
}

/**
 * Reads the files one after the other. A file that cannot be read becomes a diagnostic and does not hide the
 * others.
 */
export async function loadDocuments(
  files: readonly string[],
  readStdin: () => Promise<Uint8Array>,
): Promise<Loaded> {
  const loaded: Loaded[] = [];
  for (const file of files) loaded.push(await loadFile(file, readStdin));
  return {
    documents: loaded.flatMap((each) => each.documents),
    diagnostics: loaded.flatMap((each) => each.diagnostics),
  };
}

async function loadFile(file: string, readStdin: () => Promise<Uint8Array>): Promise<Loaded> {
  try {
    const documents = parseYaml(await readText(file, readStdin)).map((document, before) => ({
      ...document,
      file,
      index: before + 1,
    }));
    return { documents: documents.filter(({ value }) => value !== null), diagnostics: [] };
  } catch (error) {
    if (error instanceof YamlSyntaxError) return failed(file, error.message, error.line);
    if (error instanceof UnreadableError) return failed(file, error.message);
    throw error;
  }
}

const failed = (file: string, message: string, line?: number): Loaded => ({
  documents: [],
  diagnostics: [
    {
      severity: 'problem',
      file,
      path: '',
      reason: 'Unreadable',
      message,
      ...(line !== undefined && { line }),
    },
  ],
});
