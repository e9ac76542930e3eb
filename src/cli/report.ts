import { styleText } from 'node:util';
import type { CommandIO } from './io.ts';
import { type Diagnostic, formatFinding } from './manifests/findings.ts';

/** What stands in the file as a whole, or in an inventory, has no reason of its own. */
const OTHER_REASON = 'Invalid';

/** One object: valid, the names of the firewalls judged, and the findings in reading order; absent fields are left out. */
export function toJson(
  valid: boolean,
  firewalls: readonly string[],
  findings: readonly Diagnostic[],
): string {
  const flat = findings.map(({ severity, file, document, line, firewall, path, reason, message }) => ({
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

/** Prints findings to standard error, one a line. */
export function report(findings: readonly Diagnostic[], io: CommandIO): void {
  for (const finding of findings) io.stderr(`${formatFinding(finding, emphasis(finding, io))}\n`);
}

const emphasis =
  ({ severity }: Diagnostic, { color }: CommandIO) =>
  (text: string): string =>
    // The caller knows whether this is a terminal; styleText would ask another stream.
    color
      ? styleText(['bold', severity === 'problem' ? 'red' : 'yellow'], text, { validateStream: false })
      : text;
