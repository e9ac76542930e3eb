/**
 * The policies of one endpoint, in Felix's order. Sources: felix/calc (policy_sorter.go, event_sequencer.go),
 * felix/rules/endpoints.go at v3.31.
 */
import type { PolicyRule, StoredPolicy } from '../calico/read/policy.ts';
import type { StoredTier } from '../calico/read/objects.ts';
import { allowed, denied, unknown, type Asked, type Decision } from './decision.ts';
import type { Unseen } from './missing.ts';
import type { Header } from './packet.ts';
import type { Party, Rule, RuleBook } from './rules.ts';

interface CompiledRule {
  readonly rule: Rule;
  /** Undefined for Pass. A rule of action Log is not here at all. */
  readonly decision: Decision | undefined;
  /** Present where the rule may match fewer packets than `rule` does. */
  readonly mayMiss?: Decision;
}

export interface CompiledPolicy {
  readonly policy: StoredPolicy;
  readonly ingress: readonly CompiledRule[];
  readonly egress: readonly CompiledRule[];
}

interface TierChain {
  readonly policies: readonly { readonly policy: StoredPolicy; readonly rules: readonly CompiledRule[] }[];
  /** The decision where no rule of the tier has matched; undefined where the next tier goes on. */
  readonly end: Decision | undefined;
}

export interface Chain {
  readonly tiers: readonly TierChain[];
  /** The decision after the last tier. */
  readonly last: Decision;
  /** Whatever else is known, this cannot be answered. */
  readonly unknown?: Decision;
}

export type Direction = 'ingress' | 'egress';

export function compilePolicy(book: RuleBook, unseen: Unseen, policy: StoredPolicy): CompiledPolicy {
  const compileRule = (rule: PolicyRule): CompiledRule => {
    const decision = decisionOf(policy, rule);
    const because = unseen.ofRule(rule, policy);
    if (because === undefined) return { rule: book.compile(rule), decision };
    return { rule: book.compile(unseen.atMost(rule)), decision, mayMiss: unknown(because) };
  };
  const compile = (rules: readonly PolicyRule[]): readonly CompiledRule[] =>
    rules.filter(({ action }) => action !== 'Log').map(compileRule);
  return { policy, ingress: compile(policy.ingress), egress: compile(policy.egress) };
}

function decisionOf(policy: StoredPolicy, rule: PolicyRule): Decision | undefined {
  if (rule.unclear !== undefined)
    return unknown(`${rule.path} of ${policy.kind} ${policy.name} ${rule.unclear}`);
  if (rule.action === 'Pass') return undefined;
  if (rule.http)
    return unknown(`${rule.path} of ${policy.sortName} looks into HTTP, which the packet filter does not`);
  const by = { kind: 'rule', policy, rule } as const;
  return rule.action === 'Allow' ? allowed(by) : denied(by);
}

/** Tiers in Felix's order. One that is missing comes last, and ends in a drop. */
export function sortTiers(
  stored: readonly StoredTier[],
  policies: readonly StoredPolicy[],
): readonly StoredTier[] {
  const names = new Set(stored.map(({ name }) => name));
  const missing = [...new Set(policies.map(({ tier }) => tier))].filter((tier) => !names.has(tier)).sort();
  const sorted = [...stored].sort((a, b) => compare(a.order, b.order) || compare(a.name, b.name));
  return [...sorted, ...missing.map((name) => ({ name, order: Infinity, defaultAction: 'Deny' as const }))];
}

const compare = <T extends number | string>(a: T, b: T): number => (a === b ? 0 : a < b ? -1 : 1);

export const comparePolicies = (a: StoredPolicy, b: StoredPolicy): number =>
  compare(a.order, b.order) || compare(a.sortName, b.sortName);

/**
 * The chain of an endpoint.
 * @param policies that select the endpoint, sorted
 * @param drops false where the end of a tier always passes, as before DNAT
 */
export function chainOf(
  direction: Direction,
  tiers: readonly StoredTier[],
  policies: readonly CompiledPolicy[],
  { last, drops }: { readonly last: Decision; readonly drops: boolean },
): Chain {
  const chains = tiers.flatMap(({ name, defaultAction }): readonly TierChain[] => {
    const own = policies.filter(({ policy }) => policy.tier === name && policy.types[direction]);
    if (own.length === 0) return [];
    const isDrop = drops && defaultAction !== 'Pass';
    const end = denied({ kind: 'endOfTier', tier: name, policies: own.map(({ policy }) => policy) });
    return [
      {
        policies: own.map((each) => ({ policy: each.policy, rules: each[direction] })),
        end: isDrop ? end : undefined,
      },
    ];
  });
  return { tiers: chains, last };
}

/**
 * A rule that may match leaves the answer as it is only where both ways end alike.
 * @param asked collects the policies that were asked
 */
export function judge(
  book: RuleBook,
  chain: Chain,
  header: Header,
  parties: { readonly source: Party; readonly destination: Party },
  asked?: Asked[],
): Decision {
  if (chain.unknown !== undefined) return chain.unknown;
  const { source, destination } = parties;
  let doubts: CompiledRule[] | undefined;
  tiers: for (const { policies, end } of chain.tiers) {
    for (const { policy, rules } of policies) {
      for (const compiled of rules) {
        const { rule, decision, mayMiss } = compiled;
        if (!book.matches(rule, header, source, destination)) continue;
        if (mayMiss !== undefined) {
          (doubts ??= []).push(compiled);
          continue;
        }
        asked?.push({ policy, rule: rule.of });
        if (decision === undefined) continue tiers;
        return withDoubts(decision, doubts);
      }
      asked?.push({ policy });
    }
    if (end !== undefined) return withDoubts(end, doubts);
  }
  return withDoubts(chain.last, doubts);
}

const withDoubts = (end: Decision, doubts: readonly CompiledRule[] = []): Decision =>
  doubts.find(({ decision }) => decision?.verdict !== end.verdict)?.mayMiss ?? end;
