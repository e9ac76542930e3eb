import { difference, type Change, type Difference, type Side } from '../questions/diff.ts';
import { QuestionError } from '../questions/errors.ts';
import { partyText } from '../questions/party-text.ts';
import { isRecord } from '../json.ts';
import type { CommandIO, ExitCode } from './io.ts';
import { loadDocuments, unfold } from './manifests/load.ts';
import { printable } from './printable.ts';
import { loadCluster } from './questions/cluster.ts';
import { DIFF_FORMATS, type DiffRow } from './questions/diff-formats.ts';
import { hasProblem, reportGaps } from './questions/gaps.ts';
import { loadQuestion, type LoadedQuestion, type QuestionFlags, type Refused } from './questions/load.ts';
import { report } from './report.ts';

export interface DiffInput extends QuestionFlags {
  readonly output: keyof typeof DIFF_FORMATS;
}

/**
 * Prints the flows that a change opens and closes. Exit code 0 for no difference, 1 if it only closes, and 4 if
 * it opens something. Code 3 means that something is Unknown, or that a manifest has a problem.
 * @param files OLD and NEW; none: the cluster as it is, and with the manifests of -f
 */
export async function diff(files: readonly string[], input: DiffInput, io: CommandIO): Promise<ExitCode> {
  try {
    const loaded = await loadBoth(files, input, io);
    const refused = loaded.find((each) => !('setting' in each));
    const [old, now] = loaded;
    if (refused !== undefined || !('setting' in old) || !('setting' in now)) {
      report((refused ?? old).diagnostics, io);
      return 2;
    }
    const found = difference(sideOf(old), sideOf(now));
    io.stdout(DIFF_FORMATS[input.output](rowsOf(found, sideOf(now)), found));
    reportGaps(now, io);
    return exitCodeOf(found.changes, hasProblem(old) || hasProblem(now));
  } catch (error) {
    if (!(error instanceof QuestionError)) throw error;
    io.stderr(`${printable(error.message)}\n`);
    return 2;
  }
}

const sideOf = ({ setting: { prepared, provenance } }: LoadedQuestion): Side => ({ prepared, provenance });

type Loaded = LoadedQuestion | Refused;

async function loadBoth(
  [old, now, ...more]: readonly string[],
  input: DiffInput,
  io: CommandIO,
): Promise<readonly [Loaded, Loaded]> {
  const { filename, ...flags } = input;
  if (more.length > 0 || (old !== undefined && now === undefined))
    throw new QuestionError('give OLD and NEW, or -f and the manifests that are to be applied');
  if (old === undefined || now === undefined) {
    if (filename === undefined)
      throw new QuestionError('give OLD and NEW, or -f and the manifests that are to be applied');
    const cluster = await loadCluster(flags, io);
    return [await loadQuestion(flags, [], io, cluster), await loadQuestion(input, [], io, cluster)];
  }
  if (filename !== undefined)
    throw new QuestionError('OLD and NEW are given, so -f has no place: leave one of them out');
  if (await isCluster(old, io))
    return [
      await loadQuestion({ ...flags, inventory: old }, [], io),
      await loadQuestion({ ...flags, inventory: now }, [], io),
    ];
  const cluster = await loadCluster(flags, io);
  return [
    await loadQuestion({ ...flags, filename: [old] }, [], io, cluster),
    await loadQuestion({ ...flags, filename: [now] }, [], io, cluster),
  ];
}

/** True for a file with namespaces: a snapshot, or manifests of a cluster. */
async function isCluster(file: string, io: CommandIO): Promise<boolean> {
  const { documents } = await loadDocuments([file], io.stdin);
  return documents.flatMap(unfold).some(({ value }) => isRecord(value) && value['kind'] === 'Namespace');
}

function rowsOf({ changes, parties }: Difference, { prepared }: Side): readonly DiffRow[] {
  return changes.map((change) => ({
    ...change,
    from: partyText(change.from, prepared, parties),
    to: partyText(change.to, prepared, parties),
  }));
}

function exitCodeOf(changes: readonly Change[], isIncomplete: boolean): ExitCode {
  const has = (kind: Change['kind']): boolean => changes.some((change) => change.kind === kind);
  if (has('opens')) return 4;
  if (isIncomplete || has('unknown')) return 3;
  return has('closes') ? 1 : 0;
}
