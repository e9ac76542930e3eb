/** Policies of guardrails: rules in the tier before every allow, for pods of enforced and observed namespaces. */
import type { ClusterFirewall, Guardrail } from '../../api/schema.ts';
import type { Selector } from '../../calico/selector.ts';
import type { Rule } from '../../calico/types.ts';
import type { Inventory } from '../../inventory/types.ts';
import type { EndMatch, ResolveScope } from '../flows/flow-ends.ts';
import { anyEnd, canonicalRules, crossRules, matchPorts } from '../flows/rules.ts';
import { TIER, type RuleId } from '../names.ts';
import type { Enforcement } from '../namespaces/enforcement.ts';
import type { NamespaceSet } from '../namespaces/namespaces.ts';
import type { DesiredObject } from '../types.ts';
import { enforcedAndStaged } from './both-modes.ts';

export interface DefaultsContext {
  readonly firewall: ClusterFirewall;
  readonly enforcement: Enforcement;
  readonly resolveScope: ResolveScope;
  readonly inventory: Inventory;
}

type Direction = 'ingress' | 'egress';

interface TierParts {
  readonly id: RuleId;
  readonly variant?: string;
  readonly order: number;
  /** Seen from the pods that it restricts. */
  readonly direction: Direction;
  readonly rules: readonly Rule[];
  readonly select: (namespaces: NamespaceSet) => NamespaceSet;
  readonly pods: Selector;
}

export const tierPolicies = (
  { firewall, enforcement }: Pick<DefaultsContext, 'firewall' | 'enforcement'>,
  { id, variant, order, direction, rules, select, pods }: TierParts,
): readonly DesiredObject[] =>
  enforcedAndStaged(
    enforcement,
    {
      firewall: firewall.metadata.name,
      id,
      ...(variant === undefined ? {} : { variant }),
      rules: [id],
      tier: TIER,
      order,
      ...(direction === 'ingress'
        ? ({ types: ['Ingress'], ingress: rules } as const)
        : ({ types: ['Egress'], egress: rules } as const)),
    },
    select,
    pods,
  );

/** Rules that refuse these ends at the other side. */
export const denies = (
  id: RuleId,
  direction: Direction,
  ends: readonly EndMatch[],
  ports: Guardrail['ports'],
): readonly Rule[] =>
  canonicalRules(
    crossRules({
      id,
      action: 'Deny',
      sources: direction === 'ingress' ? ends : anyEnd,
      destinations: direction === 'ingress' ? anyEnd : ends,
      ports: matchPorts(ports),
    }),
  );
