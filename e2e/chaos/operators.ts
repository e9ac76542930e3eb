/**
 * The replicas of the operator. Each has its own connection to the API server and its own wall clock, so a
 * fault can affect one of them.
 */
import { readFile, stat } from 'node:fs/promises';
import path from 'node:path';
import type { ApiServerRelay, StartedCluster } from '../cluster.ts';
import type { Api } from '../local/control-plane/api.ts';
import { waitFor } from '../wait.ts';
import { startOperator, type OperatorIdentity, type StartedOperator } from '../harness/operator-process.ts';
import { createWallClock, type WallClock } from './wall-clock.ts';

export interface Replica {
  readonly operator: StartedOperator;
  readonly relay: ApiServerRelay;
  readonly clock: WallClock;
}

export interface Operators {
  readonly identity: OperatorIdentity;
  /** Running replicas. One that was stopped with SIGSTOP counts. */
  all(): readonly Replica[];
  /** The holder of the Lease. */
  leader(): Promise<Replica>;
  /** Starts one more replica. Resolves when it is ready. */
  start(): Promise<Replica>;
  /** Sends the signal. Resolves when the replica has ended. */
  end(replica: Replica, signal: 'SIGKILL' | 'SIGTERM'): Promise<void>;
  /** Starts replicas up to the number that the Deployment requests. */
  replace(): Promise<void>;
  stop(): Promise<void>;
}

const REPLICAS = 2;
const LEADER_WITHIN = 90_000;

export function createOperators(cluster: StartedCluster, api: Api, identity: OperatorIdentity): Operators {
  const running = new Set<Replica>();
  let started = 0;
  const start = async (): Promise<Replica> => {
    started += 1;
    const name = `operator-${String(started)}`;
    const relay = await cluster.faults.relay();
    const clock = await createWallClock(path.join(cluster.workDir, `${name}.clock`));
    const operator = await startOperator(cluster, identity, { name, server: relay.server, env: clock.env });
    const replica = { operator, relay, clock };
    running.add(replica);
    return replica;
  };
  const end: Operators['end'] = async (replica, signal) => {
    running.delete(replica);
    replica.operator.kill(signal);
    await replica.operator.ended;
    await replica.relay[Symbol.asyncDispose]();
  };
  const replace = async (): Promise<void> => {
    while (running.size < REPLICAS) await start();
  };
  return {
    identity,
    all: () => [...running],
    leader: () => waitFor(() => leaderAmong(running, api, identity), LEADER),
    start,
    end,
    replace,
    stop: async () => {
      // A fault may have left one stopped by SIGSTOP, or disconnected.
      await Promise.all([...running].map((replica) => end(replica, 'SIGKILL')));
    },
  };
}

const LEADER = { what: 'the Lease to name a replica that runs', within: LEADER_WITHIN, every: 100 };

interface Leases {
  readonly items: readonly { readonly spec: { readonly holderIdentity?: string } }[];
}

async function leaderAmong(
  running: ReadonlySet<Replica>,
  api: Api,
  { namespace }: OperatorIdentity,
): Promise<Replica | undefined> {
  const path = `/apis/coordination.k8s.io/v1/namespaces/${namespace}/leases`;
  const { items } = (await api.get(path)) as Leases;
  const holders = items.map(({ spec }) => spec.holderIdentity ?? '');
  return [...running].find(({ operator: { name } }) =>
    holders.some((holder) => holder === name || holder.startsWith(`${name}_`)),
  );
}

export interface LogPosition {
  readonly file: string;
  readonly offset: number;
}

/** The current ends of all replicas' logs. */
export const logPositions = (operators: Operators): Promise<readonly LogPosition[]> =>
  Promise.all(
    operators
      .all()
      .map(async ({ operator: { logFile: file } }) => ({ file, offset: (await stat(file)).size })),
  );

export async function logSince({ file, offset }: LogPosition): Promise<string> {
  return (await readFile(file)).subarray(offset).toString('utf8');
}
