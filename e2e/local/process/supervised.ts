import { startChild, type Child, type ChildSpec } from './child.ts';
import type { Run } from './run.ts';

/** The exit code with which Calico's programs ask for a restart with their new configuration (cmdwrapper). */
const CONFIGURATION_CHANGED = 'exit code 129';

/** One of Calico's programs. It is restarted whenever it ends because its configuration changed. */
export interface Supervised {
  /** Rejects when it ended for another reason. */
  readonly failed: Promise<never>;
  readonly tail: () => Promise<string>;
}

export function startSupervised(run: Run, spec: ChildSpec): Supervised {
  const start = (): Child => startChild(run, spec);
  let child = start();
  const supervise = async (): Promise<never> => {
    while ((await child.ended) === CONFIGURATION_CHANGED) child = start();
    return child.failed;
  };
  const failed = supervise();
  failed.catch(() => undefined);
  return { failed, tail: () => child.tail() };
}
