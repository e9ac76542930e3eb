import type { CommandIO, ExitCode } from './io.ts';
import { type ManifestInput, compileManifests } from './manifests/compiled.ts';
import type { Problem } from '../compiler/types.ts';
import { report } from './report.ts';

/** Judges manifests; problems and warnings go to standard error. Exit code 1 for anything but warnings. */
export async function validate(input: ManifestInput, io: CommandIO): Promise<ExitCode> {
  const outcome = await compileManifests(input, io.stdin, isAboutTheManifest);
  report(outcome.findings, io);
  if (outcome.findings.some(({ severity }) => severity === 'problem')) return 1;
  if (outcome.state === 'compiled') io.stdout(`valid: ${outcome.firewalls.join(', ')}\n`);
  return 0;
}

/** Not what a render without an inventory could not show. */
const isAboutTheManifest = ({ reason }: Problem): boolean =>
  reason !== 'NodesUnknown' && reason !== 'NamespacesUnknown';
