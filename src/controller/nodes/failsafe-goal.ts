/** Decides whether Felix's failsafes should be narrowed or restored. Pure. */
import { DEFAULT_FIREWALL } from '../../api/schema.ts';
import { isRuleOfNodes, ruleId, type RuleId } from '../../compiler/names.ts';
import type { NodesSummary } from '../../compiler/types.ts';
import { AddressError, formatCidr, parseCidr } from '../../net/cidr.ts';
import type { DesiredState } from '../plan/desired-state.ts';
import { textOf, type StoredFailsafes } from '../observe/stored-failsafes.ts';

type Failsafes = NonNullable<NodesSummary['failsafes']>;

export type FailsafeGoal =
  | { readonly to: 'narrow'; readonly failsafes: Failsafes }
  /** `because`: the reason, where spec.nodes says Managed. */
  | { readonly to: 'restore' | 'keep'; readonly because?: string };

/** Nothing changes while the spec is invalid, or the firewall is gone and its objects stay. */
export function failsafeGoal({
  lifecycles,
  nodes,
  problems,
}: Pick<DesiredState, 'lifecycles' | 'nodes' | 'problems'>): FailsafeGoal {
  const lifecycle = lifecycles.get(DEFAULT_FIREWALL);
  if (lifecycle === 'leaving') return { to: 'restore' };
  if (lifecycle !== 'active') return { to: 'keep' };
  const { mode, failsafes, failsafesWaitFor, failsafesKept } = nodes ?? {};
  if (failsafesWaitFor !== undefined) return { to: 'restore', because: failsafesWaitFor };
  if (failsafesKept !== undefined && mode === 'Enforce') return { to: 'keep', because: failsafesKept };
  if (failsafes === undefined) return { to: 'restore' };
  if (mode !== 'Enforce')
    return { to: 'restore', because: 'nodes.failsafes: Managed narrows them when nodes.mode is Enforce' };
  const flaw = flawOf(failsafes);
  if (flaw !== undefined)
    return { to: 'keep', because: `nodes.failsafes: Managed cannot narrow them: ${flaw}` };
  const ofNodes = ruleId(DEFAULT_FIREWALL, 'nodes');
  const isOfNodes = (rule: RuleId): boolean => rule === ofNodes || isRuleOfNodes(rule);
  if (problems.some(({ severity, rule }) => severity === 'problem' && isOfNodes(rule)))
    return { to: 'keep', because: 'nodes.failsafes: Managed narrows them when spec.nodes has no problem' };
  return { to: 'narrow', failsafes };
}

export const isToNarrow = (goal: FailsafeGoal, stored: StoredFailsafes | undefined): boolean =>
  goal.to === 'narrow' && stored?.value !== textOf(goal.failsafes);

/** Felix puts several rules for each before all others. */
const MAX_FAILSAFES = 500;
const PROTOCOLS: readonly string[] = ['tcp', 'udp'];

/**
 * Names what Felix would not accept. One bad value stops it on every node (felix/config/param_types.go,
 * ProtoPortListParam: die-on-fail).
 */
export function flawOf(failsafes: Failsafes): string | undefined {
  if (failsafes.length === 0) return 'no port would stay open';
  if (failsafes.length > MAX_FAILSAFES)
    return `${String(failsafes.length)} entries, and at most ${String(MAX_FAILSAFES)} are possible: each range of breakGlass, nodeCIDRs and BGPPeers takes an entry a port, and nodeCIDRsExcept cuts ranges into many, so name fewer there`;
  const bad = failsafes.find(
    ({ protocol, port, net }) =>
      !PROTOCOLS.includes(protocol) ||
      !Number.isInteger(port) ||
      port < 1 ||
      port > 65_535 ||
      (net !== undefined && !isCanonical(net)),
  );
  return bad === undefined ? undefined : `Felix does not take ${JSON.stringify(bad)}`;
}

function isCanonical(net: string): boolean {
  try {
    return formatCidr(parseCidr(net)) === net;
  } catch (error) {
    if (error instanceof AddressError) return false;
    throw error;
  }
}
