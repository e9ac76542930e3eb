/** The parts of the process that a command may use. Tests bring their own. */
export interface CommandIO {
  readonly stdin: () => Promise<Uint8Array>;
  readonly stdout: (text: string) => void;
  readonly stderr: (text: string) => void;
  /** True when standard error is a terminal that shows colours. */
  readonly color: boolean;
}

export type ExitCode = 0 | 1 | 3;
