import type { KubeConfigChoice } from '../cluster/http/kubeconfig-file.ts';
import type { Substitute } from '../removal/firewalls.ts';
import type { Transport } from '../cluster/http/transport.ts';

/** A cluster that a command may ask. */
export interface Connection {
  readonly transport: Transport;
  /** URL of its API server. */
  readonly server: string;
  readonly close: () => Promise<void>;
  /**
   * Runs an operator in this process, with the rights of whoever runs it, until it is stopped.
   * @param namespace that of its Lease
   */
  readonly operate: (namespace: string) => Promise<Substitute>;
}

/** The parts of the process that a command may use. Tests bring their own. */
export interface CommandIO {
  readonly stdin: () => Promise<Uint8Array>;
  /** Standard input in parts, for what may be longer than memory. */
  readonly stdinParts: () => AsyncIterable<Uint8Array>;
  readonly stdout: (text: string) => void;
  readonly stderr: (text: string) => void;
  /** @throws Error when there is no kubeconfig, or a broken one */
  readonly connect: (choice: KubeConfigChoice) => Promise<Connection>;
  readonly date: () => Date;
  /** @throws Error when the file exists, or cannot be written */
  readonly save: (file: string, bytes: Uint8Array) => Promise<void>;
  /** Asks at the terminal. Undefined where nobody can answer. */
  readonly ask: (question: string) => Promise<string | undefined>;
  /** True when standard error is a terminal that shows colours. */
  readonly color: boolean;
}

/**
 * One meaning for every command. 0 and 1 are the answer: yes or done, and no. 2: bad input or usage, and no answer.
 * 3: the answer is incomplete. Something has a problem, or is not known. With 4, a change opens something.
 */
export type ExitCode = 0 | 1 | 2 | 3 | 4;
