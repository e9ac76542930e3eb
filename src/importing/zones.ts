/** Packets that were let in → zones of nodes. */
import type { Nodes, Peer, Zone } from '../api/schema.ts';
import {
  addressesOf,
  cidrsOf,
  EVERYONE,
  everyoneOf,
  FAMILIES,
  type Family,
  type Known,
  NODES,
  nodesOf,
  NO_SOURCES,
  ofCidr,
  PODS,
  podsOf,
  WORLD,
} from './addresses.ts';
import type { Opening } from './boxes.ts';
import { Blocks } from './blocks.ts';
import { Names } from './names.ts';
import { ImportError, type SourceLine } from './result.ts';
import { covers, intersect, keyOf, overlap, type Spans, subtract, union } from './spans.ts';
import { allowsOf, decided } from './traffic.ts';

interface Refusal {
  readonly sources: Spans;
  readonly line: SourceLine;
}

interface NodeRules {
  readonly nodes: Pick<Nodes, 'blocked' | 'zones'>;
  readonly peers: readonly Peer[];
  readonly behind: ReadonlyMap<string, readonly SourceLine[]>;
}

type From = Zone['from'];

const MAX_ZONES = 100;

/** @throws ImportError where the API has no room for them */
export function zonesOf(openings: readonly Opening[], refusals: readonly Refusal[], known: Known): NodeRules {
  const boxes = openings
    .map((box) => ({ ...box, traffic: decided(box.traffic) }))
    .filter(({ traffic }) => traffic.length > 0);
  const blocked = refusals.filter(({ sources }) => !boxes.some((box) => overlap(box.sources, sources)));
  const ignored = ignoredOf(
    known,
    blocked.map(({ sources }) => sources),
  );
  const writer = new Writer(ignored, union(...[...(known.pods ?? []), ...(known.nodes ?? [])].map(ofCidr)));
  const entries = writer.blocks.entries(
    union(...blocked.map(({ sources }) => sources)),
    'blocked',
    blocked.map(({ line }) => line),
  );
  for (const box of merged(boxes, ignored)) writer.zone(box);
  if (writer.zones.length > MAX_ZONES)
    throw new ImportError(
      `these rules need ${String(writer.zones.length)} zones, and a ClusterFirewall has at most ${String(MAX_ZONES)}: join rules with the same ports or sources first`,
    );
  return {
    nodes: {
      ...(entries.length > 0 && { blocked: entries }),
      ...(writer.zones.length > 0 && { zones: [...writer.zones] }),
    },
    peers: writer.blocks.peers,
    behind: writer.behind,
  };
}

/** Sources that send nothing, or are refused before zones are asked. */
function ignoredOf(known: Known, blocked: readonly Spans[]): Spans {
  const absent = FAMILIES.flatMap((family) => [
    ...(isWithout(known.pods, family) ? [podsOf(family)] : []),
    ...(isWithout(known.nodes, family) ? [nodesOf(family)] : []),
  ]);
  return union(
    NO_SOURCES,
    ...blocked,
    ...absent,
    ...(known.ipv4Only ? [everyoneOf(6)] : []),
    ...(known.services ?? []).map(ofCidr),
  );
}

const isWithout = (cidrs: Known['pods'], family: Family): boolean =>
  cidrs !== undefined && !cidrs.some((each) => each.family === family);

/** Joins what has the same sources, then what has the same ports. */
function merged(boxes: readonly Opening[], ignored: Spans): readonly Opening[] {
  const perFamily = FAMILIES.flatMap((family) =>
    boxes.flatMap((box) => {
      const sources = intersect(box.sources, addressesOf(family));
      const destinations = intersect(box.destinations, addressesOf(family));
      if (sources.length === 0 || destinations.length === 0) return [];
      return [{ ...box, sources: withIgnored(sources, family, ignored), destinations }];
    }),
  );
  const bySources = ({ sources, destinations }: Opening): string =>
    `${keyOf(sources)} ${destinationKey(destinations)}`;
  const addresses = paired(join(perFamily, bySources));
  const byDestination = Map.groupBy([...addresses, ...points(boxes, ignored)], ({ destinations }) =>
    destinationKey(destinations),
  );
  return join(
    [...byDestination.values()].flatMap((group) => withEveryone(group, ignored)),
    ({ destinations, traffic }) => `${destinationKey(destinations)} ${keyOf(traffic)}`,
  );
}

/** The traffic that pods and nodes have in every family that they have. */
function points(boxes: readonly Opening[], ignored: Spans): readonly Opening[] {
  const found: Opening[] = [];
  for (const point of [podsOf, nodesOf])
    for (const [key, group] of Map.groupBy(boxes, ({ destinations }) => destinationKey(destinations))) {
      const families = FAMILIES.filter(
        (family) =>
          !covers(ignored, point(family)) &&
          (key === '' || group.some(({ destinations }) => overlap(destinations, addressesOf(family)))),
      );
      const own = families.map((family) =>
        group.filter(
          ({ sources, destinations }) =>
            overlap(sources, point(family)) && overlap(destinations, addressesOf(family)),
        ),
      );
      const [first, ...more] = own.map((list) => union(...list.map(({ traffic }) => traffic)));
      const traffic = more.reduce(intersect, first ?? []);
      if (traffic.length === 0) continue;
      found.push({
        sources: union(...FAMILIES.map(point)),
        destinations: union(...group.map(({ destinations }) => destinations)),
        traffic,
        lines: [
          ...new Set(
            own
              .flat()
              .filter((box) => overlap(box.traffic, traffic))
              .flatMap(({ lines }) => lines),
          ),
        ],
      });
    }
  return found;
}

