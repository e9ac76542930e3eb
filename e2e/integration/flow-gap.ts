/** Flows between two endpoints while a test disturbs their packets. */
import { execFileSync } from 'node:child_process';
import { setTimeout as delay } from 'node:timers/promises';
import type { Endpoint, FlowOptions, FlowTally, StartedCluster, StartedFlow, Transport } from '../cluster.ts';
import { inNamespace } from '../local/process/netns.ts';
import { waitFor } from '../wait.ts';

export interface Sent extends Required<Pick<FlowOptions, 'kind'>> {
  readonly protocol: Transport;
  readonly family: 4 | 6;
}

interface Sending {
  readonly cluster: StartedCluster;
  readonly from: Endpoint;
  /** Listens on 80/TCP and 53/UDP. */
  readonly to: Endpoint;
  readonly how: readonly Sent[];
}

export type Happens = (flows: readonly StartedFlow[]) => Promise<void>;

const SEEN_WITHIN = 20_000;

/** The flows are observed to work before and after the disturbance. */
export async function sendWhile(
  { cluster, from, to, how }: Sending,
  happens: Happens,
): Promise<readonly FlowTally[]> {
  const control = await cluster.wire(from, to);
  const flows = await Promise.all(
    how.map(({ protocol, family, kind }) => {
      const host = to.addresses[family === 4 ? 0 : 1] ?? '';
      const port = protocol === 'TCP' ? 80 : 53;
      return from.flow({ host, port, protocol, control }, { kind });
    }),
  );
  await seen(flows, 20);
  await happens(flows);
  await seen(flows, 20);
  return Promise.all(flows.map((flow) => flow.stop()));
}

/** Waits until this many more packets of each flow are decided. */
export async function seen(flows: readonly StartedFlow[], packets: number): Promise<void> {
  const each = flows.map(async (flow) => {
    const { controlled } = await flow.tally();
    await waitFor(async () => (await flow.tally()).controlled >= controlled + packets || undefined, {
      what: `${packets} packets to be controlled`,
      within: SEEN_WITHIN,
    });
  });
  await Promise.all(each);
}

/** Stops all forwarding on the node for this many milliseconds. */
export async function gap(cluster: StartedCluster, node: string, milliseconds: number): Promise<void> {
  const nft = (input: string): void => {
    execFileSync('ip', [...inNamespace(`cfw-${cluster.name}-${node}`, 'nft', ['-f', '-'])], { input });
  };
  nft(`
    add table inet gap
    add chain inet gap everything { type filter hook forward priority -300; }
    add rule inet gap everything drop
  `);
  await delay(milliseconds);
  nft('delete table inet gap');
}
