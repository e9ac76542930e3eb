/** The decision of a place about a packet, with its reason. */
import type { PolicyRule, StoredPolicy } from '../calico/read/policy.ts';

export type Verdict = 'Allowed' | 'Denied' | 'Unknown';

export type Reason =
  /** A rule of a policy. */
  | { readonly kind: 'rule'; readonly policy: StoredPolicy; readonly rule: PolicyRule }
  /** Policies of the tier select the endpoint, and none has decided. */
  | { readonly kind: 'endOfTier'; readonly tier: string; readonly policies: readonly StoredPolicy[] }
  | { readonly kind: 'profile'; readonly profile: string }
  /** No policy and no profile of the endpoint allows it. */
  | { readonly kind: 'noProfile' }
  /** No policy applies to this kind of traffic here. */
  | { readonly kind: 'noPolicy' }
  | { readonly kind: 'failsafe'; readonly protocol: number; readonly port: number }
  | { readonly kind: 'established' }
  | { readonly kind: 'invalid' }
  /** Something that Felix or the cluster does by itself. */
  | { readonly kind: 'builtIn'; readonly why: string }
  | { readonly kind: 'unknown'; readonly because: string };

export interface Decision {
  readonly verdict: Verdict;
  readonly by: Reason;
}

/** One policy that was asked before the decision. */
export interface Asked {
  readonly policy: StoredPolicy;
  /** The rule that matched, if any. */
  readonly rule?: PolicyRule;
}

export const allowed = (by: Reason): Decision => ({ verdict: 'Allowed', by });
export const denied = (by: Reason): Decision => ({ verdict: 'Denied', by });
export const unknown = (because: string): Decision => ({
  verdict: 'Unknown',
  by: { kind: 'unknown', because },
});

/* Decisions that no policy takes. */
export const ESTABLISHED = allowed({ kind: 'established' });
export const INVALID = denied({ kind: 'invalid' });
export const INSIDE = allowed({ kind: 'builtIn', why: 'never leaves the pod' });
export const DELIVERED = allowed({ kind: 'builtIn', why: 'delivered' });
export const LEFT = allowed({ kind: 'builtIn', why: 'leaves the cluster' });
export const OWN_POD = allowed({ kind: 'builtIn', why: 'a node reaches its own pods' });
export const NO_SUCH_PORT = denied({ kind: 'builtIn', why: 'the Service has no such port' });
export const TUNNEL_OF_POD = denied({ kind: 'builtIn', why: 'pods may not make tunnels' });
