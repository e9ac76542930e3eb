/**
 * Denies at pods. Behind natOutgoing a node sees another node's address instead of the pod's. Ports that only
 * some pods may reach on nodes are therefore denied to the other pods at those pods, in tier clusterfirewall,
 * where no allow rule overrides it.
 */
import type { PortValue } from '../../api/schema.ts';
import { MAX_SELECTOR } from '../../calico/limits.ts';
import type { Selector } from '../../calico/selector.ts';
import { all, not, or } from '../../calico/selector.ts';
import { parseCidr, unionCidrs } from '../../net/cidr.ts';
import type { TransportProtocol } from '../../net/ports.ts';
import { formatPort, parsePort } from '../../net/ports.ts';
import { matchNets } from '../flows/flow-ends.ts';
import { contentTag, ruleId, TIER, TIER_POLICY_ORDER, type RuleId } from '../names.ts';
import { policySelectors } from '../namespaces/namespaces.ts';
import { globalPolicies } from '../flows/policies.ts';
import { anyEnd, canonicalRules, crossRules, matchPorts } from '../flows/rules.ts';
import type { DesiredObject } from '../types.ts';
import { PRIVILEGED } from './baseline.ts';
import type { NodeContext, OpenPort } from './context.ts';
import { nodeSet } from './sources.ts';

/** Ports, and the pods that may reach them nevertheless. */
interface Restriction {
  readonly ports: readonly PortValue[];
  readonly except: readonly Selector[];
}

export function compilePodGuard(
  openPorts: readonly OpenPort[],
  context: NodeContext,
): readonly DesiredObject[] {
  const id = ruleId(context.place.id, 'pods');
  const { firewall } = context.place;
  return restrictions(openPorts, context).flatMap(({ ports, except }) => {
    const place = { firewall, id, path: `${context.place.path}.zones` };
    return context.collector.guard(place, () => restrict(id, { ports, except }, context));
  });
}

function restrict(
  id: RuleId,
  { ports, except }: Restriction,
  context: NodeContext,
): readonly DesiredObject[] {
  const { nodeFirewall, enforcement } = context;
  const extra = unionCidrs((nodeFirewall.nodes.extraAddresses ?? []).map(parseCidr));
  const egress = canonicalRules(
    crossRules({
      id,
      action: 'Deny',
      sources: anyEnd,
      destinations: [...nodeSet, ...matchNets(extra)],
      ports: matchPorts(ports),
    }),
  );
  const pods = except.length === 0 ? all() : not(or(...except));
  const policies = (isStaged: boolean, namespaceSets: typeof enforcement.enforced) =>
    globalPolicies(
      {
        firewall: context.place.firewall,
        id,
        variant: except.length === 0 ? '' : `but-${contentTag(except)}`,
        rules: [id],
        isStaged,
        tier: TIER,
        order: TIER_POLICY_ORDER.guardrail,
        types: ['Egress'],
        egress,
      },
      namespaceSets.flatMap((namespaces) => policySelectors(namespaces, pods)),
    );
  if (nodeFirewall.isObserved) return policies(true, [...enforcement.enforced, ...enforcement.observed]);
  return [...policies(false, enforcement.enforced), ...policies(true, enforcement.observed)];
}

type Range = Extract<ReturnType<typeof parsePort>, { kind: 'range' }>;

/**
 * The ports to deny: those that only the control plane reaches, and each port that an open port gives to
 * certain pods by its number. A port that is open to every pod is denied to none.
 */
function restrictions(openPorts: readonly OpenPort[], context: NodeContext): readonly Restriction[] {
  const privileged = PRIVILEGED.flatMap((name) => ranges(context.services(name)));
  const openings = openPorts.flatMap(openingsOf);
  const restricted = [...privileged, ...openings.flatMap((opening) => opening.ranges)];
  const byExcept = new Map<string, { except: readonly Selector[]; ports: PortValue[] }>();
  for (const piece of pieces(restricted)) {
    const here = openings.filter((opening) => opening.isEveryPort || covers(opening.ranges, piece));
    if (here.some(({ isEveryPod }) => isEveryPod)) continue;
    const pods = podsOf(here);
    const key = JSON.stringify([...pods.keys()]);
    const known = byExcept.get(key) ?? { except: [...pods.values()], ports: [] };
    known.ports.push(formatPort(piece));
    byExcept.set(key, known);
  }
  return [...byExcept.entries()].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, each]) => each);
}

/** Ports that a node opens to pods, read once: each is compared with each port that anything opens. */
interface OpenedPods {
  readonly isEveryPort: boolean;
  readonly ranges: readonly Range[];
  readonly isEveryPod: boolean;
  /** The keys are their JSON. */
  readonly pods: ReadonlyMap<string, Selector>;
}

function openingsOf({ ports, sources }: OpenPort): readonly OpenedPods[] {
  if (sources === 'anyone' || sources.pods.length === 0) return [];
  return [
    {
      isEveryPort: ports.includes('All'),
      ranges: ranges(ports),
      isEveryPod: sources.pods.some(({ kind }) => kind === 'all'),
      pods: new Map(sources.pods.map((each) => [JSON.stringify(each), each])),
    },
  ];
}

/** No more than these fit into a selector, so nobody needs to know of others. */
const MANY_SELECTORS = MAX_SELECTOR / 8;

/** The pods of all openings in canonical order, or enough of them to be too many. */
function podsOf(openings: readonly OpenedPods[]): ReadonlyMap<string, Selector> {
  const found = new Map<string, Selector>();
  for (const { pods } of openings)
    for (const [text, selector] of pods) {
      if (found.size > MANY_SELECTORS) break;
      found.set(text, selector);
    }
  return new Map([...found].sort(([a], [b]) => (a < b ? -1 : 1)));
}

const ranges = (ports: readonly PortValue[]): readonly Range[] =>
  ports.map(parsePort).filter((port) => port.kind === 'range');

const covers = (some: readonly Range[], piece: Range): boolean =>
  some.some(({ protocol, from, to }) => protocol === piece.protocol && from <= piece.from && piece.to <= to);

/** Cuts ranges at every beginning and end, so each piece is wholly inside or wholly outside of a range. */
function pieces(all: readonly Range[]): readonly Range[] {
  return (['TCP', 'UDP', 'SCTP'] as const).flatMap((protocol: TransportProtocol) => {
    const own = all.filter((range) => range.protocol === protocol);
    const starts = [...new Set(own.flatMap(({ from, to }) => [from, to + 1]))].sort((a, b) => a - b);
    return starts.flatMap((from, index): Range[] => {
      const next = starts[index + 1];
      if (next === undefined || !own.some((range) => range.from <= from && from <= range.to)) return [];
      return [{ kind: 'range', protocol, from, to: next - 1 }];
    });
  });
}
