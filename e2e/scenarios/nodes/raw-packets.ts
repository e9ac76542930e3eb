/** Packets that no ordinary socket sends: raw-packets.pl does, and says what came back. */
import { expect } from '@jest/globals';
import { fileURLToPath } from 'node:url';
import { waitFor } from '../../local/wait.ts';
import type { NodeStage } from './stage.ts';

const PROGRAM = fileURLToPath(new URL('raw-packets.pl', import.meta.url));
const JUDGED = ['edge', 'worker'] as const;

const send = ({ cluster, endpoint }: NodeStage, from: string, ...args: readonly string[]): Promise<string> =>
  cluster.run(endpoint(from), ['perl', PROGRAM, ...args]);

/** What manifests/nodes-without-icmp.yaml makes of ICMP, of SCTP, and of who pretends to be the node itself. */
export async function expectRawPackets(stage: NodeStage): Promise<void> {
  for (const node of JUDGED) {
    const seen = Object.fromEntries(
      await Promise.all(
        ['world', 'trusted'].flatMap((from) =>
          ['echo', 'sctp'].flatMap((what) =>
            stage
              .node(node)
              .addresses.map(async (address) => [
                `${from} ${what} ${address.includes(':') ? 'IPv6' : 'IPv4'}`,
                await send(stage, from, what, address),
              ]),
          ),
        ),
      ),
    );
    expect({ node, ...seen }).toEqual({
      node,
      'world echo IPv4': 'silence',
      'world echo IPv6': 'answered', // another entry of the baseline
      'world sctp IPv4': 'silence',
      'world sctp IPv6': 'silence',
      'trusted echo IPv4': 'answered',
      'trusted echo IPv6': 'answered',
      'trusted sctp IPv4': 'answered',
      'trusted sctp IPv6': 'answered',
    });
    // From the nodes' own network: a router would drop it.
    await send(stage, 'control', 'loopback', stage.node(node).address, '9998');
    await waitFor(async () => (await countsLoopback(stage, node)) || undefined, {
      what: `a counter of default/nodes/loopback on ${node}`,
      within: 10_000,
    });
  }
}

/** `[3:99] … --comment` in iptables, `counter packets 3 … comment` in nftables. The kernel refuses such a packet as well, later on. */
async function countsLoopback(stage: NodeStage, node: string): Promise<boolean> {
  const lines = (await stage.node(node).packetFilter())
    .split('\n')
    .filter((line) => line.includes('default/nodes/loopback'));
  return lines.some((line) => /^\[[1-9]|packets [1-9]/.test(line));
}
