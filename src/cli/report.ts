import { styleText } from 'node:util';
import type { CommandIO } from './io.ts';
import { type Diagnostic, formatDiagnostic } from './manifests/diagnostics.ts';
import { type Summary, summaryFields } from './summary.ts';

export interface Validated {
  readonly valid: boolean;
  /** Names of the firewalls that were validated. */
  readonly firewalls: readonly string[];
  /** Objects of other API groups, as `Kind (apiVersion)`. */
  readonly skipped: readonly string[];
  readonly diagnostics: readonly Diagnostic[];
  /** Absent without an inventory. */
  readonly summary?: Summary;
}

/** One object, with the diagnostics in reading order as `findings`. Absent fields are left out. */
export function toJson({ valid, firewalls, skipped, diagnostics, summary }: Validated): string {
  const flat = diagnostics.map(({ severity, file, document, line, firewall, path, reason, message }) => ({
    severity,
    file,
    document,
    line,
    firewall,
    path,
    reason,
    message,
  }));
  const validated = {
    valid,
    firewalls,
    skipped: skipped.length,
    findings: flat,
    ...(summary && { summary: summaryFields(summary) }),
  };
  return `${JSON.stringify(validated, undefined, 2)}\n`;
}

/** One line for standard error, or nothing. */
export function reportSkipped(skipped: readonly string[], io: CommandIO): void {
  if (skipped.length === 0) return;
  const kinds = [...new Set(skipped)].toSorted().join(', ');
  const objects =
    skipped.length === 1
      ? '1 object of another API group'
      : `${String(skipped.length)} objects of other API groups`;
  io.stderr(`skipped ${objects}: ${kinds}\n`);
}

/** Prints diagnostics to standard error, one a line. */
export function report(diagnostics: readonly Diagnostic[], io: CommandIO): void {
  for (const diagnostic of diagnostics)
    io.stderr(`${formatDiagnostic(diagnostic, emphasis(diagnostic, io))}\n`);
}

const emphasis =
  ({ severity }: Diagnostic, { color }: CommandIO) =>
  (text: string): string =>
    // The caller knows whether this is a terminal. styleText would check another stream.
    color
      ? styleText(['bold', severity === 'problem' ? 'red' : 'yellow'], text, { validateStream: false })
      : text;
