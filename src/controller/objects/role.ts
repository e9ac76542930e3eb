/**
 * The role of a generated object: what it does to traffic. It is read from the object alone, so a desired
 * object and its stored copy have the same role, and an object whose rule is long gone still has one. The
 * order of writes follows from it (plan/order.ts).
 */
import type { GeneratedKind } from '../../calico/types.ts';
import { LABEL_ENFORCED, LABEL_LO, partsOf, type RuleId } from '../../compiler/names.ts';
import { isRecord } from '../../json.ts';

export type Role =
  | 'tier'
  /** The tier's last policy, which passes what no guardrail denies. */
  | 'finalPass'
  | 'set'
  /** Denies in the tier. No allow overrides them. */
  | 'guardrail'
  | 'allow'
  | 'defaultDeny'
  /**
   * Temporary: everything that was allowed before a change (plan/bridges.ts). The last one written completes
   * them.
   */
  | 'bridgeOld'
  | 'bridgeOldComplete'
  /** A guardrail as it was. It bounds the bridges. */
  | 'guardrailOld'
  /** Temporary: everything that is allowed after it. */
  | 'bridgeNew'
  /** Exempts the interface lo of nodes: its endpoints and their policies. */
  | 'lo'
  | 'nodeAllow'
  /** Denies at nodes before any allow there. */
  | 'nodeBlock'
  /** Denies at pods what nodes cannot tell apart. */
  | 'podBlock'
  /** Denies at nodes what nothing there has allowed. */
  | 'finalDeny'
  /** The same policy while nodes are observed: it lets everything pass. */
  | 'finalObserve'
  /** The set of addresses that count as the nodes' own. */
  | 'nodeAddresses'
  /** Brings all interfaces of a node under the policies of nodes. */
  | 'nodeEndpoint'
  /** Temporary: policies of nodes as they were before a change (plan/node-shadows.ts). */
  | 'nodeShadow'
  | 'finalShadow'
  | 'podShadow';

/** Says whose traffic a role is about. */
export type Family = 'shared' | 'pods' | 'bridge' | 'nodes' | 'shadow';

const FAMILIES: Readonly<Record<Role, Family>> = {
  tier: 'shared',
  finalPass: 'shared',
  set: 'shared',
  guardrail: 'pods',
  allow: 'pods',
  defaultDeny: 'pods',
  bridgeOld: 'bridge',
  bridgeOldComplete: 'bridge',
  guardrailOld: 'bridge',
  bridgeNew: 'bridge',
  lo: 'nodes',
  nodeAllow: 'nodes',
  nodeBlock: 'nodes',
  podBlock: 'nodes',
  finalDeny: 'nodes',
  finalObserve: 'nodes',
  nodeAddresses: 'nodes',
  nodeEndpoint: 'nodes',
  nodeShadow: 'shadow',
  finalShadow: 'shadow',
  podShadow: 'shadow',
};

export const familyOf = (role: Role): Family => FAMILIES[role];

/** Says what an object counts for that is deleted while finalizers of others keep it stored. */
export type WhenHeld =
  /** It lets through, or brings an interface under policies. It is written so that it selects nothing. */
  | 'emptied'
  /** It refuses. It counts as there until it is gone. */
  | 'there'
  /** It has no effect of its own, so it counts as gone and stays as it is. */
  | 'gone';

/** docs/decisions/0020-held-objects.md has the reasons. */
const WHEN_HELD: Readonly<Record<Role, WhenHeld>> = {
  tier: 'gone',
  finalPass: 'gone',
  set: 'gone',
  guardrail: 'there',
  allow: 'emptied',
  defaultDeny: 'there',
  bridgeOld: 'emptied',
  bridgeOldComplete: 'emptied',
  guardrailOld: 'emptied',
  bridgeNew: 'emptied',
  lo: 'emptied',
  nodeAllow: 'emptied',
  nodeBlock: 'there',
  podBlock: 'there',
  finalDeny: 'there',
  finalObserve: 'emptied',
  nodeAddresses: 'gone',
  nodeEndpoint: 'emptied',
  nodeShadow: 'emptied',
  finalShadow: 'emptied',
  podShadow: 'emptied',
};

