/**
 * Policies on host endpoints. Each has the same rules in two layers, because neither layer sees all traffic.
 * `ports` applies before DNAT hides NodePorts and hostPorts. `host` applies to everything that is delivered
 * to the node, on any of its addresses.
 */
import { LABEL_NAMESPACE } from '../../calico/labels.ts';
import type { Selector } from '../../calico/selector.ts';
import { all, and, has, not } from '../../calico/selector.ts';
import type { Action, Rule } from '../../calico/types.ts';
import { ANNOTATION_RULE, LABEL_ENFORCED, TIER, type RuleId } from '../names.ts';
import { podSelectorText } from '../namespaces/namespaces.ts';
import { globalPolicies } from '../flows/policies.ts';
import type { DesiredObject } from '../types.ts';

/**
 * Host endpoints with a label. A pod that gives itself the same label does not match, because it has a
 * namespace.
 */
const hostEndpointsWith = (label: string): Selector => and(has(label), not(has(LABEL_NAMESPACE)));

export interface NodePolicy {
  readonly firewall: string;
  readonly id: RuleId;
  /** Ids of the rules in it, where there are others than `id`. */
  readonly rules?: readonly RuleId[];
  readonly order: number;
  /** The label of the host endpoints; absent: the enforcement label. */
  readonly label?: string;
  /** Further labels of the host endpoints. */
  readonly where?: Selector;
  /** Distinguishes policies that have the same id and layer. */
  readonly variant?: string;
}

export interface Layers {
  readonly ports: readonly Rule[];
  readonly host: readonly Rule[];
}

/** One policy a layer. A layer without rules has none, because a policy without rules would only select. */
export function layerPolicies(policy: NodePolicy, layers: Layers): readonly DesiredObject[] {
  const selector = podSelectorText(
    and(hostEndpointsWith(policy.label ?? LABEL_ENFORCED), policy.where ?? all()),
  );
  return (['ports', 'host'] as const).flatMap((name) => {
    const ingress = layers[name];
    if (ingress.length === 0) return [];
    const variant = policy.variant === undefined ? name : `${name}-${policy.variant}`;
    const { firewall, id, order, rules = [id] } = policy;
    const parts = { firewall, id, variant, rules, order, ingress, types: ['Ingress'] } as const;
    const layer = name === 'ports' ? ({ preDNAT: true } as const) : {};
    return globalPolicies({ ...parts, ...layer, tier: TIER, isStaged: false }, [{ selector }]);
  });
}

/** The same rules in both layers. */
export const bothLayers = (rules: readonly Rule[]): Layers => ({ ports: rules, host: rules });

/** A rule that matches everything. */
export const catchAll = (id: RuleId, action: Action): Rule => ({
  action,
  metadata: { annotations: { [ANNOTATION_RULE]: id } },
});