/** The traffic that the world, pods and nodes have is that of everyone. */
function withEveryone(group: readonly Opening[], ignored: Spans): readonly Opening[] {
  const parts = [WORLD, PODS, NODES]
    .filter((each) => !covers(ignored, each))
    .map((each) => group.find(({ sources }) => covers(union(sources, ignored), each)));
  const [first, ...more] = parts;
  if (first === undefined) return group;
  const traffic = more.reduce((common, part) => intersect(common, part?.traffic ?? []), first.traffic);
  const everyone = {
    sources: EVERYONE,
    destinations: first.destinations,
    traffic,
    lines: [...new Set(parts.flatMap((part) => part?.lines ?? []))],
  };
  const rest = group.map((box) =>
    parts.includes(box) ? { ...box, traffic: subtract(box.traffic, traffic) } : box,
  );
  return [everyone, ...rest].filter((box) => box.traffic.length > 0);
}

/** Sources of which only ignored ones are missing are everybody of their family. */
const withIgnored = (sources: Spans, family: Family, ignored: Spans): Spans => {
  const more = intersect(ignored, addressesOf(family));
  return covers(union(sources, more), addressesOf(family)) ? union(sources, more) : subtract(sources, more);
};

/** Every address of either family is no limit. */
const destinationKey = (destinations: Spans): string =>
  FAMILIES.map((family) => {
    const own = intersect(destinations, addressesOf(family));
    return covers(own, addressesOf(family)) ? '' : cidrsOf(own, family).join();
  })
    .join(' ')
    .trim();

function join(boxes: readonly Opening[], key: (box: Opening) => string): readonly Opening[] {
  const groups = new Map<string, Opening>();
  for (const box of boxes) {
    const known = groups.get(key(box));
    groups.set(
      key(box),
      known === undefined
        ? box
        : {
            sources: union(known.sources, box.sources),
            destinations: union(known.destinations, box.destinations),
            traffic: union(known.traffic, box.traffic),
            lines: [...new Set([...known.lines, ...box.lines])],
          },
    );
  }
  return [...groups.values()];
}

/** The traffic that everybody of IPv4 and everybody of IPv6 may reach, as one. */
function paired(boxes: readonly Opening[]): readonly Opening[] {
  const isAll =
    (family: Family) =>
    (box: Opening): boolean =>
      covers(box.sources, addressesOf(family)) && destinationKey(box.destinations) === '';
  const [four, six] = [boxes.find(isAll(4)), boxes.find(isAll(6))];
  if (four === undefined || six === undefined || four === six) return boxes;
  const lines = [...new Set([...four.lines, ...six.lines])];
  const common = {
    sources: union(four.sources, six.sources),
    destinations: union(four.destinations, six.destinations),
    traffic: intersect(four.traffic, six.traffic),
    lines,
  };
  return [
    common,
    { ...four, traffic: subtract(four.traffic, six.traffic) },
    { ...six, traffic: subtract(six.traffic, four.traffic) },
    ...boxes.filter((box) => box !== four && box !== six),
  ].filter(({ traffic }) => traffic.length > 0);
}

class Writer {
  readonly zones: Zone[] = [];
  readonly behind: Map<string, readonly SourceLine[]>;
  readonly blocks: Blocks;
  readonly #ignored: Spans;
  readonly #names = new Names();

  constructor(ignored: Spans, pods: Spans) {
    this.#ignored = ignored;
    this.blocks = new Blocks(ignored, pods, this.#names);
    this.behind = this.blocks.behind;
  }

  zone({ sources, destinations, traffic, lines }: Opening): void {
    const from = this.#from(sources, lines);
    if (from.length === 0) return;
    const addresses = FAMILIES.flatMap((family) => {
      const own = intersect(destinations, addressesOf(family));
      return covers(own, addressesOf(family)) ? [] : cidrsOf(own, family);
    });
    for (const allow of allowsOf(traffic)) {
      const name = this.#names.ofZone(from, allow);
      this.zones.push({ name, from, allow, ...(addresses.length > 0 && { addresses }) });
      this.behind.set(name, lines);
    }
  }

  #from(sources: Spans, lines: readonly SourceLine[]): From {
    const whole = union(sources, this.#ignored);
    if (covers(whole, EVERYONE)) return [{ entity: 'Everyone' }];
    const from: From = [];
    if (covers(whole, WORLD)) from.push({ entity: 'World' });
    else from.push(...this.blocks.entries(sources, 'addresses', lines));
    if (overlap(sources, PODS) && covers(whole, PODS)) from.push({ entity: 'Pods' });
    if (overlap(sources, NODES) && covers(whole, NODES)) from.push({ entity: 'Nodes' });
    return from;
  }
}
