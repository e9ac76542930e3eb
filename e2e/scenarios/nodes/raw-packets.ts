/** Packets that no ordinary socket sends. e2e/harness/raw-packets.pl sends them, and prints the answers. */
import { expect } from '@jest/globals';
import { fileURLToPath } from 'node:url';
import { counted } from './counted.ts';
import type { NodeStage } from './stage.ts';

const PROGRAM = fileURLToPath(new URL('../../harness/raw-packets.pl', import.meta.url));
const ENFORCED = ['edge', 'worker'] as const;
const FORGER = 'control';

const send = (stage: NodeStage, from: string, ...args: readonly string[]): Promise<string> =>
  stage.cluster.run(stage.endpoint(from), ['perl', PROGRAM, ...args]);

/** The effect of manifests/nodes-without-icmp.yaml on ICMP and SCTP. */
export async function expectRawPackets(stage: NodeStage): Promise<void> {
  for (const node of ENFORCED) {
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
      'world echo IPv6': 'answered', // This is another entry of the baseline.
      'world sctp IPv4': 'silence',
      'world sctp IPv6': 'silence',
      'trusted echo IPv4': 'answered',
      'trusted echo IPv6': 'answered',
      'trusted sctp IPv4': 'answered',
      'trusted sctp IPv6': 'answered',
    });
  }
}

/**
 * From a machine on the same network, because no router would pass it on. Only in IPv4: the kernel drops
 * packets that claim to be from ::1 before any packet filter (ip6_rcv_core).
 */
export async function expectForgedLoopback(stage: NodeStage): Promise<void> {
  const { ifindex } = await linkOf(stage, FORGER);
  for (const node of ENFORCED) {
    const { address: mac } = await linkOf(stage, node);
    await send(stage, FORGER, 'forged', stage.node(node).address, mac, String(ifindex));
    await counted(stage.node(node), { rule: 'default/nodes/loopback', verdict: 'Dropped', where: 'ports' });
  }
}

interface Link {
  readonly ifindex: number;
  /** MAC. */
  readonly address: string;
}

async function linkOf(stage: NodeStage, node: string): Promise<Link> {
  const text = await stage.cluster.run(stage.endpoint(node), ['ip', '-json', 'link', 'show', 'dev', 'eth0']);
  const [link] = JSON.parse(text) as readonly Link[];
  if (link === undefined) throw new Error(`${node} has no eth0`);
  return link;
}

/** IGMP, IP-in-IP, GRE, ESP, AH, OSPF, VRRP: by number, with the sources that manifests/nodes-protocols.yaml lets in. */
const PROTOCOLS: Readonly<Record<string, readonly string[]>> = {
  '2': ['trusted'],
  '4': ['trusted'],
  '47': ['office', 'trusted'],
  '50': ['trusted', 'worker'],
  '51': ['trusted', 'worker'],
  '89': ['office', 'trusted'],
  '112': ['worker'],
};
const SENDERS = ['office', 'trusted', 'world', 'worker'];
const HEARING_S = 8;

/** Raw sockets on a node hear the packets of each protocol that its packet filter lets in, in both IP families. */
export async function expectProtocols(stage: NodeStage): Promise<void> {
  const numbers = Object.keys(PROTOCOLS);
  for (const address of stage.node('edge').addresses) {
    const isSix = address.includes(':');
    const from = (name: string): string =>
      stage.endpoint(name).addresses.find((each) => each.includes(':') === isSix) ?? '';
    const [heard] = await Promise.all([
      send(stage, 'edge', 'hear', address, String(HEARING_S), ...numbers),
      ...SENDERS.map((name) => send(stage, name, 'send', address, String(HEARING_S - 2), ...numbers)),
    ]);
    const names = new Map(SENDERS.map((name) => [from(name), name]));
    const seen = heard
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => line.split(' '))
      .flatMap(([protocol = '', sender = '']) =>
        names.has(sender) ? [`${protocol} ${names.get(sender)}`] : [],
      );
    const expected = Object.entries(PROTOCOLS).flatMap(([protocol, sources]) =>
      sources.map((name) => `${protocol} ${name}`),
    );
    expect({ address, seen: seen.toSorted() }).toEqual({ address, seen: expected.toSorted() });
  }
}
