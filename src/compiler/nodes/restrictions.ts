/** The ports of nodes that are refused to pods at the pods, to which pods, and at which destinations. */
import type { PortValue } from '../../api/schema.ts';
import { MAX_SELECTOR } from '../../calico/limits.ts';
import type { Selector } from '../../calico/selector.ts';
import type { Cidr } from '../../net/cidr.ts';
import { formatCidr, parseAddress, unionCidrs } from '../../net/cidr.ts';
import { formatPort } from '../../net/ports.ts';
import { knownOr } from '../../inventory/known.ts';
import { PRIVILEGED } from './baseline.ts';
import type { NodeContext, OpenPort } from './context.ts';
import { outsidePorts, type OutsidePorts } from './outside-ports.ts';
import { covers, namedRangesOf, piecesOf, type PortRange, rangesOf } from './port-ranges.ts';

/** The destinations at which a port is refused. */
export interface Where {
  /** False: at known addresses of nodes only. True: wherever no pod answers. */
  readonly isByPort: boolean;
  /** Addresses outside that stay open, besides those of nodes. */
  readonly except: readonly Cidr[];
}

export interface Restriction {
  /** Pods to which the ports are not refused. */
  readonly except: readonly Selector[];
  readonly refused: readonly { readonly where: Where; readonly ports: readonly PortValue[] }[];
}

/** The ports that nodes let in. `zones` are a part of `all`. */
export interface Openings {
  readonly all: readonly OpenPort[];
  readonly zones: readonly OpenPort[];
}

/**
 * Refuses the ports that only the control plane reaches, each port that nodes give to certain pods, and each
 * port that zones give to certain addresses or nodes and no zone to the world. A port that is open to every pod
 * is refused to none.
 */
export function restrictionsOf(openings: Openings, context: NodeContext): readonly Restriction[] {
  const outside = outsidePorts(context.firewalls);
  const apiServers = apiServersOutside(context.inventory);
  const byExcept = new Map<string, PerExcept>();
  for (const { piece, isPrivileged, pods } of restrictedPorts(openings, context)) {
    const { isAnywhere, nets } = namedFor(piece, outside);
    // A port such as 443 is one of the Internet as well.
    const isByPort = isPrivileged || (!isAnywhere && context.enforcement.deny.egress);
    const except = isPrivileged ? nets : unionCidrs([...nets, ...apiServers]);
    const where = isByPort ? { isByPort, except } : { isByPort, except: [] };
    const perExcept = entry(byExcept, JSON.stringify([...pods.keys()]), () => ({
      except: [...pods.values()],
      refused: new Map<string, Refused>(),
    }));
    const key = JSON.stringify([isByPort, where.except.map(formatCidr)]);
    entry(perExcept.refused, key, () => ({ where, ports: [] })).ports.push(formatPort(piece));
  }
  return [...byExcept.entries()].sort(byKey).map(([, { except, refused }]) => ({
    except,
    refused: [...refused.entries()].sort(byKey).map(([, each]) => each),
  }));
}

interface PerExcept {
  readonly except: readonly Selector[];
  readonly refused: Map<string, Refused>;
}

interface Refused {
  readonly where: Where;
  readonly ports: PortValue[];
}

function entry<T>(map: Map<string, T>, key: string, make: () => T): T {
  const found = map.get(key) ?? make();
  map.set(key, found);
  return found;
}

const byKey = ([a]: readonly [string, unknown], [b]: readonly [string, unknown]): number => (a < b ? -1 : 1);

interface RestrictedPort {
  readonly piece: PortRange;
  /** True for a port that only the control plane reaches. */
  readonly isPrivileged: boolean;
  /** Pods that may reach it. The keys are their JSON. */
  readonly pods: ReadonlyMap<string, Selector>;
}

