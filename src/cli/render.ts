import { dump } from 'js-yaml';
import type { GeneratedObject } from '../calico/types.ts';
import type { CommandIO, ExitCode } from './io.ts';
import { type ManifestInput, compileManifests } from './manifests/compiled.ts';
import { report, reportSkipped } from './report.ts';
import { summaryLines } from './summary.ts';

/**
 * Prints the generated objects as a multi-document stream. Problems, warnings and a summary go to standard
 * error. Exit code 2 for invalid input, without any object. Exit code 3 when a problem left something out.
 */
export async function render(input: ManifestInput, io: CommandIO): Promise<ExitCode> {
  const result = await compileManifests(input, io.stdin);
  report(result.diagnostics, io);
  reportSkipped(result.skipped, io);
  if (result.state === 'invalid') return 2;
  for (const line of summaryLines({ pods: result.overview, nodes: result.compilation.nodes }))
    io.stderr(`${line}\n`);
  io.stdout(result.compilation.objects.map(({ object }) => `---\n${toYaml(object)}`).join(''));
  return result.diagnostics.some(({ severity }) => severity === 'problem') ? 3 : 0;
}

const toYaml = ({ apiVersion, kind, metadata, spec }: GeneratedObject): string =>
  dump({ apiVersion, kind, metadata, spec }, { lineWidth: -1, noRefs: true });
