/** Random packets of one round, what the simulator says of each, and what becomes of it on the cluster. */
import { isIPv6 } from 'node:net';
import { fileURLToPath } from 'node:url';
import { PROTOCOL } from '../../src/calico/read/protocols.ts';
import { forEachLimit } from '../../src/cluster/parallel.ts';
import type { Header } from '../../src/simulator/packet.ts';
import type { Prepared } from '../../src/simulator/prepared.ts';
import type { Outcome } from '../../src/simulator/trail.ts';
import { walk, type Origin } from '../../src/simulator/walk.ts';
import type { ProbeResult } from '../cluster.ts';
import type { Random } from '../harness/random.ts';
import { nodeAddress } from '../local/addresses.ts';
import { NODE_PORTS, NODES, OUTSIDE, OUTSIDE_PORTS, POD_PORTS, PODS, type Cast } from './cast.ts';
import type { Focus } from './focus.ts';
import { chance } from './rules.ts';
import { CLUSTER_IPS, SERVICES } from './services.ts';

export type Sort = 'TCP' | 'UDP' | 'ICMP' | 'SCTP';

export interface Packet {
  /** `pod NAMESPACE/NAME`, `node NAME` or `outside NAME`. */
  readonly from: string;
  readonly to: string;
  readonly protocol: Sort;
  readonly port: number;
}

/** Any port that a prober uses (e2e/local/probes/source-port.ts). */
const SOURCE_PORT = 40_000;
/** raw-packets.pl sends SCTP to this port. */
const SCTP_PORT = 9999;

const bySort = (ports: { readonly tcp: readonly number[]; readonly udp: readonly number[] }) => [
  ...ports.tcp.map((port) => ['TCP', port] as const),
  ...ports.udp.map((port) => ['UDP', port] as const),
];

interface Target {
  readonly addresses: readonly string[];
  readonly ports: readonly (readonly ['TCP' | 'UDP', number])[];
  /** False where kube-proxy answers, and no raw packet arrives. */
  readonly raw: boolean;
}

export interface Addresses {
  of(name: string): readonly string[];
}

/** The lean of half of the packets of a focus. */
const LEANING: Partial<Record<Focus, 'raw' | 'node to itself' | 'host' | 'Service'>> = {
  ICMP: 'raw',
  lo: 'node to itself',
  'hosts after NAT': 'host',
  'services by address': 'Service',
};

export function randomPacket(random: Random, addresses: Addresses, focus: Focus): Packet {
  const leaning = chance(random, 50) ? LEANING[focus] : undefined;
  const kind = leaning === 'node to itself' ? 60 : random.between(1, 100);
  const pod = (): string => {
    const { namespace, name } = random.pick(PODS);
    return `pod ${namespace}/${name}`;
  };
  const node = (): string => `node ${random.pick(NODES).name}`;
  const outside = (): string => `outside ${random.pick(OUTSIDE).name}`;
  const from = kind <= 55 ? pod() : kind <= 77 ? node() : outside();
  const target = randomTarget(random, addresses, from, { pod, node, outside }, leaning);
  const to = random.pick(target.addresses);
  if (target.raw && (leaning === 'raw' || chance(random, 6))) {
    const protocol = random.pick(['ICMP', 'ICMP', 'SCTP'] as const);
    return { from, to, protocol, port: protocol === 'SCTP' ? SCTP_PORT : 0 };
  }
  const [protocol, port] = random.pick(target.ports);
  return { from, to, protocol, port };
}

function randomTarget(
  random: Random,
  addresses: Addresses,
  from: string,
  make: { readonly pod: () => string; readonly node: () => string; readonly outside: () => string },
  leaning: string | undefined,
): Target {
  const kind = targetKind(random, leaning);
  if (leaning === 'node to itself')
    return { addresses: addresses.of(from), ports: bySort(NODE_PORTS), raw: true };
  const isOutside = from.startsWith('outside');
  if (kind <= 50) {
    let to = make.pod();
    while (to === from) to = make.pod();
    return { addresses: addresses.of(to), ports: bySort(POD_PORTS), raw: true };
  }
  if (kind <= 68) return { addresses: addresses.of(make.node()), ports: bySort(NODE_PORTS), raw: true };
  const { name, protocol, port, nodePort, externalIPs = [] } = random.pick(SERVICES);
  const [index] = [random.between(1, NODES.length)];
  const { v4, v6 } = nodeAddress(index);
  const byNodePort = { addresses: [v4, v6], ports: [[protocol, nodePort] as const], raw: false };
  if (isOutside) return byNodePort;
  if (kind <= 78) return { addresses: addresses.of(make.outside()), ports: bySort(OUTSIDE_PORTS), raw: true };
  if (kind <= 85) return byNodePort;
  const clusterIPs = CLUSTER_IPS.get(name) ?? [];
  const own = externalIPs.length > 0 && chance(random, 50) ? externalIPs : clusterIPs;
  return { addresses: own, ports: [[protocol, port]], raw: false };
}

