import { QuestionError } from '../questions/errors.ts';
import { parseEnd, type EndText } from '../questions/end-text.ts';
import { partyFilter } from '../questions/party-filter.ts';
import { partyText } from '../questions/party-text.ts';
import { reach as reachAll } from '../questions/reach.ts';
import type { CommandIO, ExitCode } from './io.ts';
import { printable } from './printable.ts';
import { hasProblem, reportGaps } from './questions/gaps.ts';
import { loadQuestion, type QuestionFlags } from './questions/load.ts';
import { REACH_FORMATS, type ReachRow } from './questions/reach-formats.ts';
import { report } from './report.ts';

export interface ReachInput extends QuestionFlags {
  readonly from?: string;
  readonly to?: string;
  readonly output: keyof typeof REACH_FORMATS;
}

/**
 * Prints everything that is allowed between classes of ends. Exit code 3 if something is Unknown, or if a
 * manifest has a problem.
 */
export async function reach(input: ReachInput, io: CommandIO): Promise<ExitCode> {
  try {
    const parse = (text: string | undefined): EndText | undefined =>
      text === undefined ? text : parseEnd(text);
    const [from, to] = [parse(input.from), parse(input.to)];
    const ends = [from, to].flatMap((each) => each ?? []);
    const loaded = await loadQuestion(input, ends, io);
    if (!('setting' in loaded)) {
      report(loaded.diagnostics, io);
      return 2;
    }
    const { prepared, names } = loaded.setting;
    const found = reachAll(prepared, {
      from: partyFilter(prepared, from, names),
      to: partyFilter(prepared, to, names),
    });
    const rows = found.rows.map((row): ReachRow => ({
      ...row,
      from: partyText(row.from, prepared, found.parties),
      to: partyText(row.to, prepared, found.parties),
    }));
    io.stdout(REACH_FORMATS[input.output](rows));
    reportGaps(loaded, io);
    return hasProblem(loaded) || rows.some(({ unknown }) => unknown.length > 0) ? 3 : 0;
  } catch (error) {
    if (!(error instanceof QuestionError)) throw error;
    io.stderr(`${printable(error.message)}\n`);
    return 2;
  }
}
