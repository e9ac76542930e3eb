import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { AgentAnswer, AgentRequest, AgentResults } from './agent-protocol.ts';
import { startChild, type Child } from '../process/child.ts';
import type { Run } from '../process/run.ts';

/** Our end of an agent inside a namespace. */
export interface Agent {
  readonly child: Child;
  ask<R extends AgentRequest>(request: R): Promise<AgentResults[R['op']]>;
}

const AGENT = fileURLToPath(new URL('agent.ts', import.meta.url));
/** There is one agent a pod, so small heaps and one thread keep fifty of them affordable. */
const NODE_FLAGS = ['--single-threaded', '--max-semi-space-size=1', '--disable-warning=ExperimentalWarning'];

interface Waiting {
  readonly resolve: (result: unknown) => void;
  readonly reject: (reason: unknown) => void;
}

export function startAgent(run: Run, namespace: string, name: string): Agent {
  const child = startChild(
    run,
    {
      name: `agent-${name}`,
      namespace,
      file: process.execPath,
      args: [...NODE_FLAGS, AGENT],
      env: { NODE_COMPILE_CACHE: `${run.dir}/compile-cache` },
    },
    ['pipe', 'pipe', 'log'],
  );
  const waiting = new Map<number, Waiting>();
  const { stdin, stdout } = child.process;
  if (stdin === null || stdout === null) throw new Error(`agent-${name} has no pipes`);
  stdin.on('error', () => undefined);
  createInterface({ input: stdout }).on('line', (line) => {
    settle(waiting, name, JSON.parse(line) as AgentAnswer);
  });
  child.failed.catch((reason: unknown) => {
    for (const { reject } of waiting.values()) reject(reason);
    waiting.clear();
  });
  let lastId = 0;
  return {
    child,
    ask: (request) => {
      if (child.process.exitCode !== null) return child.failed;
      const id = ++lastId;
      const { promise, resolve, reject } = Promise.withResolvers<unknown>();
      waiting.set(id, { resolve, reject });
      stdin.write(`${JSON.stringify({ ...request, id })}\n`);
      return promise as Promise<never>;
    },
  };
}

function settle(waiting: Map<number, Waiting>, name: string, answer: AgentAnswer): void {
  const { resolve, reject } = waiting.get(answer.id) ?? {};
  waiting.delete(answer.id);
  if (answer.error === undefined) resolve?.(answer.result);
  else reject?.(new Error(`agent-${name}: ${answer.error}`));
}