function targetKind(random: Random, leaning: string | undefined): number {
  if (leaning === 'Service') return random.between(79, 100);
  if (leaning === 'host') return random.pick([60, 60, 90, 90, 81]);
  return random.between(1, 100);
}

const NUMBERS = { TCP: PROTOCOL.TCP, UDP: PROTOCOL.UDP, SCTP: PROTOCOL.SCTP } as const;

/** The function that follows a packet. */
export interface Simulator {
  readonly walk: typeof walk;
}

export function headerOf({ to, protocol, port }: Packet): Header {
  const family = isIPv6(to) ? 6 : 4;
  const isIcmp = protocol === 'ICMP';
  return {
    family,
    protocol: protocol === 'ICMP' ? (family === 4 ? PROTOCOL.ICMP : PROTOCOL.ICMPv6) : NUMBERS[protocol],
    sourcePort: isIcmp ? 0 : SOURCE_PORT,
    port,
    icmpType: isIcmp ? (family === 4 ? 8 : 128) : 0,
    icmpCode: 0,
    state: 'new',
  };
}

/** @param sources addresses of the sender */
export function simulate(
  prepared: Prepared,
  packet: Packet,
  sources: readonly string[],
  simulator: Simulator = { walk },
): Outcome {
  const { from, to, port } = packet;
  const header = headerOf(packet);
  const origin = originOf(prepared, from, to);
  const own = origin.kind === 'node' ? '' : sources.find((each) => isIPv6(each) === (header.family === 6));
  if (own === undefined) throw new Error(`${from} has no address of the family of ${to}`);
  return simulator.walk(prepared, origin, header, { source: own, destination: to, port });
}

function originOf(prepared: Prepared, from: string, to: string): Origin {
  const [kind, name = ''] = from.split(' ');
  if (kind === 'pod') {
    const pod = prepared.pod(name);
    if (pod === undefined) throw new Error(`no pod ${name}`);
    return { kind: 'pod', pod };
  }
  // A packet from outside comes in at the node that has the address, or the pod.
  const place = prepared.placeOf(to);
  const at = kind === 'node' ? name : place?.kind === 'pod' ? place.pod.node : place?.node.node.name;
  const node = prepared.node(at ?? '');
  if (node === undefined) throw new Error(`${to} is behind no node`);
  return kind === 'node' ? { kind: 'node', node } : { kind: 'outside', at: node };
}

const RAW = fileURLToPath(new URL('../harness/raw-packets.pl', import.meta.url));
const AT_ONCE = 80;

export type Seen = 'Allowed' | 'Denied' | 'unclear';

export interface Sight {
  readonly seen: Seen;
  /** The source that the far end saw. */
  readonly source?: string;
  readonly detail?: string;
  /** Until the answer, where there was one. */
  readonly milliseconds?: number;
}

/** @param patience milliseconds for the answer */
async function send(cast: Cast, { from, to, protocol, port }: Packet, patience: number): Promise<Sight> {
  const endpoint = cast.endpoint(from);
  if (protocol === 'ICMP' || protocol === 'SCTP') {
    const what = protocol === 'ICMP' ? 'echo' : 'sctp';
    const command = ['env', 'TRIES=1', 'perl', RAW, what, to];
    const answer = await cast.cluster.run(endpoint, command).catch((error: unknown) => String(error));
    if (answer === 'answered') return { seen: 'Allowed' };
    // The kernel's error for a sender whose own packet filter dropped the packet.
    const isDropped = answer === 'silence' || answer.includes('Operation not permitted');
    return isDropped ? { seen: 'Denied' } : { seen: 'unclear', detail: answer };
  }
  return sightOf(await endpoint.probe({ host: to, port, protocol }, { timeout: patience }));
}

function sightOf(result: ProbeResult): Sight {
  switch (result.verdict) {
    case 'allowed':
      return {
        seen: 'Allowed',
        milliseconds: result.milliseconds,
        ...(result.seenFrom !== undefined && { source: result.seenFrom.address }),
      };
    case 'refused':
      return { seen: 'Denied' };
    case 'inconclusive':
      // kube-proxy rejects what goes to a Service without endpoints.
      return { seen: 'unclear', detail: result.error };
  }
}

export async function sendAll(
  cast: Cast,
  packets: readonly Packet[],
  patience: (packet: Packet) => number,
): Promise<readonly Sight[]> {
  const sights = new Array<Sight>(packets.length).fill({ seen: 'unclear' });
  await forEachLimit(packets.entries(), AT_ONCE, async ([index, packet]) => {
    sights[index] = await send(cast, packet, patience(packet));
  });
  return sights;
}
