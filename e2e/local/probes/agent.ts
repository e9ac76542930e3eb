/**
 * Runs inside the network namespace of a pod, node or outside host, and executes the cluster's requests from
 * standard input.
 */
import { get } from 'node:http';
import { networkInterfaces } from 'node:os';
import { createInterface } from 'node:readline';
import { text } from 'node:stream/consumers';
import type { FlowTally, InterfaceAddress } from '../../cluster.ts';
import type { AgentAnswer, AgentEnvelope, AgentResults } from './agent-protocol.ts';
import { listen, listenOnEach } from './echo.ts';
import { startFlow, type Flow } from './flow.ts';
import { probe } from './probe.ts';

const flows = new Map<number, Flow>();

async function handle(request: AgentEnvelope): Promise<AgentResults[AgentEnvelope['op']]> {
  switch (request.op) {
    case 'listen':
      await Promise.all(request.ports.map((port) => listen(port, request.address)));
      return null;
    case 'listen-on-each':
      await listenOnEach(
        request.ports,
        ownAddresses().map(({ address }) => address),
      );
      return null;
    case 'addresses':
      return ownAddresses();
    case 'probe':
      return probe(request.target, request.timeout);
    case 'flow':
      return openFlow(await startFlow(request.target, request.options));
    case 'tally':
      return tallyFlow(request.flow, request.stop);
    case 'get':
      return fetchText(request.port, request.path);
  }
}

function ownAddresses(): readonly InterfaceAddress[] {
  return Object.entries(networkInterfaces()).flatMap(([device, addresses = []]) =>
    addresses
      .filter(({ internal }) => !internal)
      .map(({ address }) => ({
        device,
        address: address.startsWith('fe80:') ? `${address}%${device}` : address,
      })),
  );
}

function openFlow(flow: Flow): number {
  const number = flows.size + 1;
  flows.set(number, flow);
  return number;
}

async function tallyFlow(number: number, stop: boolean): Promise<FlowTally> {
  const flow = flows.get(number);
  if (flow === undefined) throw new Error(`no flow ${number}`);
  return stop ? flow.stop() : flow.tally();
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
// The process that sends requests is gone.
requests.once('close', () => process.exit(0));
