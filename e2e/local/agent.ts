/** Runs inside the network namespace of a pod, node or outside host and does there what the cluster asks for on standard input. */
import { get } from 'node:http';
import { createInterface } from 'node:readline';
import { text } from 'node:stream/consumers';
import type { AgentAnswer, AgentEnvelope, AgentResults } from './agent-protocol.ts';
import { listen } from './echo.ts';
import { probe } from './probe.ts';

async function handle(request: AgentEnvelope): Promise<AgentResults[AgentEnvelope['op']]> {
  switch (request.op) {
    case 'listen':
      await Promise.all(request.ports.map((port) => listen(port, request.address)));
      return null;
    case 'probe':
      return probe(request.target, request.timeout);
    case 'get':
      return fetchText(request.port, request.path);
  }
}

function fetchText(port: number, path: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const request = get({ host: '127.0.0.1', port, path, agent: false }, (response) => {
      text(response).then(resolve, reject);
    });
    request.once('error', reject);
  });
}

async function answer(line: string): Promise<void> {
  const request = JSON.parse(line) as AgentEnvelope;
  const reply = await handle(request).then(
    (result): AgentAnswer => ({ id: request.id, result }),
    (error: unknown): AgentAnswer => ({ id: request.id, error: String(error) }),
  );
  process.stdout.write(`${JSON.stringify(reply)}\n`);
}

const requests = createInterface({ input: process.stdin });
requests.on('line', (line) => void answer(line));
// Whoever asks is gone.
requests.once('close', () => process.exit(0));
