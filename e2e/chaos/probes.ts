/** Probes all flows at once. */
import type { Endpoint, FlowTally, SocketAddress, StartedCluster, StartedFlow } from '../cluster.ts';
import { isIPv6 } from 'node:net';
import { waitFor } from '../wait.ts';
import { FLOWS, type FlowSpec } from './flows.ts';
import type { State } from './state.ts';
import type { Observation } from './verdict.ts';

export type Actors = ReadonlyMap<string, Endpoint>;

/** The sender and receiver of a flow, and the path of its control packets. */
interface Line {
  readonly flow: FlowSpec;
  readonly from: Endpoint;
  readonly host: string;
  readonly control: SocketAddress;
}

export interface Probes {
  /**
   * Waits until every flow has behaved as this state requires for a while. @throws an error with the other
   * flows
   */
  follow(state: State): Promise<void>;
  stop(): Promise<readonly Observation[]>;
}

const FOLLOWS_WITHIN = 60_000;
/** Time of correct packets in a row after which the state counts as stable. */
const WHILE_MS = 600;

/** Creates the control paths, once for each cluster. */
export async function createControlPaths(cluster: StartedCluster, actors: Actors): Promise<readonly Line[]> {
  const endpoint = (name: string): Endpoint => {
    const found = actors.get(name);
    if (found === undefined) throw new Error(`no participant is called ${name}: see cast.ts`);
    return found;
  };
  const controls = new Map<string, SocketAddress>();
  const lines: Line[] = [];
  for (const flow of FLOWS) {
    const [from, to] = [endpoint(flow.from), endpoint(flow.to)];
    const host = to.addresses.find((address) => isIPv6(address) === (flow.family === 6));
    if (host === undefined) throw new Error(`${flow.to} has no address for ${flow.id}`);
    // Host endpoints police every interface of a node, that of a control as well.
    const far = flow.to.startsWith('node') ? 'outside/witness' : flow.to;
    const pair = `${flow.from} ${far}`;
    const control = controls.get(pair) ?? (await cluster.wire(from, endpoint(far)));
    controls.set(pair, control);
    lines.push({ flow, from, host, control });
  }
  return lines;
}

/** @param every milliseconds from one packet of a flow to the next */
export async function startProbes(lines: readonly Line[], every: number): Promise<Probes> {
  const started = await Promise.all(
    lines.map(async ({ flow, from, host, control }) => ({
      flow,
      probe: await from.flow(
        { host, port: flow.port, protocol: flow.protocol, control },
        { kind: flow.kind, every },
      ),
    })),
  );
  return {
    follow: (state) => follow(started, state),
    stop: () => Promise.all(started.map(async ({ flow, probe }) => ({ flow, tally: await probe.stop() }))),
  };
}

interface Started {
  readonly flow: FlowSpec;
  readonly probe: StartedFlow;
}

async function follow(started: readonly Started[], state: State): Promise<void> {
  let before = await tallies(started);
  let differing: readonly string[] = [];
  const look = async (): Promise<true | undefined> => {
    const now = await tallies(started);
    differing = started
      .filter((_, i) => !does(before[i], now[i], started[i]?.flow.isAllowed(state) === true))
      .map(({ flow }) => `${flow.id} should ${flow.isAllowed(state) ? 'pass' : 'be refused'}`);
    before = now;
    return differing.length === 0 || undefined;
  };
  await waitFor(look, {
    what: 'packets to do what the firewall says',
    within: FOLLOWS_WITHIN,
    every: WHILE_MS,
    explain: () => Promise.resolve(differing.join('\n')),
  });
}

const tallies = (started: readonly Started[]): Promise<readonly FlowTally[]> =>
  Promise.all(started.map(({ probe }) => probe.tally()));

function does(before: FlowTally | undefined, now: FlowTally | undefined, isAllowed: boolean): boolean {
  if (before === undefined || now === undefined) return false;
  const watched = now.controlled > before.controlled;
  const answered = now.answered > before.answered;
  return watched && (isAllowed ? answered && now.countedLosses === before.countedLosses : !answered);
}
