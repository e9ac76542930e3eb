/** Decides what to say about each firewall after a round. Pure. */
import { DEFAULT_FIREWALL } from '../../api/schema.ts';
import type { StatusProblem } from '../../api/status.ts';
import { messageOf } from '../../cluster/errors.ts';
import { LABEL_ENFORCED, ruleId, type RuleId } from '../../compiler/names.ts';
import type { DesiredObject } from '../../compiler/types.ts';
import type { WriteResult } from '../apply/execute.ts';
import { issueMessages, type StoredFirewall } from '../observe/firewalls.ts';
import type { DesiredState } from '../plan/desired-state.ts';
import type { OwnedObject } from '../objects/live.ts';
import type { NodesReport } from '../nodes/nodes-report.ts';
import { only, type Plan } from '../plan/plan.ts';
import { isOpen, type RemoveStep } from '../plan/step.ts';
import { foreignFinding } from './foreign.ts';
import type { NamespacePolicies } from '../observe/generated-objects.ts';
import { rulePath } from './rule-path.ts';
import type { Finding, Programming } from './status.ts';
import { isInPlace, isMissing, type Verdict, isCounted } from '../apply/verdicts.ts';
import type { WriteFailure } from '../apply/write.ts';

export interface RoundResult {
  readonly wanted: DesiredState;
  /** Computed after the writes, from what is then stored. */
  readonly plan: Plan;
  readonly outcome: WriteResult;
  readonly verdicts: readonly Verdict[];
  /** Absent where no firewall has nodes. */
  readonly nodes?: NodesReport | undefined;
  readonly namespacePolicies: NamespacePolicies;
  readonly labelFailure?: WriteFailure | undefined;
  readonly failsafeFailure?: WriteFailure | undefined;
}

/** Undefined for a firewall that is being deleted without trouble: it will be gone in a moment. */
export function findingOf(firewall: StoredFirewall, results: RoundResult): Finding | undefined {
  switch (results.wanted.lifecycles.get(firewall.name)) {
    case 'invalid':
      return { type: 'invalid', issues: issueMessages(firewall.validation) };
    case 'frozen':
      return {
        type: 'blocked',
        reason: 'DefaultFirewallInvalid',
        message: `the ClusterFirewall called ${DEFAULT_FIREWALL} is invalid, so nothing changes for any other until it is fixed`,
        stalled: false,
      };
    case 'leaving':
      return removalTrouble(firewall, results);
    case 'active':
      return compiled(firewall, results);
    case 'retained':
    case undefined:
      return undefined;
  }
}

const FAILSAFES_STUCK = 'the former failsafes cannot be written back to FelixConfiguration/default';

function removalTrouble(
  { name }: StoredFirewall,
  { outcome, plan, labelFailure, failsafeFailure }: RoundResult,
): Finding | undefined {
  if (name === DEFAULT_FIREWALL) {
    const what = labelFailure ? `the label ${LABEL_ENFORCED} cannot be taken off Nodes` : FAILSAFES_STUCK;
    const trouble = labelFailure ?? failsafeFailure;
    if (trouble !== undefined) {
      const message = `${what}: ${trouble.message}`;
      return { type: 'blocked', reason: 'RemovalIncomplete', message, stalled: trouble.isRefused };
    }
  }
  const left = removalsOf(name, plan);
  const refused = outcome.unwritten.find(
    ({ step, refusal }) => refusal !== undefined && step.action === 'remove' && step.live.firewall === name,
  );
  const waiting = left.map(({ live }) => live).find(({ waitsFor }) => waitsFor !== undefined);
  const why = refused?.refusal ?? outcome.stopped?.message ?? waitsForOthers(waiting);
  if (left.length === 0 || why === undefined) return undefined;
  return {
    type: 'blocked',
    reason: 'RemovalIncomplete',
    message: `${String(left.length)} generated objects are still there: ${why}`,
    stalled: refused !== undefined || waiting !== undefined,
  };
}

function waitsForOthers(live: OwnedObject | undefined): string | undefined {
  if (live?.waitsFor === undefined) return undefined;
  const finalizers = live.waitsFor.join(', ');
  return `${live.id} is being deleted and waits for the finalizers ${finalizers}: let their owners finish, or remove them`;
}

function compiled(firewall: StoredFirewall, results: RoundResult): Finding {
  const { name } = firewall;
  const { wanted } = results;
  const verdicts = verdictsFor(name, results);
  const counted = verdicts.filter(isCounted);
  const summary = wanted.summaries.find((each) => each.firewall === name);
  return {
    type: 'compiled',
    problems: [
      ...wanted.problems.filter((problem) => problem.firewall === name),
      ...writeProblems(firewall, verdicts),
      ...forgeries(name, results.plan),
    ],
    programming: programming(name, verdicts, results),
    policies: {
      desired: counted.length,
      current: counted.filter(isInPlace).length,
    },
    namespaces: name === DEFAULT_FIREWALL ? (summary?.namespaces ?? null) : null,
    ...(name === DEFAULT_FIREWALL && results.nodes !== undefined && { nodes: results.nodes }),
    ...(name === DEFAULT_FIREWALL &&
      wanted.foreign !== undefined && { foreign: foreignFinding(wanted.foreign, results.namespacePolicies) }),
  };
}

