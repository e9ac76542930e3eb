/** How a command is declared: its words, arguments and options. Its work is loaded when it is used. */
import { type Command, InvalidArgumentError, Option } from 'commander';
import type { CommandIO, ExitCode } from '../io.ts';

/** The process that a command line runs in. */
export interface Shell {
  readonly io: CommandIO;
  /** Says how the command ended. Without it, the exit code is 0. */
  readonly exit: (code: ExitCode) => void;
}

/** Adds one command to the program. */
export type Declare = (program: Command, shell: Shell) => void;

export const outputOption = (): Option =>
  new Option('-o, --output <format>', 'format of the output').choices(['text', 'json']).default('text');

/** @throws InvalidArgumentError for a text that is no number of seconds */
export function seconds(text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1) throw new InvalidArgumentError('It is a number of seconds.');
  return value;
}
