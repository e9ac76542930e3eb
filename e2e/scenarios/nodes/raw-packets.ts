/** Packets that no ordinary socket sends: raw-packets.pl does, and says what came back. */
import { expect } from '@jest/globals';
import { fileURLToPath } from 'node:url';
import type { NodeStage } from './stage.ts';

const PROGRAM = fileURLToPath(new URL('raw-packets.pl', import.meta.url));
const JUDGED = ['edge', 'worker'] as const;

const send = (stage: NodeStage, from: string, ...args: readonly string[]): Promise<string> =>
  stage.cluster.run(stage.endpoint(from), ['perl', PROGRAM, ...args]);

/** What manifests/nodes-without-icmp.yaml makes of ICMP and of SCTP. */
export async function expectRawPackets(stage: NodeStage): Promise<void> {
  for (const node of JUDGED) {
    const seen: Readonly<Record<string, string>> = Object.fromEntries(
      await Promise.all(
        ['world', 'trusted'].flatMap((from) =>
          ['echo', 'sctp'].flatMap((what) =>
            stage
              .node(node)
              .addresses.map(async (address): Promise<readonly [string, string]> => [
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
  }
}
