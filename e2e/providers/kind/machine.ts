import type { StartedTestContainer } from 'testcontainers';
import type { Dataplane } from '../../cluster.ts';

export interface Worker {
  readonly name: string;
  readonly dataplane: Dataplane;
}

/** A machine that is a node, or becomes one. */
export interface Machine {
  readonly name: string;
  readonly address: string;
  readonly container: StartedTestContainer;
  /** The process identifier of its first process, on this machine. */
  readonly pid: number;
}

/** @throws with the end of its output when its exit code is not 0 */
export async function execute({ name, container }: Machine, command: readonly string[]): Promise<string> {
  const { exitCode, output } = await container.exec([...command]);
  if (exitCode === 0) return output;
  throw new Error(`${command.join(' ')} on ${name}: exit code ${String(exitCode)}\n${output.slice(-4000)}`);
}