interface Blocker {
  readonly desired: DesiredObject;
  readonly reason: string;
  readonly message: string;
}

const verdictsFor = (name: string, { verdicts }: RoundResult): readonly Verdict[] =>
  verdicts.filter(({ desired }) => desired.firewall === name);

const ALTERED_REMEDY =
  'exempt it from the mutating webhook or MutatingAdmissionPolicy that does this; a default of a newer Calico needs a newer operator';

/** The maximum number of fields that a message names. The log has more of them. */
const NAMED = 5;

function listed(fields: readonly string[]): string {
  return `${fields.slice(0, NAMED).join(', ')}${fields.length > NAMED ? ' and more' : ''}`;
}

/** Objects that cannot be written before someone acts. */
const blockers = (verdicts: readonly Verdict[]): readonly Blocker[] => [
  ...only(verdicts, 'NameTaken').map(({ desired, id, foreignManager }) => ({
    desired,
    reason: 'NameTaken',
    message: `${id} exists and is not ours${foreignManager === undefined ? '' : ` (written by ${foreignManager})`}: delete or rename it`,
  })),
  ...only(verdicts, 'Refused').map(({ desired, id, message }) => ({
    desired,
    reason: 'Refused',
    message: `the API server refused ${id}: ${message}`,
  })),
  ...only(verdicts, 'Altered').map(({ desired, id, fields }) => ({
    desired,
    reason: 'Altered',
    message: `the API server stores ${id} with another ${listed(fields)} than was written: ${ALTERED_REMEDY}`,
  })),
  ...only(verdicts, 'NotServed').map(({ desired }) => ({
    desired,
    reason: 'StagedPoliciesNotServed',
    message: `this Calico has no ${desired.object.kind}: upgrade it to 3.30 or later, or use mode: Enforce`,
  })),
];

/** The blockers as problems, rule by rule. */
function writeProblems(firewall: StoredFirewall, verdicts: readonly Verdict[]): readonly StatusProblem[] {
  const { name, validation } = firewall;
  const pathOf = (rule: RuleId): string => (validation.ok ? rulePath(validation.firewall, rule) : 'spec');
  return blockers(verdicts).flatMap(({ desired, reason, message }) =>
    (desired.rules.length === 0 ? [ruleId(name)] : desired.rules).map((rule) => ({
      severity: 'problem' as const,
      rule,
      path: pathOf(rule),
      reason,
      message,
    })),
  );
}

/**
 * Says of policies that say that they are ours, and that their finalizers keep, that nothing waits for them. One is
 * named for all, because there may be thousands, and whoever writes them must not make the status change.
 */
function forgeries(name: string, { lingering }: Plan): readonly StatusProblem[] {
  const [first, ...more] = lingering
    .filter(({ firewall }) => firewall === name)
    .toSorted((a, b) => (a.id < b.id ? -1 : 1));
  if (first === undefined) return [];
  const which = more.length === 0 ? first.id : `${first.id}, and others`;
  const message = `${which}: the operator did not write this policy, although its labels say so. It is being deleted and waits for the finalizers ${(first.waitsFor ?? []).join(', ')}. No rule waits for it: let their owners finish, or remove them`;
  return [{ severity: 'warning', rule: ruleId(name), path: 'spec', reason: 'ForgedPolicy', message }];
}

function programming(
  name: string,
  verdicts: readonly Verdict[],
  { plan, outcome }: RoundResult,
): Programming {
  const [blocker] = blockers(verdicts);
  if (blocker !== undefined)
    return { programmed: false, reason: blocker.reason, message: blocker.message, stalled: true };
  const [contested] = only(verdicts, 'Contested');
  if (contested !== undefined) {
    const message = `another client keeps changing ${contested.id}: find it in the operator's log and stop it`;
    return { programmed: false, reason: 'DriftContested', message, stalled: true };
  }
  const open = verdicts.filter(isMissing).length + removalsOf(name, plan).length;
  if (open === 0) return { programmed: true };
  if (outcome.stopped !== undefined)
    return { programmed: false, reason: 'APIError', message: outcome.stopped.message, stalled: false };
  const message = `${String(open)} objects are not yet as desired`;
  return { programmed: false, reason: 'Progressing', message, stalled: false };
}

const removalsOf = (firewall: string, { phases }: Plan): readonly RemoveStep[] =>
  phases
    .flat()
    .filter(
      (step): step is RemoveStep =>
        step.action === 'remove' && !isOpen(step) && step.live.firewall === firewall,
    );

/** A round that failed has programmed nothing for sure. @param error whatever was thrown */
export function failureOf({ deleting, validation }: StoredFirewall, error: unknown): Finding {
  if (!validation.ok && !deleting) return { type: 'invalid', issues: issueMessages(validation) };
  const message = `the operator failed while it worked on the firewalls, and tries again; what is programmed stays as it is: ${messageOf(error)}`;
  return { type: 'blocked', reason: 'ReconcileFailed', message, stalled: false };
}
