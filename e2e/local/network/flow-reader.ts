/** Calico's own reader of flow logs on one node. It serves the socket to which Felix sends them, and prints them. */
import { existsSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import { startChild } from '../process/child.ts';
import type { Run } from '../process/run.ts';
import { waitFor } from '../../wait.ts';
import { inPrivate, type Binding } from './in-private.ts';

/** felix/collector/local/server.go. */
const SOCKET = 'flows.sock';
const PLACE = '/run/calico/flows';
/** Felix knows what it should report after 5 seconds, so a shorter interval shows nothing sooner. */
const FLUSH_SECONDS = 2;

export const FLOW_LOG_ENVIRONMENT: Readonly<Record<string, string>> = {
  FELIX_FLOWLOGSLOCALREPORTER: 'Enabled',
  FELIX_FLOWLOGSFLUSHINTERVAL: String(FLUSH_SECONDS),
};

export interface FlowReader {
  /** Where Felix and the reader meet. */
  readonly binding: Binding;
  /** Everything that it has printed, without a flow that is only half there. */
  readonly text: () => string;
}

/** Resolves when the socket is there, for which Felix looks every 10 seconds only. */
export async function startFlowReader(
  run: Run,
  { node, namespace, file }: { readonly node: string; readonly namespace: string; readonly file: string },
): Promise<FlowReader> {
  const folder = path.join(run.dir, node, 'flows');
  await mkdir(folder, { recursive: true });
  const binding = { folder, place: PLACE };
  const args = inPrivate(file, [], [binding]);
  const reader = startChild(run, { name: `flows-${node}`, namespace, file: process.execPath, args }, [
    'ignore',
    'pipe',
    'log',
  ]);
  let text = '';
  reader.process.stdout?.setEncoding('utf8').on('data', (chunk: string) => {
    text += chunk;
  });
  await waitFor(() => Promise.resolve(existsSync(path.join(folder, SOCKET)) || undefined), {
    what: `the reader of flow logs on ${node}`,
    within: 60_000,
    abort: reader.failed,
    explain: () => reader.tail(),
  });
  return { binding, text: () => whole(text) };
}

/** Up to the last flow whose last line is there. */
function whole(text: string): string {
  const last = text.lastIndexOf('- Time=');
  return / {2}Pending:\n.*\n/.test(text.slice(Math.max(last, 0))) ? text : text.slice(0, Math.max(last, 0));
}
