import { parseEnd } from '../questions/end-text.ts';
import { QuestionError } from '../questions/errors.ts';
import { explain as explainFlow, type Explanation } from '../questions/explain.ts';
import type { Verdict } from '../simulator/decision.ts';
import type { CommandIO, ExitCode } from './io.ts';
import { printable } from './printable.ts';
import { explanationsJson } from './questions/explain-json.ts';
import { explanationText } from './questions/explain-text.ts';
import { hasProblem, reportGaps } from './questions/gaps.ts';
import { groupsOf } from './questions/groups.ts';
import { loadQuestion, type LoadedQuestion, type QuestionFlags } from './questions/load.ts';
import { report } from './report.ts';

export interface ExplainInput extends QuestionFlags {
  readonly output: 'text' | 'json';
}

/**
 * Says whether one flow is allowed, and why. The exit code is 0 if all that the ends stand for is allowed, and 1
 * if something is denied. Code 2 is for a question that cannot be asked. Code 3 means that something is Unknown,
 * or that a manifest has a problem.
 */
export async function explain(
  [from, to, port]: readonly [string, string, string | undefined],
  input: ExplainInput,
  io: CommandIO,
): Promise<ExitCode> {
  try {
    const question = { from: parseEnd(from), to: parseEnd(to), ...(port !== undefined && { port }) };
    const loaded = await loadQuestion(input, [question.from, question.to], io);
    if (!('setting' in loaded)) {
      report(loaded.diagnostics, io);
      return 2;
    }
    const explanations = explainFlow(loaded.setting, question);
    const verdict = togetherOf(explanations);
    if (input.output === 'json')
      io.stdout(explanationsJson(verdict, explanations, { lacks: loaded.cluster.lacks }));
    else io.stdout(groupsOf(explanations).map(explanationText).join('\n'));
    reportGaps(loaded, io);
    return exitCodeOf(verdict, loaded);
  } catch (error) {
    if (!(error instanceof QuestionError)) throw error;
    io.stderr(`${printable(error.message)}\n`);
    return 2;
  }
}

/** Denied if one is, Unknown if one is and none is denied. */
function togetherOf(explanations: readonly Explanation[]): Verdict {
  const verdicts = new Set(explanations.map(({ cause }) => cause.verdict));
  if (verdicts.has('Denied')) return 'Denied';
  return verdicts.has('Unknown') ? 'Unknown' : 'Allowed';
}

function exitCodeOf(verdict: Verdict, loaded: LoadedQuestion): ExitCode {
  if (verdict === 'Unknown' || hasProblem(loaded)) return 3;
  return verdict === 'Allowed' ? 0 : 1;
}
