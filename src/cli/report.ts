import { styleText } from 'node:util';
import type { CommandIO } from './io.ts';
import { type Finding, formatFinding } from './manifests/findings.ts';

/** Prints findings to standard error, one a line. */
export function report(findings: readonly Finding[], io: CommandIO): void {
  for (const finding of findings) io.stderr(`${formatFinding(finding, emphasis(finding, io))}\n`);
}

const emphasis =
  ({ severity }: Finding, { color }: CommandIO) =>
  (text: string): string =>
    // The caller knows whether this is a terminal; styleText would ask another stream.
    color
      ? styleText(['bold', severity === 'problem' ? 'red' : 'yellow'], text, { validateStream: false })
      : text;
