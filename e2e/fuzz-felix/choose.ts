/** The packets of a round. Most random packets meet no rare feature, so some are chosen for one. */
import { Prepared } from '../../src/simulator/prepared.ts';
import type { Outcome } from '../../src/simulator/trail.ts';
import type { Random } from '../harness/random.ts';
import type { Expected } from './compare.ts';
import { decisive, type Scene } from './coverage.ts';
import type { Feature } from './features.ts';
import type { Focus } from './focus.ts';
import { randomPacket, simulate } from './packets.ts';

/** Those that decide about fewer than three of a hundred random packets. */
const RARE: readonly Feature[] = [
  'missing tier',
  'DNAT in nftables mode',
  'notSelector',
  'notProtocol',
  'natOutgoing',
  'order absent',
  'order of policies',
  'ties of order',
  'ICMP',
  'ICMP types',
  'AdminNetworkPolicy',
  'BaselineAdminNetworkPolicy',
  'failsafes inbound',
  'failsafes outbound',
  'external IPs',
  'externalTrafficPolicy Local',
  'internalTrafficPolicy Local',
  'ipVersion',
  'two host endpoints for one interface',
  'host endpoint lo',
  'host endpoint by address',
  'host endpoint by name',
  'preDNAT',
  'preDNAT Allow is final',
  'applyOnForward',
  'host egress',
  'VXLAN',
  'source ports',
  'notNets',
  'notPorts',
  'named ports',
  'NetworkSet',
  'GlobalNetworkSet',
  'services as source',
  'services as destination',
];

/** For each packet that is sent. */
const CANDIDATES = 5;

export interface Chosen {
  readonly expected: readonly Expected[];
  /** Candidates whose fate depends on kube-proxy's dice. They are not sent. */
  readonly undecided: number;
}

export interface Choice {
  readonly scene: Scene;
  readonly focus: Focus;
  readonly count: number;
}

/** No packet is there twice. */
export function choose(random: Random, { scene, focus, count }: Choice): Chosen {
  const { world, addresses } = scene;
  const prepared = new Prepared(world);
  const candidates = new Map<string, Expected>();
  for (let drawn = 0; drawn < count * CANDIDATES; drawn++) {
    const packet = randomPacket(random, addresses, focus);
    const key = Object.values(packet).join(' ');
    if (candidates.has(key)) continue;
    candidates.set(key, { packet, outcome: simulate(prepared, packet, addresses.of(packet.from)) });
  }
  const decided = [...candidates.values()].filter(({ outcome }) => !isUndecided(outcome));
  const chosen = new Set<Expected>();
  const share = Math.ceil(count / 15);
  for (const feature of random.shuffle(RARE)) {
    for (const each of decisive(scene, feature, decided).slice(0, share)) chosen.add(each);
  }
  for (const each of decided) chosen.add(each);
  return {
    expected: [...chosen].slice(0, count),
    undecided: candidates.size - decided.length,
  };
}

const isUndecided = ({ decisive: { layer, decision } }: Outcome): boolean =>
  layer === 'Service' && decision.verdict === 'Unknown';
