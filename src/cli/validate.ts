import type { CommandIO, ExitCode } from './io.ts';
import { type ManifestInput, compileManifests } from './manifests/compiled.ts';
import { isAboutTheInput } from './manifests/diagnostics.ts';
import type { Problem } from '../compiler/types.ts';
import { report, reportSkipped, toJson } from './report.ts';
import { summaryLines } from './summary.ts';

export interface ValidateInput extends ManifestInput {
  readonly output: 'text' | 'json';
}

/**
 * Validates manifests. As text, problems and warnings go to standard error. As JSON, everything goes to
 * standard output. With an inventory, a summary says what the manifests do. Exit code 1 for anything but
 * warnings, and 2 where there is nothing to judge.
 */
export async function validate(input: ValidateInput, io: CommandIO): Promise<ExitCode> {
  const result = await compileManifests(input, io.stdin, { isRelevant: isAboutTheManifest, withHints: true });
  const valid = !result.diagnostics.some(({ severity }) => severity === 'problem');
  const firewalls = result.state === 'compiled' ? result.firewalls : [];
  const summary =
    result.state === 'compiled' && input.inventory !== undefined
      ? { pods: result.overview, nodes: result.compilation.nodes }
      : undefined;
  if (input.output === 'json') {
    io.stdout(toJson({ ...result, valid, firewalls, ...(summary && { summary }) }));
  } else {
    report(result.diagnostics, io);
    reportSkipped(result.skipped, io);
    const lines = [...(valid ? [`valid: ${firewalls.join(', ')}`] : []), ...summaryLines(summary ?? {})];
    io.stdout(lines.map((line) => `${line}\n`).join(''));
  }
  if (result.diagnostics.some(isAboutTheInput)) return 2;
  return valid ? 0 : 1;
}

/** False for warnings that are about a render without an inventory. */
const isAboutTheManifest = ({ reason }: Problem): boolean =>
  reason !== 'NodesUnknown' && reason !== 'NamespacesUnknown';
