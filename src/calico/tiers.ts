/**
 * The order of tier default, and of every tier that names none, so names decide between these (libcalico-go,
 * resources.DefaultTierFields; seen with packets on Felix 3.31).
 */
export const DEFAULT_TIER_ORDER = 1_000_000;
