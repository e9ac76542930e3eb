import { styleText } from 'node:util';
import type { CommandIO } from './io.ts';
import { type Diagnostic, formatDiagnostic } from './manifests/diagnostics.ts';

/** Diagnostics of a whole file, or of an inventory, have no reason of their own. */
const OTHER_REASON = 'Invalid';

/**
 * Returns one object: valid, the names of the validated firewalls, and the diagnostics in reading order as
 * `findings`. Absent fields are left out.
 */
export function toJson(
  valid: boolean,
  firewalls: readonly string[],
  diagnostics: readonly Diagnostic[],
): string {
  const flat = diagnostics.map(({ severity, file, document, line, firewall, path, reason, message }) => ({
    severity,
    file,
    document,
    line,
    firewall,
    path,
    reason: reason ?? OTHER_REASON,
    message,
  }));
  return `${JSON.stringify({ valid, firewalls, findings: flat }, undefined, 2)}\n`;
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