function restrictedPorts({ all, zones }: Openings, { services }: NodeContext): readonly RestrictedPort[] {
  const privileged = PRIVILEGED.flatMap((name) => rangesOf(services(name)));
  const opened = all.flatMap(openedOf);
  const toPods = opened.filter(({ pods }) => pods.size > 0);
  const [toWorld, toSome] = partition(zones.flatMap(openedOf), ({ isWorld }) => isWorld);
  const opens = (piece: PortRange) => (each: Opened) => each.isEveryPort || covers(each.ranges, piece);
  const restricted = [...privileged, ...[...toPods, ...toSome].flatMap(({ restricts }) => restricts)];
  const edges = opened.flatMap(({ ranges }) => ranges);
  return piecesOf([...restricted, ...edges]).flatMap((piece) => {
    if (!covers(restricted, piece)) return [];
    const here = opened.filter(opens(piece));
    if (here.some(({ isEveryPod }) => isEveryPod)) return [];
    const isPrivileged = covers(privileged, piece);
    const isForEveryone = toWorld.some((each) => each.isEverywhere && opens(piece)(each));
    const isForPods = toPods.some(({ restricts }) => covers(restricts, piece));
    return isPrivileged || isForPods || !isForEveryone ? [{ piece, isPrivileged, pods: podsOf(here) }] : [];
  });
}

const partition = <T>(
  all: readonly T[],
  test: (each: T) => boolean,
): readonly [readonly T[], readonly T[]] => [all.filter(test), all.filter((each) => !test(each))];

/** The API server of a managed cluster, which every pod with a rule for it reaches. */
function apiServersOutside({ apiServerEndpoints, nodes }: NodeContext['inventory']): readonly Cidr[] {
  const ofNodes = new Set(knownOr(nodes, []).flatMap(({ addresses }) => addresses));
  return knownOr(apiServerEndpoints, [])
    .filter((address) => !ofNodes.has(address))
    .map(parseAddress);
}

type Named = Pick<OutsidePorts, 'isAnywhere' | 'nets'>;

function namedFor(piece: PortRange, outside: readonly OutsidePorts[]): Named {
  const naming = outside.filter(({ ranges }) => covers(ranges, piece));
  return {
    isAnywhere: naming.some(({ isAnywhere }) => isAnywhere),
    nets: unionCidrs(naming.flatMap(({ nets }) => nets)),
  };
}

/** Ports that a node opens, read once: each is compared with each port that anything opens. */
interface Opened {
  readonly isEveryPort: boolean;
  readonly ranges: readonly PortRange[];
  /** The ranges that others may not reach because of it. */
  readonly restricts: readonly PortRange[];
  readonly isEveryPod: boolean;
  readonly isWorld: boolean;
  readonly isEverywhere: boolean;
  /** The keys are their JSON. */
  readonly pods: ReadonlyMap<string, Selector>;
}

function openedOf({ ports, sources, isEverywhere, isBroad }: OpenPort): readonly Opened[] {
  if (sources === 'anyone') return [];
  return [
    {
      isEveryPort: ports.includes('All'),
      ranges: rangesOf(ports),
      restricts: isBroad === true ? [] : namedRangesOf(ports),
      isEveryPod: sources.pods.some(({ kind }) => kind === 'all'),
      isWorld: sources.kinds.has('world') || sources.kinds.has('internet'),
      isEverywhere,
      pods: new Map(sources.pods.map((each) => [JSON.stringify(each), each])),
    },
  ];
}

/** No more than these fit into a selector, so nobody needs to know of others. */
const MANY_SELECTORS = MAX_SELECTOR / 8;

/** The pods of all openings in canonical order, or enough of them to be too many. */
function podsOf(openings: readonly Opened[]): ReadonlyMap<string, Selector> {
  const found = new Map<string, Selector>();
  for (const { pods } of openings)
    for (const [text, selector] of pods) {
      if (found.size > MANY_SELECTORS) break;
      found.set(text, selector);
    }
  return new Map([...found].sort(byKey));
}
