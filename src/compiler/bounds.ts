/**
 * Bounds on what is compiled. A ClusterFirewall of 1.4 MB could ask for gigabytes of policies. The reasons for
 * the numbers are in docs/decisions/0015-bounds.md.
 */
export const BOUNDS = {
  rule: {
    /** Networks that `except` leaves of its ipBlocks. One ipBlock leaves at most 8,192. */
    nets: 16_384,
    /** Calico rules: sources or destinations, times groups of ports. */
    rules: 5_000,
    /** Characters of JSON, in all policies of the rule. */
    bytes: 8_000_000,
  },
  /** Rules beyond it go into a further policy. etcd takes 1.5 MiB. */
  policy: { bytes: 1_000_000 },
  /** Sums over the rules of one ClusterFirewall. */
  firewall: { nets: 131_072, objects: 25_000, bytes: 48_000_000 },
} as const;
