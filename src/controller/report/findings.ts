/** Decides what to say about each firewall after a round. Pure. */
import { DEFAULT_FIREWALL } from '../../api/schema.ts';
import type { StatusProblem } from '../../api/status.ts';
import { messageOf } from '../../cluster/errors.ts';
import { LABEL_ENFORCED, ruleId, type RuleId } from '../../compiler/names.ts';
import type { DesiredObject } from '../../compiler/types.ts';
import type { WriteResult } from '../apply/execute.ts';
import type { Admission } from '../gate/gate.ts';
import { ASSERTION_FAILED, assertionsFinding, assertionWarnings } from './assertions.ts';
import { issueMessages, type StoredFirewall } from '../observe/firewalls.ts';
import type { DesiredState } from '../plan/desired-state.ts';
import type { OwnedObject } from '../objects/live.ts';
import type { NodesReport } from '../nodes/nodes-report.ts';
import { only, type Plan } from '../plan/plan.ts';
import { isHeld, isOpen, type EmptyStep, type RemoveStep, type Step } from '../plan/step.ts';
import { foreignFinding } from './foreign.ts';
import type { NamespacePolicies } from '../observe/generated-objects.ts';
import {
  ALTERED_REMEDY,
  forgeries,
  HELD,
  heldMessage,
  heldProblems,
  listed,
  refilledFields,
} from './held.ts';
import { rulePath } from '../../compiler/rule-path.ts';
import type { Finding, Programming } from './status.ts';
import { isInPlace, isMissing, type Verdict, isCounted } from '../apply/verdicts.ts';
import type { WriteFailure } from '../apply/write.ts';

export interface RoundResult {
  readonly wanted: DesiredState;
  readonly admission: Pick<Admission, 'held' | 'judged'>;
  /** Computed after the writes, from what is then stored. */
  readonly plan: Plan;
  readonly outcome: WriteResult;
  readonly verdicts: readonly Verdict[];
  /** True for a step that nothing waits for, because others undo or refuse it. */
  readonly isAside: (step: Step) => boolean;
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
        message: `the ClusterFirewall called ${DEFAULT_FIREWALL} is invalid or held back, so nothing changes for any other until it is fixed`,
        stalled: false,
      };
    case 'withheld':
      return {
        type: 'blocked',
        reason: ASSERTION_FAILED,
        message: results.admission.held.get(firewall.name)?.message ?? '',
        stalled: true,
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
  { outcome, plan, isAside, labelFailure, failsafeFailure }: RoundResult,
): Finding | undefined {
  if (name === DEFAULT_FIREWALL) {
    const what = labelFailure ? `the label ${LABEL_ENFORCED} cannot be taken off Nodes` : FAILSAFES_STUCK;
    const trouble = labelFailure ?? failsafeFailure;
    if (trouble !== undefined) {
      const message = `${what}: ${trouble.message}`;
      return { type: 'blocked', reason: 'RemovalIncomplete', message, stalled: trouble.isRefused };
    }
  }
  const left = leftOf(name, plan, isAside);
  const refused = outcome.unwritten.find(
    ({ step, refusal }) => refusal !== undefined && step.action === 'remove' && step.live.firewall === name,
  );
  const waiting = left.find(({ waitsFor, namespace }) => waitsFor !== undefined && namespace === undefined);
  const held = waiting && heldMessage(waiting, plan, outcome);
  const why = refused?.refusal ?? outcome.stopped?.message ?? held;
  if (left.length === 0 || why === undefined) return undefined;
  return {
    type: 'blocked',
    reason: 'RemovalIncomplete',
    message: `${String(left.length)} generated objects are still there: ${why}`,
    stalled: refused !== undefined || waiting !== undefined,
  };
}

/**
 * All that is stored of a firewall that is being deleted and that it waits for, those that are held first. It
 * does not wait for what others keep in their namespaces (FinalizerKeeper).
 */
