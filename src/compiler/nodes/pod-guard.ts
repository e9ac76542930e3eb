/**
 * Denies at pods. Behind natOutgoing a node sees another node's address instead of the pod's. Ports that only
 * some pods may reach on nodes are therefore denied to the other pods at those pods, in tier clusterfirewall,
 * where no allow rule overrides it.
 */
import type { PortValue } from '../../api/schema.ts';
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
  const toPods = openPorts.flatMap(({ ports, sources }) =>
    sources === 'anyone' || sources.pods.length === 0 ? [] : [{ ports, pods: sources.pods }],
  );
  const restricted = [...privileged, ...toPods.flatMap(({ ports }) => ranges(ports))];
  const byExcept = new Map<string, { except: readonly Selector[]; ports: PortValue[] }>();
  for (const piece of pieces(restricted)) {
    const pods = toPods.filter(({ ports }) => covers(ports, piece)).flatMap((each) => each.pods);
    if (pods.some(({ kind }) => kind === 'all')) continue;
    const except = canonicalSelectors(pods);
    const key = JSON.stringify(except);
    const known = byExcept.get(key) ?? { except, ports: [] };
    known.ports.push(formatPort(piece));
    byExcept.set(key, known);
  }
  return [...byExcept.entries()].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, each]) => each);
}

const ranges = (ports: readonly PortValue[]): readonly Range[] =>
  ports.map(parsePort).filter((port) => port.kind === 'range');

const covers = (ports: readonly PortValue[], piece: Range): boolean =>
  ports
    .map(parsePort)
    .some(
      (port) =>
        port.kind === 'all' ||
        (port.kind === 'range' &&
          port.protocol === piece.protocol &&
          port.from <= piece.from &&
          piece.to <= port.to),
    );

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

function canonicalSelectors(selectors: readonly Selector[]): readonly Selector[] {
  const byText = new Map(selectors.map((each) => [JSON.stringify(each), each]));
  return [...byText.keys()].sort().flatMap((key) => byText.get(key) ?? []);
}
