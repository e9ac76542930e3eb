/** The flows that a rule of a policy matches: those that surely do, and all that may. */
import type { PolicyRule, RuleEnd } from '../../calico/read/policy.ts';
import type { StoredSet } from '../../calico/read/objects.ts';
import { matchesSelector, type Selector } from '../../calico/selector.ts';
import {
  addressesOf,
  type Ends,
  FAMILIES,
  type Family,
  type Known,
  ofCidr,
  podsOf as podPoint,
  WORLD,
  whoHas,
} from '../addresses.ts';
import { covers, intersect, overlap, type Spans, subtract, union } from '../spans.ts';
import { EVERYTHING, hasPorts } from '../traffic.ts';
import { ANY_OUTSIDE, ANY_POD, type End, type Flow } from './flows.ts';
import {
  inFamily,
  ofFamily,
  PACKETS,
  type PortNames,
  portsOf,
  type Range,
  wholeProtocol,
} from './packets.ts';
import { type Bound, podsOf } from './terms.ts';

export interface Surroundings {
  readonly known: Known;
  readonly names: PortNames;
  /** Network sets among the files. */
  readonly sets: readonly StoredSet[];
}

interface Match {
  readonly sure: readonly Flow[];
  readonly maybe: readonly Flow[];
  /** Why a part of the rule is not understood. */
  readonly unknown: readonly string[];
  /** True where pods or nodes may have an address of the rule. */
  readonly isAmbiguous: boolean;
}

/** An end, for packets of one family or of both. */
interface Piece {
  readonly end: End;
  readonly packets: Spans;
}

interface Pieces {
  readonly sure: readonly Piece[];
  readonly maybe: readonly Piece[];
}

export function matchOf(rule: PolicyRule, around: Surroundings): Match {
  const unknown: string[] = [];
  const packets = packetsOf(rule, around.names, unknown);
  const [from, to] = [rule.source, rule.destination].map((end) => endOf(end, around, unknown));
  if (from === undefined || to === undefined) return { sure: [], maybe: [], unknown, isAmbiguous: false };
  return {
    sure: flowsOf(from.sure, to.sure, packets.sure),
    maybe: flowsOf(from.maybe, to.maybe, packets.maybe),
    unknown: [...new Set(unknown)],
    isAmbiguous: [rule.source, rule.destination].some((end) => isPartOfPods(end, around.known)),
  };
}

function flowsOf(from: readonly Piece[], to: readonly Piece[], packets: Spans): readonly Flow[] {
  return from.flatMap((a) =>
    to.flatMap((b) => {
      const both = intersect(intersect(a.packets, b.packets), packets);
      return both.length === 0 ? [] : [{ from: a.end, to: b.end, packets: both }];
    }),
  );
}

function packetsOf(rule: PolicyRule, names: PortNames, unknown: string[]): Range {
  const { protocol, notProtocol, destination, source } = rule;
  let range: Range = protocol === undefined ? WHOLE : same(wholeProtocol(protocol));
  if (notProtocol !== undefined) range = without(range, same(wholeProtocol(notProtocol)));
  if (protocol !== undefined && destination.ports !== undefined)
    range = both(range, portsOf(protocol, destination.ports, names));
  if (protocol !== undefined && destination.notPorts !== undefined)
    range = without(range, portsOf(protocol, destination.notPorts, names));
  if (rule.icmp !== undefined || rule.notIcmp !== undefined) unknown.push('a type of ICMP');
  if (source.ports !== undefined || source.notPorts !== undefined)
    unknown.push('the port of the source, which is not judged');
  if (rule.http) unknown.push('HTTP, which is not judged');
  if (protocol !== undefined && destination.ports !== undefined && !hasPorts(protocol))
    unknown.push('a port of a protocol that has no ports here');
  const families = rule.ipVersion === undefined ? FAMILIES : [rule.ipVersion];
  const spread = (spans: Spans): Spans => union(...families.map((family) => inFamily(spans, family)));
  return { sure: unknown.length > 0 ? [] : spread(range.sure), maybe: spread(range.maybe) };
}

const same = (spans: Spans): Range => ({ sure: spans, maybe: spans });
const WHOLE = same(
  union(EVERYTHING, ...Array.from({ length: 256 }, (_, protocol) => wholeProtocol(protocol))),
);
const both = (a: Range, b: Range): Range => ({
  sure: intersect(a.sure, b.sure),
  maybe: intersect(a.maybe, b.maybe),
});
const without = (a: Range, b: Range): Range => ({
  sure: subtract(a.sure, b.maybe),
  maybe: subtract(a.maybe, b.sure),
});

