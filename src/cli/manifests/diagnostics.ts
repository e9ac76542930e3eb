/** The problems and warnings of a manifest, with their places. Each is printed as one line. */
import { STDIN } from './source.ts';

export interface Diagnostic {
  readonly severity: 'problem' | 'warning';
  /** The file as the caller named it; `-` is standard input. */
  readonly file: string;
  /** The number of the document in the file, from 1; absent when the whole file is meant. */
  readonly document?: number;
  /** The line, from 1; absent when the whole file is meant. */
  readonly line?: number;
  /** Field path; empty when the whole document is meant. */
  readonly path: string;
  /** Name of the ClusterFirewall; absent when the document has none. */
  readonly firewall?: string;
  /**
   * A reason of the compiler, `Invalid` for a refusal by the schema, `NotYAML`, or one that is about the
   * input (isAboutTheInput).
   */
  readonly reason: string;
  readonly message: string;
}

/** `FILE:LINE: spec.mode: message`, with `warning:` before the path of a warning. */
export function formatDiagnostic(diagnostic: Diagnostic, bold: (text: string) => string): string {
  const line = diagnostic.line === undefined ? '' : `:${String(diagnostic.line)}`;
  const severity = diagnostic.severity === 'warning' ? 'warning: ' : '';
  const path = diagnostic.path === '' ? '' : `${diagnostic.path}: `;
  return `${bold(`${displayName(diagnostic.file)}${line}:`)} ${severity}${path}${diagnostic.message}`;
}

const INPUT_REASONS: ReadonlySet<string> = new Set(['Unreadable', 'NoFirewall', 'BadInventory']);

/** True where nothing can be judged, which says nothing about a manifest. */
export const isAboutTheInput = ({ reason }: Diagnostic): boolean => INPUT_REASONS.has(reason);

/** The name of a file in messages. */
export const displayName = (file: string): string => (file === STDIN ? '<stdin>' : file);

/** Sorts by file in the order given, then by line. */
export function inReadingOrder(diagnostics: readonly Diagnostic[], files: readonly string[]): Diagnostic[] {
  const rank = (diagnostic: Diagnostic) => files.indexOf(diagnostic.file);
  return [...diagnostics].sort((a, b) => rank(a) - rank(b) || (a.line ?? 0) - (b.line ?? 0));
}
