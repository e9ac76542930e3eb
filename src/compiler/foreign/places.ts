/** Where a tier of others stands. Calico asks tiers by order, and by name where orders are equal. */
import { DEFAULT_TIER_ORDER } from '../../calico/tiers.ts';
import { DEFAULT_TIER, TIER, TIER_ORDER } from '../names.ts';
import type { TierInfo } from '../../inventory/types.ts';

/**
 * `before`: before guardrails and our rules at nodes. `ours`: in our own tier. `between`: after those, and before
 * the default deny. `default`: in the tier that the default deny ends. `after`: after that end.
 */
export type Place = 'before' | 'ours' | 'between' | 'default' | 'after';

/** A tier that nobody knows may be anywhere, so it counts as the first. */
export function placeOf(name: string, tiers: readonly TierInfo[]): Place {
  if (name === TIER) return 'ours';
  if (name === DEFAULT_TIER) return 'default';
  const tier = tiers.find((each) => each.name === name);
  if (tier === undefined) return 'before';
  const last = tiers.find((each) => each.name === DEFAULT_TIER) ?? {
    name: DEFAULT_TIER,
    order: DEFAULT_TIER_ORDER,
  };
  if (comesBefore(tier, { name: TIER, order: TIER_ORDER })) return 'before';
  return comesBefore(tier, last) ? 'between' : 'after';
}

type Ordered = Pick<TierInfo, 'name' | 'order'>;

const comesBefore = (a: Ordered, b: Ordered): boolean =>
  a.order === b.order ? a.name < b.name : a.order < b.order;

/** True where an Allow comes before guardrails or our rules at nodes have had their say. */
export const isFirst = (place: Place): boolean => place === 'before' || place === 'ours';
