import { startChild, type Child, type ChildSpec } from './child.ts';
import type { Run } from './run.ts';

/** A process that may be killed and started again with the same arguments. */
export interface Restartable {
  /** The process that runs now, or ran last. */
  readonly child: Child;
  /** SIGKILL. Resolves when it has ended. */
  kill(): Promise<void>;
  /** @throws while it runs */
  start(): void;
}

export function startRestartable(run: Run, spec: ChildSpec): Restartable {
  let child = startChild(run, spec);
  return {
    get child() {
      return child;
    },
    kill: async () => {
      child.process.kill('SIGKILL');
      await child.ended;
    },
    start: () => {
      const { exitCode, signalCode } = child.process;
      if (exitCode === null && signalCode === null) throw new Error(`${spec.name} runs already`);
      child = startChild(run, spec);
    },
  };
}
