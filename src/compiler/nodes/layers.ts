/**
 * Policies on host endpoints. Each says the same in two layers, since neither sees everything: `ports` judges before DNAT hides
 * NodePorts and hostPorts, `host` whatever is delivered to the node, on any address it has.
 */
import { LABEL_NAMESPACE } from '../../calico/labels.ts';
import type { Selector } from '../../calico/selector.ts';
import { all, and, has, not } from '../../calico/selector.ts';
import type { Action, Rule } from '../../calico/types.ts';
import { ANNOTATION_RULE, LABEL_ENFORCED, TIER } from '../names.ts';
import { podSelectorText } from '../namespaces/namespaces.ts';
import { globalPolicies } from '../flows/policies.ts';
import type { DesiredObject, Phase } from '../types.ts';

/** Host endpoints with a label, and no pod that gives itself the same: what has a namespace is none. */
const hostEndpointsWith = (label: string): Selector => and(has(label), not(has(LABEL_NAMESPACE)));

export interface NodePolicy {
  readonly firewall: string;
  readonly id: string;
  /** Ids of the rules in it, where they are others than `id`. */
  readonly rules?: readonly string[];
  readonly phase: Extract<Phase, 'lo' | 'nodeAllow' | 'nodeDeny'>;
  readonly order: number;
  /** Label of the host endpoints; the gate's where absent. */
  readonly label?: string;
  /** Further labels of the host endpoints. */
  readonly where?: Selector;
  /** Tells policies of one id and layer apart. */
  readonly variant?: string;
}

export interface Layers {
  readonly ports: readonly Rule[];
  readonly host: readonly Rule[];
}

/** One policy a layer, none for a layer without rules: it would select for nothing. */
export function layerPolicies(policy: NodePolicy, layers: Layers): readonly DesiredObject[] {
  const selector = podSelectorText(
    and(hostEndpointsWith(policy.label ?? LABEL_ENFORCED), policy.where ?? all()),
  );
  return (['ports', 'host'] as const).flatMap((name) => {
    const ingress = layers[name];
    if (ingress.length === 0) return [];
    const variant = policy.variant === undefined ? name : `${name}-${policy.variant}`;
    const { firewall, id, phase, order, rules = [id] } = policy;
    const parts = { firewall, id, variant, rules, phase, order, ingress, types: ['Ingress'] } as const;
    const layer = name === 'ports' ? ({ preDNAT: true } as const) : {};
    return globalPolicies({ ...parts, ...layer, tier: TIER, isStaged: false }, [{ selector }]);
  });
}

/** The same in both layers. */
export const bothLayers = (rules: readonly Rule[]): Layers => ({ ports: rules, host: rules });

/** A rule that asks nothing. */
export const catchAll = (id: string, action: Action): Rule => ({
  action,
  metadata: { annotations: { [ANNOTATION_RULE]: id } },
});
