/** The operator of a test that it does not survive. */
import type { StartedCluster } from '../../cluster.ts';
import {
  startOperator,
  type OperatorIdentity,
  type StartedOperator,
} from '../../harness/operator-process.ts';

export interface Operators extends AsyncDisposable {
  /** SIGKILL. Resolves when another operator works in its place. */
  kill(): Promise<void>;
  /** Starts a newer one next to it. The older one gets SIGTERM as soon as `amid` is done. */
  upgrade(amid: () => Promise<unknown>): Promise<void>;
  /** Resolves when another one is ready afterwards. */
  whileDown(work: () => Promise<void>): Promise<void>;
}

export async function createOperators(
  cluster: StartedCluster,
  identity: OperatorIdentity,
): Promise<Operators> {
  let count = 0;
  const start = (): Promise<StartedOperator> =>
    startOperator(cluster, identity, { name: `operator-${String(++count)}` });
  let operator = await start();
  return {
    kill: async () => {
      operator.kill('SIGKILL');
      await operator.ended;
      await forgetLeader(cluster, identity);
      operator = await start();
    },
    upgrade: async (amid) => {
      const newer = await start();
      const older = operator;
      operator = newer;
      await amid();
      await older.stop();
    },
    whileDown: async (work) => {
      await operator.stop();
      await work();
      operator = await start();
    },
    [Symbol.asyncDispose]: async () => {
      await operator.stop();
    },
  };
}

/**
 * A dead operator keeps the lead for 15 seconds, which is tested elsewhere (e2e/chaos). Here it gives it up, as
 * one that is stopped does. The Lease stays: its annotation proves which policies of namespaces are ours.
 */
async function forgetLeader(cluster: StartedCluster, { namespace }: OperatorIdentity): Promise<void> {
  const none = JSON.stringify({ spec: { holderIdentity: '' } });
  await cluster.kubectl([
    ...['patch', 'lease', 'clusterfirewall', '--namespace', namespace],
    ...['--type', 'merge', '--patch', none],
  ]);
}
