import type { Question } from '../questions/ask.ts';
import { parseEnd } from '../questions/end-text.ts';
import { endsOf } from '../questions/ends.ts';
import { QuestionError } from '../questions/errors.ts';
import { explain as explainFlow, type Setting } from '../questions/explain.ts';
import type { Verdict } from '../simulator/decision.ts';
import type { CommandIO, ExitCode } from './io.ts';
import { printable } from './printable.ts';
import { everyPacket, everyPacketStaged, everyPacketText } from './questions/every-packet.ts';
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
    const answer = isOnePort(loaded.setting, question) ? aboutPort : aboutEveryPacket;
    const { verdicts, text, json } = answer(loaded, question);
    io.stdout(input.output === 'json' ? json() : text());
    reportGaps(loaded, io);
    return exitCodeOf(verdicts, loaded);
  } catch (error) {
    if (!(error instanceof QuestionError)) throw error;
    io.stderr(`${printable(error.message)}\n`);
    return 2;
  }
}

/** False for a question about every packet: it names no port, and its destination has none of its own. */
const isOnePort = ({ prepared, names }: Setting, { to, port }: Question): boolean =>
  port !== undefined ||
  (to.kind === 'node' && to.port !== undefined) ||
  endsOf(prepared, to, names).some(({ kind }) => kind === 'service');

interface Said {
  /** One for each answer. */
  readonly verdicts: readonly Verdict[];
  readonly text: () => string;
  readonly json: () => string;
}

function aboutPort({ setting, cluster: { lacks } }: LoadedQuestion, question: Question): Said {
  const explanations = explainFlow(setting, question);
  const verdicts = explanations.map(({ cause }) => cause.verdict);
  return {
    verdicts,
    text: () => groupsOf(explanations).map(explanationText).join('\n'),
    json: () => explanationsJson(togetherOf(verdicts), explanations, { lacks }),
  };
}

function aboutEveryPacket({ setting, cluster: { lacks } }: LoadedQuestion, { from, to }: Question): Said {
  const pairs = everyPacket(setting, from, to);
  const verdicts = pairs.flatMap(({ flows }) => flows.map((flow) => flow.verdict));
  const staged = everyPacketStaged(setting, pairs, from, to);
  return {
    verdicts,
    text: () =>
      `${everyPacketText(pairs)}${staged === undefined ? '' : `\nWith the staged policies enforced it would be\n\n${everyPacketText(staged)}`}`,
    json: () => `${JSON.stringify({ verdict: togetherOf(verdicts), pairs, staged, lacks }, undefined, 2)}\n`,
  };
}

/** Denied if one is, Unknown if one is and none is denied. */
function togetherOf(verdicts: readonly Verdict[]): Verdict {
  if (verdicts.includes('Denied')) return 'Denied';
  return verdicts.includes('Unknown') ? 'Unknown' : 'Allowed';
}

function exitCodeOf(verdicts: readonly Verdict[], loaded: LoadedQuestion): ExitCode {
  if (verdicts.includes('Unknown') || hasProblem(loaded)) return 3;
  return verdicts.includes('Denied') ? 1 : 0;
}