/** Calico only counts what a staged policy would do. */
export const whenHeld = (kind: GeneratedKind, role: Role): WhenHeld =>
  kind.startsWith('Staged') ? 'gone' : WHEN_HELD[role];

/**
 * Names in the ids that temporary policies carry in place of their rules'. They are stored, so their values
 * never change.
 */
export const TEMPORARY = {
  old: 'bridge-from',
  new: 'bridge-to',
  complete: 'bridge-complete',
  final: 'bridge-deny',
  atPods: 'bridge-pods',
} as const;

/** Ids that say it all, without the name of the firewall in front. */
const NAMED: ReadonlyMap<string, Role> = new Map([
  ['defaults/deny', 'defaultDeny'],
  ['defaults/pass', 'finalPass'],
  [`defaults/${TEMPORARY.old}`, 'bridgeOld'],
  [`defaults/${TEMPORARY.new}`, 'bridgeNew'],
  [`nodes/${TEMPORARY.old}`, 'nodeShadow'],
  ['nodes/blocked', 'nodeBlock'],
  ['nodes/loopback', 'nodeBlock'],
  ['nodes/pods', 'podBlock'],
  ['nodes/deny', 'finalDeny'],
]);

/** A second id of a temporary policy, which says which one it is. */
const DETAILED: ReadonlyMap<string, Role> = new Map([
  [`defaults/${TEMPORARY.complete}`, 'bridgeOldComplete'],
  [`nodes/${TEMPORARY.final}`, 'finalShadow'],
  [`nodes/${TEMPORARY.atPods}`, 'podShadow'],
]);
const ADDRESSES = 'nodes/judged';

interface Described {
  readonly kind: string;
  readonly spec: unknown;
  /** Ids of the rules that it carries. */
  readonly rules: readonly RuleId[];
}

export function roleOf({ kind, spec, rules }: Described): Role {
  // Whatever a policy of a namespace says of itself: others may write it, and we make no other ones.
  if (kind === 'NetworkPolicy' || kind === 'StagedNetworkPolicy') return 'allow';
  const { interfaceName, selector } = isRecord(spec) ? spec : {};
  const names = rules.map((rule) => partsOf(rule).slice(1).join('/'));
  if (kind === 'Tier') return 'tier';
  if (kind === 'HostEndpoint') return interfaceName === 'lo' ? 'lo' : 'nodeEndpoint';
  if (kind === 'GlobalNetworkSet') return names.includes(ADDRESSES) ? 'nodeAddresses' : 'set';
  const named = firstOf(DETAILED, names) ?? firstOf(NAMED, names);
  if (named === 'bridgeOld') return hasDeny(spec) ? 'guardrailOld' : 'bridgeOld';
  if (named === 'finalDeny') return hasDeny(spec) ? 'finalDeny' : 'finalObserve';
  if (named !== undefined) return named;
  const selects = (label: string): boolean => typeof selector === 'string' && selector.includes(label);
  if (selects(LABEL_LO)) return 'lo';
  if (selects(LABEL_ENFORCED)) return 'nodeAllow';
  return hasDeny(spec) ? 'guardrail' : 'allow';
}

const firstOf = (roles: ReadonlyMap<string, Role>, names: readonly string[]): Role | undefined =>
  names.flatMap((name) => roles.get(name) ?? [])[0];

function hasDeny(spec: unknown): boolean {
  if (!isRecord(spec)) return false;
  return [spec['ingress'], spec['egress']].some(
    (rules) => Array.isArray(rules) && rules.some((rule) => isRecord(rule) && rule['action'] === 'Deny'),
  );
}