const EVERY_END: readonly Piece[] = [
  { end: ANY_POD, packets: PACKETS },
  { end: ANY_OUTSIDE, packets: PACKETS },
];

function endOf(end: RuleEnd, around: Surroundings, unknown: string[]): Pieces {
  if (end.service !== undefined) {
    unknown.push(
      `the Service ${end.service}, whose pods no file names: a rule may say \`to: [{ service }]\``,
    );
    return { sure: [], maybe: EVERY_END };
  }
  const hasNets = end.nets.length + end.notNets.length > 0;
  if (end.selector === undefined && end.notSelector === undefined)
    return hasNets ? ofNets(end, around.known) : { sure: EVERY_END, maybe: EVERY_END };
  if (hasNets) unknown.push('labels and addresses of one end, which both must match');
  if (end.selector === undefined) {
    unknown.push('notSelector without selector, which means unknown addresses as well');
    return { sure: [], maybe: EVERY_END };
  }
  return ofSelector(end.selector, hasNets, around, unknown);
}

/** Sets that are in no file may have these labels, so a rule that denies means every address. */
function ofSelector(
  selector: Selector,
  hasNets: boolean,
  { sets, known }: Surroundings,
  unknown: string[],
): Pieces {
  const pods = (bound: Bound): readonly Piece[] => {
    const { terms, unknown: parts } = podsOf(selector, bound);
    unknown.push(...parts);
    return terms.map((term) => ({ end: { kind: 'pods', term }, packets: PACKETS }));
  };
  const own = sets.filter(({ labels, namespace }) => matchesSelector(selector, labelsOf(labels, namespace)));
  const nets = union(...own.flatMap((set) => set.nets.map(ofCidr)));
  const ends = FAMILIES.map((family) => whoHasAny(intersect(nets, addressesOf(family)), family, known));
  const addresses = intersect(union(...ends.map(({ sure }) => sure)), WORLD);
  const maybePods = ends.some(({ sure, maybe }) =>
    FAMILIES.some((family) => overlap(union(sure, maybe), podPoint(family))),
  );
  return {
    sure: hasNets
      ? []
      : [
          ...pods('under'),
          ...(addresses.length === 0
            ? []
            : [{ end: { kind: 'outside', spans: addresses } as const, packets: PACKETS }]),
        ],
    maybe: maybePods ? EVERY_END : [...pods('over'), { end: ANY_OUTSIDE, packets: PACKETS }],
  };
}

/** A namespaced set has the labels of its namespace too, which no file may name. They are not guessed. */
const labelsOf = (
  labels: StoredSet['labels'],
  namespace: string | undefined,
): Readonly<Record<string, string>> =>
  namespace === undefined
    ? labels
    : { ...labels, 'projectcalico.org/namespace': namespace, 'pcns.kubernetes.io/metadata.name': namespace };

const whoHasAny = (addresses: Spans, family: Family, known: Known): Ends =>
  addresses.length === 0 ? { sure: [], maybe: [] } : whoHas(addresses, family, known);

function ofNets({ nets, notNets }: RuleEnd, known: Known): Pieces {
  const sure: Piece[] = [];
  const maybe: Piece[] = [];
  for (const family of FAMILIES) {
    const { inside, all } = netsOf(nets, notNets, family, known);
    for (const [spans, list] of [
      [inside, sure],
      [all, maybe],
    ] as const) {
      const packets = ofFamily(family);
      if (overlap(spans, podPoint(family))) list.push({ end: ANY_POD, packets });
      const rest = subtract(spans, podPoint(family));
      if (rest.length > 0) list.push({ end: { kind: 'outside', spans: rest }, packets });
    }
  }
  return { sure, maybe };
}

function netsOf(
  nets: RuleEnd['nets'],
  notNets: RuleEnd['notNets'],
  family: Family,
  known: Known,
): { readonly inside: Spans; readonly all: Spans } {
  const spansOf = (list: RuleEnd['nets']): Spans =>
    intersect(union(...list.map(ofCidr)), addressesOf(family));
  const addresses = subtract(nets.length === 0 ? addressesOf(family) : spansOf(nets), spansOf(notNets));
  // An except that has no pods in it leaves a range that has all pods.
  const { sure, maybe } = whoHasAny(addresses, family, known);
  return { inside: sure, all: union(sure, maybe) };
}

function isPartOfPods({ nets, notNets, selector, notSelector }: RuleEnd, known: Known): boolean {
  if (nets.length + notNets.length === 0 || selector !== undefined || notSelector !== undefined) return false;
  return FAMILIES.some((family) => {
    const { inside, all } = netsOf(nets, notNets, family, known);
    return !covers(inside, all);
  });
}
