/** The command line: lists the commands, and turns every outcome into an exit code and a message. */
import { Command, CommanderError } from 'commander';
import { messageOf } from '../cluster/errors.ts';
import { declareBaseline } from './commands/baseline.ts';
import { declareCheck } from './commands/check.ts';
import { declareCompletion } from './commands/completion.ts';
import { declareCounters } from './commands/counters.ts';
import type { Declare, Shell } from './commands/declare.ts';
import { declareDiff } from './commands/diff.ts';
import { declareExplain } from './commands/explain.ts';
import { declareImport } from './commands/import.ts';
import { declareObserve } from './commands/observe.ts';
import { declareReach } from './commands/reach.ts';
import { declareRender } from './commands/render.ts';
import { declareReport } from './commands/report.ts';
import { declareRun } from './commands/run.ts';
import { declareSnapshot } from './commands/snapshot.ts';
import { declareStatus } from './commands/status.ts';
import { declareSysdump } from './commands/sysdump.ts';
import { declareSuggest } from './commands/suggest.ts';
import { declareUninstall } from './commands/uninstall.ts';
import { declareValidate } from './commands/validate.ts';
import { declareVersion } from './commands/version.ts';
import { folded } from './help.ts';
import type { CommandIO, ExitCode } from './io.ts';
import { VERSION } from './version.ts';

/** In the order in which --help lists them. */
const COMMANDS: readonly Declare[] = [
  declareRender,
  declareValidate,
  declareBaseline,
  declareCounters,
  declareImport,
  declareExplain,
  declareReach,
  declareReport,
  declareDiff,
  declareObserve,
  declareSuggest,
  declareSnapshot,
  declareRun,
  declareCheck,
  declareStatus,
  declareVersion,
  declareSysdump,
  declareUninstall,
  declareCompletion,
];

const EXAMPLES = `
Examples:
  $ clusterfirewall validate firewall.yaml
  $ clusterfirewall render firewall.yaml
  $ clusterfirewall baseline
  $ clusterfirewall counters dump.txt
  $ clusterfirewall explain shop/web shop/db 5432
  $ clusterfirewall status
  $ clusterfirewall run

Every command has its own --help. Files are manifests, folders of them, or - for standard input.

Exit codes of every command:
  0  yes, or done; warnings do not count
  1  no: validate found something wrong in a manifest, status in a cluster, or explain a flow that is denied
  2  no answer: a file, an option or the kubeconfig is wrong, or there is no ClusterFirewall; render then prints no object
  3  incomplete: a rule has a problem and was left out, or something of a cluster is not known
  4  a change opens something: diff`;

/**
 * Runs one command line, without `node` and the script's name. Commands are loaded when they are used, so
 * render and validate start without a Kubernetes client.
 */
export async function main(argv: readonly string[], io: CommandIO): Promise<ExitCode> {
  let exitCode: ExitCode = 0;
  const program = createProgram({
    io,
    exit: (code) => {
      exitCode = code;
    },
  });
  try {
    await program.parseAsync([...argv], { from: 'user' });
    return exitCode;
  } catch (error) {
    return exitCodeOf(error, io);
  }
}

function createProgram(shell: Shell): Command {
  const { io } = shell;
  const program = new Command('clusterfirewall')
    .description(
      'Turns one resource, ClusterFirewall, which says who may talk to whom, into Calico policies.',
    )
    .version(VERSION, '-V, --version', 'print the version')
    .helpCommand(false)
    .addHelpText('after', EXAMPLES)
    .exitOverride()
    .configureOutput({
      writeOut: (text) => {
        io.stdout(folded(text));
      },
      writeErr: io.stderr,
    });
  for (const declare of COMMANDS) declare(program, shell);
  return program;
}

function exitCodeOf(error: unknown, io: CommandIO): ExitCode {
  // commander has printed its own message at this point.
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
  const message = messageOf(error);
  io.stderr(`clusterfirewall: ${message}\n`);
  return 2;
}
