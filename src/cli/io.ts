/** What a command may touch of the process; tests bring their own. */
export interface CommandIO {
  readonly stdin: () => Promise<Uint8Array>;
  readonly stdout: (text: string) => void;
  readonly stderr: (text: string) => void;
  /** Whether standard error is a terminal that wants colours. */
  readonly color: boolean;
}

export type ExitCode = 0 | 1 | 3;
