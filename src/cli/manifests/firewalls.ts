/**
 * Turns documents into ClusterFirewalls. Each is validated alone, and its name is compared with the others.
 */
import { formatPath, parsePath } from '../../api/path.ts';
import { API_VERSION, type ClusterFirewall, GROUP, KIND } from '../../api/schema.ts';
import { type Issue, validateDocument } from '../../api/validate.ts';
import type { Problem } from '../../compiler/types.ts';
import { isRecord } from '../../json.ts';
import { type Diagnostic, displayName } from './diagnostics.ts';
import { hintsFor } from './hints.ts';
import { type Document, type Loaded, unfold } from './load.ts';
import { STDIN } from './source.ts';

export interface Firewalls {
  readonly firewalls: readonly ClusterFirewall[];
  readonly diagnostics: readonly Diagnostic[];
  /** Objects of other API groups, which are not judged, as `Kind (apiVersion)`. */
  readonly skipped: readonly string[];
  /** Finds the place of a compiler's problem in the files. */
  readonly locate: (problem: Problem) => Diagnostic;
  /** Warnings on manifests that are valid and may not be meant. */
  readonly hints: () => readonly Diagnostic[];
}

/**
 * Skips objects of other API groups, or refuses them if `isStrict`. One of ours with an unknown kind or version
 * is refused, and so are files that contain no ClusterFirewall.
 */
export function readFirewalls(
  { documents, diagnostics: unreadable, files }: Loaded,
  isStrict = false,
): Firewalls {
  const firewalls: ClusterFirewall[] = [];
  const diagnostics = [...unreadable];
  const byName = new Map<string, Document>();
  const skipped: string[] = [];
  for (const document of documents.flatMap(objectsOf)) {
    const other = isStrict ? undefined : otherGroup(document.value);
    if (other !== undefined) {
      skipped.push(`${other.kind} (${other.apiVersion})`);
      continue;
    }
    const result = validateDocument(document.value);
    if (!result.ok) {
      for (const issue of result.issues) diagnostics.push(issueAt(document, issue));
      continue;
    }
    const { name } = result.firewall.metadata;
    const namesake = byName.get(name);
    if (namesake !== undefined) diagnostics.push(issueAt(document, duplicate(name, namesake)));
    byName.set(name, namesake ?? document);
    firewalls.push(result.firewall);
  }
  if (firewalls.length === 0 && diagnostics.length === 0) diagnostics.push(noFirewall(files));
  return {
    firewalls,
    diagnostics,
    skipped,
    locate: (problem) => locate(problem, byName),
    hints: () => firewalls.flatMap((firewall) => hintsAt(firewall, byName, firewalls)),
  };
}

/** A list of another group is one object: its items need no kind of their own. */
const objectsOf = (document: Document): readonly Document[] => {
  const other = otherGroup(document.value);
  return other === undefined || other.kind === 'List' ? unfold(document) : [document];
};

interface Identity {
  readonly apiVersion: string;
  readonly kind: string;
}

/** Undefined for what looks like ours, in whatever spelling: it is judged, and never skipped. */
function otherGroup(value: unknown): Identity | undefined {
  const [apiVersion, kind] = isRecord(value) ? [value['apiVersion'], value['kind']] : [];
  if (typeof apiVersion !== 'string' || typeof kind !== 'string') return undefined;
  const [group] = apiVersion.toLowerCase().split('/', 1);
  const looksLikeOurs = group === GROUP || kind.toLowerCase() === KIND.toLowerCase();
  return looksLikeOurs || apiVersion === '' || kind === '' ? undefined : { apiVersion, kind };
}

function noFirewall([first = STDIN, ...others]: readonly string[]): Diagnostic {
  const nor = others.length === 0 ? '' : `, nor does a file after it`;
  const message = `contains no ${KIND}${nor}: write one of ${API_VERSION}`;
  return { severity: 'problem', file: first, path: '', reason: 'NoFirewall', message };
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

function hintsAt(
  firewall: ClusterFirewall,
  documents: ReadonlyMap<string, Document>,
  all: readonly ClusterFirewall[],
): readonly Diagnostic[] {
  const { name } = firewall.metadata;
  const document = documents.get(name);
  if (document === undefined) return [];
  const { file, index, lineOf } = document;
  return hintsFor(firewall, document.value, all).map(({ path, reason, message }) => {
    const place = { file, document: index, line: lineOf(path), path: formatPath(path) };
    return { severity: 'warning', ...place, firewall: name, reason, message };
  });
}

function locate(problem: Problem, documents: ReadonlyMap<string, Document>): Diagnostic {
  const document = documents.get(problem.firewall);
  const { severity, firewall, path, reason, message } = problem;
  if (document === undefined) return { severity, file: firewall, path, firewall, reason, message };
  const place = { file: document.file, document: document.index, line: document.lineOf(parsePath(path)) };
  return { severity, ...place, path, firewall, reason, message };
}
