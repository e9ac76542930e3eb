import type { CommandIO, ExitCode } from './io.ts';
import type { KubeConfigChoice } from '../cluster/http/kubeconfig-file.ts';
import { type CompileResult, type ManifestInput, compileManifests } from './manifests/compiled.ts';
import { type Diagnostic, inReadingOrder, isAboutTheInput } from './manifests/diagnostics.ts';
import { isRecord, valueAt } from '../json.ts';
import { unfold } from './manifests/load.ts';
import type { Problem } from '../compiler/types.ts';
import { report, reportSkipped, toJson } from './report.ts';
import { summaryLines } from './summary.ts';

export interface ValidateInput extends ManifestInput {
  readonly output: 'text' | 'json';
  /** Asks the cluster itself, in place of an inventory. */
  readonly live?: KubeConfigChoice;
}

/**
 * Validates manifests, and evaluates their assertions. As text, problems and warnings go to standard error. As
 * JSON, everything goes to standard output. With a cluster, a summary says what the manifests do. Exit code 1
 * for anything but warnings, 3 where an assertion is Unknown, and 2 where there is nothing to judge.
 */
export async function validate(input: ValidateInput, io: CommandIO): Promise<ExitCode> {
  const live = input.live === undefined ? undefined : await readLive(input.live, io);
  const result = await compileManifests(input, io.stdin, {
    isRelevant: isAboutTheManifest,
    withHints: true,
    ...(live && { live }),
  });
  const asserted = await assertionsOf(result);
  const diagnostics = inReadingOrder(
    [...result.diagnostics, ...asserted],
    [...new Set(result.diagnostics.concat(asserted).map(({ file }) => file))],
  );
  const valid = !diagnostics.some(({ severity }) => severity === 'problem');
  const firewalls = result.state === 'compiled' ? result.firewalls : [];
  const summary =
    result.state === 'compiled' && (live ?? input.inventory) !== undefined
      ? { pods: result.overview, nodes: result.compilation.nodes }
      : undefined;
  if (input.output === 'json') {
    io.stdout(toJson({ ...result, diagnostics, valid, firewalls, ...(summary && { summary }) }));
  } else {
    report(diagnostics, io);
    reportSkipped(result.skipped, io);
    const lines = [...(valid ? [`valid: ${firewalls.join(', ')}`] : []), ...summaryLines(summary ?? {})];
    io.stdout(lines.map((line) => `${line}\n`).join(''));
  }
  return exitCodeOf(diagnostics);
}

function exitCodeOf(diagnostics: readonly Diagnostic[]): ExitCode {
  if (diagnostics.some(isAboutTheInput)) return 2;
  if (diagnostics.some(({ severity }) => severity === 'problem')) return 1;
  return diagnostics.some(({ reason }) => reason === 'AssertionUnknown') ? 3 : 0;
}

/** Most manifests and clusters have none, and need no simulator. */
async function assertionsOf(result: CompileResult): Promise<readonly Diagnostic[]> {
  if (result.state !== 'compiled') return [];
  const { manifests, cluster } = result;
  const hasAssertions =
    manifests.firewalls.some(({ spec }) => spec.assertions !== undefined) ||
    cluster.documents.flatMap(unfold).some(({ value }) => isFirewallWithAssertions(value));
  if (!hasAssertions) return [];
  const { judgeManifests } = await import('./questions/assertions.ts');
  return judgeManifests(manifests, cluster);
}

const isFirewallWithAssertions = (value: unknown): boolean =>
  isRecord(value) &&
  value['kind'] === 'ClusterFirewall' &&
  valueAt(value, 'spec', 'assertions') !== undefined;

async function readLive(choice: KubeConfigChoice, io: CommandIO) {
  const { loadCluster } = await import('./questions/cluster.ts');
  return loadCluster(choice, io);
}

/** False for warnings that are about a render without an inventory. */
const isAboutTheManifest = ({ reason }: Problem): boolean =>
  reason !== 'NodesUnknown' && reason !== 'NamespacesUnknown';