function leftOf(firewall: string, plan: Plan, isAside: RoundResult['isAside']): readonly OwnedObject[] {
  const steps = stepsAway(firewall, plan).filter((step) => step.action === 'remove' || !isAside(step));
  const held = plan.held.filter(({ namespace }) => namespace === undefined);
  const all = [...held, ...steps.map(({ live }) => live), ...plan.needed];
  return [...new Set(all)].filter((live) => live.firewall === firewall);
}

function compiled(firewall: StoredFirewall, results: RoundResult): Finding {
  const { name } = firewall;
  const { wanted } = results;
  const verdicts = verdictsFor(name, results);
  const counted = verdicts.filter(isCounted);
  const kept = results.plan.frozen.filter((each) => each.firewall === name);
  const summary = wanted.summaries.find((each) => each.firewall === name);
  return {
    type: 'compiled',
    problems: [
      ...wanted.problems.filter((problem) => problem.firewall === name),
      ...writeProblems(firewall, verdicts),
      ...forgeries(name, results.plan),
      ...heldProblems(firewall, results),
      ...assertionWarnings(results.admission.judged.get(name)),
    ],
    programming: programming(name, verdicts, results),
    policies: {
      // With those that a rule with a problem keeps: they are in force, and not what the spec asks for.
      desired: counted.length + kept.length,
      current: counted.filter(isInPlace).length,
    },
    namespaces: name === DEFAULT_FIREWALL ? (summary?.namespaces ?? null) : null,
    ...assertionsFinding(results.admission.judged.get(name)),
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

function programming(
  name: string,
  verdicts: readonly Verdict[],
  { plan, outcome, isAside, admission }: RoundResult,
): Programming {
  const held = admission.held.get(name);
  if (held !== undefined)
    return { programmed: false, reason: ASSERTION_FAILED, message: held.message, stalled: true };
  const [blocker] = blockers(verdicts);
  if (blocker !== undefined)
    return { programmed: false, reason: blocker.reason, message: blocker.message, stalled: true };
  const [contested] = only(verdicts, 'Contested');
  if (contested !== undefined) {
    const { id, manager = 'another client' } = contested;
    const message = `${manager} keeps changing ${id}: stop it, or the operator writes it back ever more slowly`;
    return { programmed: false, reason: 'DriftContested', message, stalled: true };
  }
  const leaving = stepsAway(name, plan);
  const inForce = leaving.filter((step) => isHeld(step) || (step.action === 'empty' && isAside(step)));
  const open = verdicts.filter(isMissing).length + leaving.length - inForce.length;
  // A policy that a tenant writes back in his namespace is his own, and makes no firewall unready.
  const kept = inForce.find(({ live }) => live.namespace === undefined);
  // Admission is no tenant, wherever the object stands.
  const refilledOne = inForce.find(({ live }) => refilledFields(live, outcome) !== undefined);
  const stuck = refilledOne ?? kept;
  if (open === 0 && stuck !== undefined)
    return {
      programmed: false,
      reason: refilledOne === undefined ? HELD : 'Altered',
      message: heldMessage(stuck.live, plan, outcome),
      stalled: true,
    };
  if (open === 0) return { programmed: true };
  if (outcome.stopped !== undefined)
    return { programmed: false, reason: 'APIError', message: outcome.stopped.message, stalled: false };
  const message = `${String(open)} objects are not yet as desired`;
  return { programmed: false, reason: 'Progressing', message, stalled: false };
}

/** Steps that take stored objects of the firewall out of force. */
const stepsAway = (firewall: string, { phases }: Plan): readonly (RemoveStep | EmptyStep)[] =>
  phases
    .flat()
    .filter((step) => step.action !== 'apply')
    .filter((step) => !isOpen(step) && step.live.firewall === firewall);

/** A round that failed has programmed nothing for sure. @param error whatever was thrown */
export function failureOf({ deleting, validation }: StoredFirewall, error: unknown): Finding {
  if (!validation.ok && !deleting) return { type: 'invalid', issues: issueMessages(validation) };
  const message = `the operator failed while it worked on the firewalls, and tries again; what is programmed stays as it is: ${messageOf(error)}`;
  return { type: 'blocked', reason: 'ReconcileFailed', message, stalled: false };
}
