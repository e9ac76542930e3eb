import type {
  FlowOptions,
  FlowTally,
  FlowTarget,
  InterfaceAddress,
  ListeningPort,
  ProbeResult,
  ProbeTarget,
  SocketAddress,
} from '../../cluster.ts';

/** One JSON object a line in both directions: requests to the agent inside a namespace, and its answers. */
export type AgentRequest =
  | { readonly op: 'listen'; readonly ports: readonly ListeningPort[]; readonly address?: string }
  /** On every address of its own, so datagrams are answered from the address that was asked. */
  | { readonly op: 'listen-on-each'; readonly ports: readonly ListeningPort[] }
  | { readonly op: 'addresses' }
  | { readonly op: 'probe'; readonly target: ProbeTarget; readonly timeout: number }
  | { readonly op: 'flow'; readonly target: FlowTarget; readonly options: FlowOptions }
  | { readonly op: 'tally'; readonly flow: number; readonly stop: boolean }
  /** HTTP GET on the namespace's own loopback. */
  | { readonly op: 'get'; readonly port: number; readonly path: string };

export interface AgentResults {
  readonly listen: null;
  readonly 'listen-on-each': null;
  /** Not those of lo. */
  readonly addresses: readonly InterfaceAddress[];
  readonly probe: ProbeResult;
  /** Its number. */
  readonly flow: number;
  readonly tally: FlowTally;
  readonly get: string;
}

export type AgentEnvelope = AgentRequest & { readonly id: number };

export interface AgentAnswer {
  readonly id: number;
  readonly result?: unknown;
  readonly error?: string;
}

/** The echo servers' answer to each line or datagram. */
export interface Echo {
  readonly seenFrom: SocketAddress;
  readonly text: string;
}
