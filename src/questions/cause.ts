/** Why a place decided as it did, with the rule and its place. */
import type { StoredPolicy } from '../calico/read/policy.ts';
import type { Decision, Verdict } from '../simulator/decision.ts';
import type { Step } from '../simulator/trail.ts';
import { listed } from './errors.ts';
import { portText } from './packet-text.ts';
import { isOfNodes, type OwnRule, type PolicyPlace, type Provenance } from './provenance.ts';

export interface Cause {
  readonly verdict: Verdict;
  /** A sentence part, as "no rule of the tier default allows it". */
  readonly text: string;
  /** The rule of a ClusterFirewall that decided, or the default deny. */
  readonly rule?: OwnRule;
  /** The policy that decided, or those at the end of whose tier it ended. */
  readonly policies: readonly PolicyPlace[];
  /**
   * `rule`: a rule denies it, and no other rule may override that. `unopened`: nothing opens it. `none`: no rule
   * is at fault.
   */
  readonly denial: 'rule' | 'unopened' | 'none';
}

/** A cause is read from these. Without `asked` it names no rule of nodes that passes a packet on. */
type Told = Pick<Step, 'decision' | 'layer' | 'asked'>;

export function causeOf(step: Told, provenance: Provenance): Cause {
  const { decision, layer } = step;
  const { verdict, by } = decision;
  const cause = (text: string, more: Partial<Cause> = {}): Cause => ({
    verdict,
    text,
    policies: [],
    denial: 'none',
    ...more,
  });
  switch (by.kind) {
    case 'rule': {
      const rule = provenance.ruleOf(by.rule);
      const policies = [provenance.policyPlace(by.policy, by.rule)];
      const isOpenable = rule !== undefined && isOfNodes(rule) && rule.id.endsWith('/nodes/deny');
      const denial = verdict === 'Allowed' ? 'none' : isOpenable ? 'unopened' : 'rule';
      if (rule === undefined)
        return cause(`${ACTIONS[verdict]} by ${policyText(by.policy)}`, { policies, denial });
      if (isOpenable) return cause('no zone and no rule opens it', { rule, policies, denial });
      return cause(`${ACTIONS[verdict]} by the rule ${rule.id}`, { rule, policies, denial });
    }
    case 'endOfTier': {
      const policies = by.policies.map((policy) => provenance.policyPlace(policy));
      const rule = by.policies.flatMap((policy) => provenance.rulesIn(policy)).find(isDefaultDeny);
      const text =
        rule === undefined
          ? endOfTier(by.tier, by.policies)
          : 'no rule allows it, and the default deny closes the pod';
      return cause(text, { ...(rule !== undefined && { rule }), policies, denial: 'unopened' });
    }
    default: {
      const passed = ruleThatPasses(step, provenance);
      if (passed === undefined) return cause(plainText(by, layer));
      const { rule, policy } = passed;
      return cause(passedText(rule), { rule, policies: [policy] });
    }
  }
}

/** Rules that deny at nodes only pass under Observe. */
function passedText({ id }: OwnRule): string {
  const [, observed] = /\/nodes\/(deny|blocked|loopback)$/.exec(id) ?? [];
  if (observed === undefined) return `let through by the rule ${id}`;
  const why = observed === 'deny' ? 'no zone and no rule opens it' : `the rule ${id} is against it`;
  return `${why}, and Observe lets it pass`;
}

/** At nodes our rules pass what they allow on to the tiers of others, so they decide where no other one does. */
function ruleThatPasses(
  { layer, asked = [] }: Told,
  provenance: Provenance,
): { readonly rule: OwnRule; readonly policy: PolicyPlace } | undefined {
  if (!layer.startsWith('host ')) return undefined;
  for (const { policy, rule: matched } of asked.toReversed()) {
    const rule = matched?.action === 'Pass' ? provenance.ruleOf(matched) : undefined;
    if (rule !== undefined)
      return isLastPass(rule) ? undefined : { rule, policy: provenance.policyPlace(policy, matched) };
  }
  return undefined;
}

/** The rule that passes what the denies of nodes are not about (src/compiler/nodes/node-denies.ts). */
const isLastPass = ({ id }: OwnRule): boolean => id.endsWith('/nodes/pass');

const ACTIONS: Readonly<Record<Verdict, string>> = {
  Allowed: 'allowed',
  Denied: 'denied',
  Unknown: 'undecided',
};

const isDefaultDeny = ({ id }: OwnRule): boolean => id.endsWith('/defaults/deny');

const endOfTier = (tier: string, policies: readonly StoredPolicy[]): string =>
  `no rule of the tier ${tier} allows it, and these policies select it: ${listed(policies.map(policyName), 4)}`;

const policyName = ({ kind, namespace, name }: StoredPolicy): string =>
  `${kind} ${namespace === undefined ? '' : `${namespace}/`}${name}`;
const policyText = (policy: StoredPolicy): string => policyName(policy);

function plainText(
  by: Exclude<Decision['by'], { readonly kind: 'rule' | 'endOfTier' }>,
  layer: Step['layer'],
): string {
  switch (by.kind) {
    case 'profile':
      return layer.startsWith('pod')
        ? 'no policy selects the pod'
        : `no policy, and the profile ${by.profile}`;
    case 'noProfile':
      return 'no policy and no profile of the host endpoint allows it';
    case 'noPolicy':
      return 'no policy here';
    case 'failsafe':
      return `the failsafe port ${portText(by)} is open whatever rules say`;
    case 'established':
      return 'the connection was let in before';
    case 'invalid':
      return 'the packet belongs to no connection';
    case 'builtIn':
      return by.why;
    case 'unknown':
      return by.because;
  }
}
