import { QuestionError } from '../questions/errors.ts';
import type { Reach } from '../suggest/atoms.ts';
import { suggest as suggestRules } from '../suggest/suggest.ts';
import { openedBy } from '../suggest/wider.ts';
import { EndFinder } from '../traffic/ends.ts';
import { Tally } from '../traffic/tally.ts';
import { readFlows } from './flows/read-flows.ts';
import { remarks, suggestionJson, suggestionYaml } from './flows/suggest-text.ts';
import type { CommandIO, ExitCode } from './io.ts';
import { printable } from './printable.ts';
import { hasProblem, reportGaps } from './questions/gaps.ts';
import { loadQuestion, type QuestionFlags } from './questions/load.ts';
import { report } from './report.ts';

export interface SuggestInput extends Omit<QuestionFlags, 'mode'> {
  readonly output: 'yaml' | 'json';
  readonly generalise: Reach;
  readonly include?: readonly string[];
}

/**
 * Prints the given ClusterFirewalls with rules for the flows that Enforce would refuse. Exit code 0: every such
 * flow has a rule, or there is none. Code 1: some have none, with the reason. Code 2: something cannot be read.
 * Code 3: an end is not known, or a manifest has a problem.
 */
export async function suggest(
  files: readonly string[],
  input: SuggestInput,
  io: CommandIO,
): Promise<ExitCode> {
  try {
    const loaded = await loadQuestion({ ...input, mode: 'enforce' }, [], io);
    if (!('setting' in loaded)) {
      report(loaded.diagnostics, io);
      return 2;
    }
    const { setting } = loaded;
    const tally = new Tally(new EndFinder(setting.prepared));
    if (!(await readFlows(files, tally.add, io))) return 2;
    const options = { reach: input.generalise, include: new Set(input.include) };
    const suggestion = suggestRules(setting, tally, options);
    const opened = openedBy(setting, suggestion);
    const lost = tally.lost();
    if (input.output === 'json')
      io.stdout(suggestionJson(suggestion, opened, { lost, lacks: loaded.cluster.lacks }));
    else {
      io.stdout(suggestionYaml(suggestion));
      io.stderr(remarks(suggestion, opened));
      for (const { name, why } of lost) io.stderr(`not resolved: ${printable(`${name}: ${why}`)}\n`);
    }
    reportGaps(loaded, io);
    if (lost.length > 0 || hasProblem(loaded)) return 3;
    return suggestion.leftOut.length > 0 ? 1 : 0;
  } catch (error) {
    if (!(error instanceof QuestionError)) throw error;
    io.stderr(`${printable(error.message)}\n`);
    return 2;
  }
}
