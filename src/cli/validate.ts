import type { CommandIO, ExitCode } from './io.ts';
import { type ManifestInput, compileManifests } from './manifests/compiled.ts';
import type { Problem } from '../compiler/types.ts';
import { report, toJson } from './report.ts';

export interface ValidateInput extends ManifestInput {
  readonly output: 'text' | 'json';
}

/**
 * Judges manifests. As text, problems and warnings go to standard error; as JSON, everything to standard output. Exit code 1 for
 * anything but warnings.
 */
export async function validate(input: ValidateInput, io: CommandIO): Promise<ExitCode> {
  const outcome = await compileManifests(input, io.stdin, isAboutTheManifest);
  const valid = !outcome.findings.some(({ severity }) => severity === 'problem');
  const firewalls = outcome.state === 'compiled' ? outcome.firewalls : [];
  if (input.output === 'json') {
    io.stdout(toJson(valid, firewalls, outcome.findings));
  } else {
    report(outcome.findings, io);
    if (valid && outcome.state === 'compiled') io.stdout(`valid: ${firewalls.join(', ')}\n`);
  }
  return valid ? 0 : 1;
}

/** Not what a render without an inventory could not show. */
const isAboutTheManifest = ({ reason }: Problem): boolean =>
  reason !== 'NodesUnknown' && reason !== 'NamespacesUnknown';
