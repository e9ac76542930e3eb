/** What is wrong with a manifest, and where; one line each when printed. */
import { STDIN } from './source.ts';

export interface Diagnostic {
  readonly severity: 'problem' | 'warning';
  /** As the caller named it; `-` is standard input. */
  readonly file: string;
  /** Its place in the file, from 1; absent when the file as a whole is meant. */
  readonly document?: number;
  /** From 1; absent when the file as a whole is meant. */
  readonly line?: number;
  /** Field path; empty when the document as a whole is meant. */
  readonly path: string;
  /** Name of the ClusterFirewall; absent when the document has none. */
  readonly firewall?: string;
  /** The compiler's reasons, `Invalid` for what the schema refuses, `Unreadable` for what could not be read. */
  readonly reason?: string;
  readonly message: string;
}

/** `FILE:LINE: spec.mode: message`, with `warning:` before the path of a warning. */
export function formatFinding(finding: Diagnostic, bold: (text: string) => string): string {
  const line = finding.line === undefined ? '' : `:${String(finding.line)}`;
  const severity = finding.severity === 'warning' ? 'warning: ' : '';
  const path = finding.path === '' ? '' : `${finding.path}: `;
  return `${bold(`${displayName(finding.file)}${line}:`)} ${severity}${path}${finding.message}`;
}

/** Of a file, as people are told of it. */
export const displayName = (file: string): string => (file === STDIN ? '<stdin>' : file);

/** By file in the order given, then by line. */
export function inReadingOrder(findings: readonly Diagnostic[], files: readonly string[]): Diagnostic[] {
  const rank = (finding: Diagnostic) => files.indexOf(finding.file);
  return [...findings].sort((a, b) => rank(a) - rank(b) || (a.line ?? 0) - (b.line ?? 0));
}
