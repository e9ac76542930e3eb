import { QuestionError } from '../questions/errors.ts';
import { EndFinder } from '../traffic/ends.ts';
import { isRefused, observe as observeFlows, type Observation } from '../traffic/observed.ts';
import { Tally } from '../traffic/tally.ts';
import { gatherCommands } from './flows/gather-commands.ts';
import { observationText } from './flows/observe-text.ts';
import { readFlows } from './flows/read-flows.ts';
import type { CommandIO, ExitCode } from './io.ts';
import { printable } from './printable.ts';
import { loadCluster } from './questions/cluster.ts';
import { hasProblem, reportGaps } from './questions/gaps.ts';
import { loadQuestion, type QuestionFlags } from './questions/load.ts';
import { report } from './report.ts';

export interface ObserveInput extends Omit<QuestionFlags, 'mode'> {
  readonly output: 'text' | 'json';
  /** Print the commands that gather flows, and read none. */
  readonly commands?: boolean;
}

/**
 * Lists the flows of flow logs that Enforce would refuse. Exit code 0: none; 1: some; 2: something cannot be read.
 * Code 3: an end or a verdict is not known, Calico has another verdict, or a manifest has a problem.
 */
export async function observe(
  files: readonly string[],
  input: ObserveInput,
  io: CommandIO,
): Promise<ExitCode> {
  if (input.commands === true) return printCommands(input, io);
  try {
    const loaded = await loadQuestion({ ...input, mode: 'enforce' }, [], io);
    if (!('setting' in loaded)) {
      report(loaded.diagnostics, io);
      return 2;
    }
    const tally = new Tally(new EndFinder(loaded.setting.prepared));
    if (!(await readFlows(files, tally.add, io))) return 2;
    const observation = observeFlows(loaded.setting, tally);
    io.stdout(
      input.output === 'json'
        ? `${JSON.stringify({ ...observation, lacks: loaded.cluster.lacks }, undefined, 2)}\n`
        : observationText(observation),
    );
    reportGaps(loaded, io);
    return hasProblem(loaded) ? 3 : exitCodeOf(observation);
  } catch (error) {
    if (!(error instanceof QuestionError)) throw error;
    io.stderr(`${printable(error.message)}\n`);
    return 2;
  }
}

async function printCommands(input: ObserveInput, io: CommandIO): Promise<ExitCode> {
  const cluster = await loadCluster(input, io);
  report(cluster.diagnostics, io);
  const commands = gatherCommands(cluster);
  for (const command of commands) io.stdout(`${command}\n`);
  if (commands.length > 0) return 0;
  io.stderr(
    'there is no Pod with the label k8s-app=calico-node: run conntrack -L -o extended on each node\n',
  );
  return 2;
}

function exitCodeOf({ flows, lost, foreign }: Observation): ExitCode {
  const isDoubtful = flows.some(({ verdict, calico }) => verdict === 'Unknown' || calico !== undefined);
  if (isDoubtful || lost.length > 0 || foreign > 0) return 3;
  return flows.some(isRefused) ? 1 : 0;
}
