/**
 * Turns documents into ClusterFirewalls. Each is validated alone, and its name is compared with the others.
 */
import { formatPath, parsePath } from '../../api/path.ts';
import { API_VERSION, type ClusterFirewall, KIND } from '../../api/schema.ts';
import { type Issue, validateDocument } from '../../api/validate.ts';
import type { Problem } from '../../compiler/types.ts';
import { isRecord } from '../../json.ts';
import { type Diagnostic, displayName } from './diagnostics.ts';
import type { Document } from './load.ts';

export interface Firewalls {
  readonly firewalls: readonly ClusterFirewall[];
  readonly diagnostics: readonly Diagnostic[];
  /** Finds the place of a compiler's problem in the files. */
  readonly locate: (problem: Problem) => Diagnostic;
}

/** Every document has to be a ClusterFirewall, and every file has to contain one. */
export function readFirewalls(documents: readonly Document[], files: readonly string[]): Firewalls {
  const firewalls: ClusterFirewall[] = [];
  const diagnostics: Diagnostic[] = files
    .filter((file) => !documents.some((document) => document.file === file))
    .map((file) => ({
      severity: 'problem',
      file,
      path: '',
      message: `contains no document: write a ${KIND} of ${API_VERSION}`,
    }));
  const byName = new Map<string, Document>();
  for (const document of documents) {
    const result = validateDocument(document.value);
    if (!result.ok) {
      for (const issue of result.issues) diagnostics.push(issueAt(document, issue));
      continue;
    }
    const { name } = result.firewall.metadata;
    const other = byName.get(name);
    if (other !== undefined) diagnostics.push(issueAt(document, duplicate(name, other)));
    byName.set(name, other ?? document);
    firewalls.push(result.firewall);
  }
  return { firewalls, diagnostics, locate: (problem) => locate(problem, byName) };
}

const issueAt = (document: Document, { path, message }: Issue): Diagnostic => ({
  severity: 'problem',
  file: document.file,
  document: document.index,
  line: document.lineOf(path),
  path: formatPath(path),
  ...named(document.value),
  reason: 'Invalid',
  message,
});

/** The name in the document, valid or not. */
function named(value: unknown): { readonly firewall?: string } {
  const name = isRecord(value) && isRecord(value['metadata']) ? value['metadata']['name'] : undefined;
  return typeof name === 'string' ? { firewall: name } : {};
}

const duplicate = (name: string, other: Document): Issue => {
  const path = ['metadata', 'name'];
  const first = `${displayName(other.file)}:${String(other.lineOf(path))}`;
  return {
    path,
    message: `"${name}" is also the name of the ${KIND} at ${first}: merge them, or rename one`,
  };
};

function locate(problem: Problem, documents: ReadonlyMap<string, Document>): Diagnostic {
  const document = documents.get(problem.firewall);
  const { severity, firewall, path, reason, message } = problem;
  if (document === undefined) return { severity, file: firewall, path, firewall, reason, message };
  const place = { file: document.file, document: document.index, line: document.lineOf(parsePath(path)) };
  return { severity, ...place, path, firewall, reason, message };
}
