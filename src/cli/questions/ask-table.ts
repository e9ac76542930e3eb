/** Questions about every pair of ends, or about those that --from and --to choose. */
import { parseEnd, type EndText } from '../../questions/end-text.ts';
import { QuestionError } from '../../questions/errors.ts';
import { partyFilter } from '../../questions/party-filter.ts';
import type { Filter } from '../../questions/reach.ts';
import type { CommandIO, ExitCode } from '../io.ts';
import { printable } from '../printable.ts';
import { report } from '../report.ts';
import { hasProblem, reportGaps } from './gaps.ts';
import { loadQuestion, type LoadedQuestion, type QuestionFlags } from './load.ts';

export interface TableFlags extends QuestionFlags {
  readonly from?: string;
  readonly to?: string;
}

/**
 * Exit code 3 if something is Unknown, or if a manifest has a problem.
 * @param print prints the answer, and says whether something in it is Unknown
 */
export async function askTable(
  flags: TableFlags,
  io: CommandIO,
  print: (loaded: LoadedQuestion, filter: Filter) => boolean,
): Promise<ExitCode> {
  try {
    const parse = (text: string | undefined): EndText | undefined =>
      text === undefined ? text : parseEnd(text);
    const [from, to] = [parse(flags.from), parse(flags.to)];
    const ends = [from, to].flatMap((each) => each ?? []);
    const loaded = await loadQuestion(flags, ends, io);
    if (!('setting' in loaded)) {
      report(loaded.diagnostics, io);
      return 2;
    }
    const { prepared, names } = loaded.setting;
    const filter = { from: partyFilter(prepared, from, names), to: partyFilter(prepared, to, names) };
    const isUnknown = print(loaded, filter);
    reportGaps(loaded, io);
    return hasProblem(loaded) || isUnknown ? 3 : 0;
  } catch (error) {
    if (!(error instanceof QuestionError)) throw error;
    io.stderr(`${printable(error.message)}\n`);
    return 2;
  }
}
