/**
 * Computes the status of one ClusterFirewall from what was found and done. Pure. kstatus and people read the
 * result.
 */
import { cut } from '../../api/cut.ts';
import { MAX_PROBLEMS, type Condition, type Status, type StatusProblem } from '../../api/status.ts';
import type { NodesReport } from '../nodes/nodes-report.ts';
import type { AssertionsFinding } from './assertions.ts';
import type { ForeignFinding } from './foreign.ts';

/** Says that everything desired is stored, or why it is not. */
export type Programming =
  | { readonly programmed: true }
  | {
      readonly programmed: false;
      readonly reason: string;
      readonly message: string;
      /** True when someone has to act. */
      readonly stalled: boolean;
    };

/** The result of one round for a firewall. */
export type Finding =
  /** Its spec was refused; everything of it stays as it was. */
  | {
      readonly type: 'invalid';
      readonly issues: readonly { readonly path: string; readonly message: string }[];
    }
  /** Its spec is fine, but nothing could be done about it. */
  | { readonly type: 'blocked'; readonly reason: string; readonly message: string; readonly stalled: boolean }
  | {
      readonly type: 'compiled';
      readonly problems: readonly StatusProblem[];
      readonly programming: Programming;
      readonly policies: { readonly desired: number; readonly current: number };
      /** Null where the firewall has no default deny, or its namespaces are not known. */
      readonly namespaces: {
        readonly enforced: number;
        readonly observed: number;
        readonly exempt: number;
      } | null;
      /** Absent where the firewall has no nodes. */
      readonly nodes?: NodesReport;
      /** Only of the firewall called default. */
      readonly foreign?: ForeignFinding;
      /** Absent where the firewall has no assertions. */
      readonly assertions?: AssertionsFinding;
    };

/** True where one of the problems says already why programming has not succeeded, or it only takes its time. */
export const isReported = (
  { reason }: Extract<Programming, { programmed: false }>,
  problems: readonly Pick<StatusProblem, 'reason'>[],
): boolean => reason === 'Progressing' || problems.some((problem) => problem.reason === reason);

export interface StatusInput {
  readonly name: string;
  readonly generation: number;
  readonly previous: Status | undefined;
  readonly finding: Finding;
  readonly now: Date;
}

type ConditionDraft = Pick<Condition, 'type' | 'status' | 'reason' | 'message'>;

/** Reasons of problems that end when another object (a firewall, a node) arrives. */
const RESOLVES_ITSELF: ReadonlySet<string> = new Set(['NoDefaultFirewall', 'EntityUnresolved']);
const MESSAGE_MAX = 1024;

/** Equal input gives an equal status: a time moves only where a condition's status does. */
export function computeStatus(input: StatusInput): Status {
  const { finding, generation, previous } = input;
  const conditions = [
    ...judge(finding).map((draft) => condition(draft, input)),
    ...(finding.type === 'compiled' ? [] : keptConditions(previous)),
  ];
  const problems = problemsOf(input).slice(0, MAX_PROBLEMS);
  return {
    observedGeneration: generation,
    conditions,
    ...(problems.length === 0 ? {} : { problems }),
    ...(finding.type === 'compiled' ? counts(finding) : keptCounts(previous)),
  };
}

function condition(draft: ConditionDraft, { generation, previous, now }: StatusInput): Condition {
  const before = previous?.conditions?.find(({ type }) => type === draft.type);
  const same = before?.status === draft.status;
  return {
    ...draft,
    message: cut(draft.message, MESSAGE_MAX),
    observedGeneration: generation,
    lastTransitionTime: same ? before.lastTransitionTime : now.toISOString().replace(/\.\d+Z$/, 'Z'),
  };
}

function judge(finding: Finding): readonly ConditionDraft[] {
  switch (finding.type) {
    case 'invalid':
      return judgeInvalid(finding.issues);
    case 'blocked':
      return [ACCEPTED, ...judgeProgramming({ ...finding, programmed: false }, [])];
    case 'compiled': {
      const problems = finding.problems.filter(({ severity }) => severity === 'problem');
      return [
        ACCEPTED,
        ...(problems.length === 0 ? [] : [partiallyInvalid(problems)]),
        ...judgeProgramming(finding.programming, problems, finding.nodes).map(beginningWith(finding.foreign)),
        ...judgeNodes(finding.nodes),
        ...judgeForeign(finding.foreign),
        ...(finding.assertions === undefined ? [] : [{ type: 'AssertionsHold', ...finding.assertions }]),
      ];
    }
  }
}

/**
 * Conditions that stay while nothing is done about the spec, because nodes and others do the same as before.
 */
const KEPT: ReadonlySet<string> = new Set([
  'NodesEnforced',
  'FailsafesOpen',
  'ForeignPolicies',
  'AssertionsHold',
]);

const keptConditions = (previous: Status | undefined): readonly Condition[] =>
  (previous?.conditions ?? []).filter(({ type }) => KEPT.has(type));

/** The words about what others may open, for a message; undefined where there is nothing to say. */
function openings(foreign: ForeignFinding | undefined): string | undefined {
  const { first, count } = foreign?.objects ?? {};
  if (first === undefined) return undefined;
  const more = andMore((count?.open ?? 1) - 1);
  return `${first.object} may open ${first.opens}${more}`;
}

/** Ready says that rules are programmed. Whoever reads it must not take that for closed. */
const beginningWith =
  (foreign: ForeignFinding | undefined) =>
  (draft: ConditionDraft): ConditionDraft => {
    const words = draft.type === 'Ready' ? openings(foreign) : undefined;
    return words === undefined ? draft : { ...draft, message: `${words}; ${draft.message}` };
  };

function judgeForeign(foreign: ForeignFinding | undefined): readonly ConditionDraft[] {
  const words = openings(foreign);
  if (words === undefined) return [];
  const isUnseen = foreign?.objects.first?.isUnseen === true;
  const remedy = isUnseen
    ? 'give the operator the right to read it (config/rbac), or name it in spec.acceptForeign'
    : 'remove or narrow it, or name it in spec.acceptForeign';
  const reason = isUnseen ? 'NotVisible' : 'MayOpen';
  return [{ type: 'ForeignPolicies', status: 'True', reason, message: `${words}: ${remedy}` }];
}

function judgeNodes(nodes: NodesReport | undefined): readonly ConditionDraft[] {
  if (nodes === undefined) return [];
  const enforced = { type: 'NodesEnforced', ...nodes.condition };
  if (nodes.failsafesOpen.length === 0) return [enforced];
  const ports = nodes.failsafesOpen.join(', ');
  const message = `Felix lets ${ports} in before any policy, whatever the rules say: ${nodes.failsafesNote ?? REMEDY}`;
  return [enforced, { type: 'FailsafesOpen', status: 'True', reason: 'Open', message }];
}

const REMEDY =
  'say nodes.failsafes: Managed, narrow failsafeInboundHostPorts in the FelixConfiguration called default, or accept it';

const ACCEPTED: ConditionDraft = {
  type: 'Accepted',
  status: 'True',
  reason: 'Valid',
  message: 'the spec is valid',
};

function judgeInvalid(
  issues: readonly { readonly path: string; readonly message: string }[],
): readonly ConditionDraft[] {
  const [first] = issues;
  const found = first === undefined ? 'the spec is not valid' : `${first.path} ${first.message}`;
  const message = `${found}${andMore(issues.length - 1)}; the objects that were programmed before stay`;
  const reason = 'Invalid';
  return [
    { type: 'Accepted', status: 'False', reason, message },
    { type: 'Programmed', status: 'False', reason, message: 'there is no valid spec to program' },
    { type: 'Ready', status: 'False', reason, message },
    { type: 'Stalled', status: 'True', reason, message },
  ];
}

function partiallyInvalid(problems: readonly StatusProblem[]): ConditionDraft {
  const left =
    problems.length > MAX_PROBLEMS ? `, of which status.problems has the first ${String(MAX_PROBLEMS)}` : '';
  const message = `${plural(problems.length, 'problem')}${left}; ${firstOf(problems)}`;
  return { type: 'PartiallyInvalid', status: 'True', reason: commonReason(problems), message };
}

/** The conditions Programmed, Ready and Stalled. */
function judgeProgramming(
  programming: Programming,
  problems: readonly StatusProblem[],
  nodes?: NodesReport,
): readonly ConditionDraft[] {
  const programmed: ConditionDraft = programming.programmed
    ? {
        type: 'Programmed',
        status: 'True',
        reason: 'Programmed',
        message: 'the stored objects are the desired ones',
      }
    : { type: 'Programmed', status: 'False', reason: programming.reason, message: programming.message };
  if (programming.programmed && problems.length === 0) {
    if (nodes !== undefined && nodes.trouble !== 'none') return [programmed, ...judgeTrouble(nodes)];
    const ready = { reason: 'Ready', message: 'every rule is programmed' };
    return [
      programmed,
      { type: 'Ready', status: 'True', ...ready },
      { type: 'Stalled', status: 'False', ...ready },
    ];
  }
  const broken = { reason: commonReason(problems), message: firstOf(problems) };
  const why = programming.programmed ? broken : { reason: programming.reason, message: programming.message };
  const needsPerson = problems.some(({ reason }) => !RESOLVES_ITSELF.has(reason));
  // A problem stalls even while the rest is being programmed, and then it is the reason.
  const stalledBy = !programming.programmed && programming.stalled ? why : needsPerson ? broken : undefined;
  return [
    programmed,
    { type: 'Ready', status: 'False', ...why },
    stalledBy === undefined
      ? { type: 'Stalled', status: 'False', reason: 'Retrying', message: why.message }
      : { type: 'Stalled', status: 'True', ...stalledBy },
  ];
}

function judgeTrouble({ condition: { reason, message }, trouble }: NodesReport): readonly ConditionDraft[] {
  return [
    { type: 'Ready', status: 'False', reason, message },
    trouble === 'stalled'
      ? { type: 'Stalled', status: 'True', reason, message }
      : { type: 'Stalled', status: 'False', reason: 'Retrying', message },
  ];
}

const commonReason = (problems: readonly StatusProblem[]): string => {
  const reasons = new Set(problems.map(({ reason }) => reason));
  const [only] = reasons;
  return only !== undefined && reasons.size === 1 ? only : 'SeveralProblems';
};

const firstOf = (problems: readonly StatusProblem[]): string => {
  const [first] = problems;
  return first === undefined ? '' : `${first.rule}: ${first.message}${andMore(problems.length - 1)}`;
};

const andMore = (count: number): string => (count > 0 ? ` (and ${String(count)} more)` : '');

const plural = (count: number, what: string): string => `${String(count)} ${what}${count === 1 ? '' : 's'}`;

function problemsOf({ name, finding }: StatusInput): readonly StatusProblem[] {
  switch (finding.type) {
    case 'blocked':
      return [];
    case 'invalid':
      return finding.issues.map(({ path, message }) => bounded('problem', name, path, 'Invalid', message));
    case 'compiled':
      return [...finding.problems]
        .sort(problemsFirst)
        .map(({ severity, rule, path, reason, message }) => bounded(severity, rule, path, reason, message));
  }
}

/** A full list must not hide a problem behind warnings. The sort is stable. */
const problemsFirst = (a: StatusProblem, b: StatusProblem): number =>
  Number(a.severity === 'warning') - Number(b.severity === 'warning');

/** Keeps to the bounds in src/api/status.ts. A status that is too long would be refused as a whole. */
function bounded(
  severity: StatusProblem['severity'],
  rule: string,
  path: string,
  reason: string,
  message: string,
): StatusProblem {
  return { severity, rule: cut(rule, 512), path: cut(path, 1024), reason, message: cut(message, 2048) };
}

function counts({
  policies,
  namespaces,
  nodes,
  foreign,
}: Extract<Finding, { type: 'compiled' }>): Partial<Status> {
  const { desired, current } = policies;
  return {
    policies: { desired, current, summary: fraction(current, desired) },
    ...(namespaces !== null && { namespaces: namespaceCounts(namespaces) }),
    ...(nodes !== undefined && { nodes: nodeCounts(nodes) }),
    ...(foreign !== undefined && foreignCounts(foreign)),
  };
}

const foreignCounts = ({ objects: { listed, count }, tenants }: ForeignFinding): Partial<Status> => ({
  ...(listed.length > 0 && { foreign: listed, foreignCount: count }),
  ...((tenants.policies > 0 || tenants.unlisted === true) && { namespacePolicies: tenants }),
});

function namespaceCounts({
  enforced,
  observed,
  exempt,
}: NonNullable<Extract<Finding, { type: 'compiled' }>['namespaces']>) {
  return { enforced, observed, exempt, summary: fraction(enforced, enforced + observed + exempt) };
}

function nodeCounts({ selected, enforced, unsupported }: NodesReport): NonNullable<Status['nodes']> {
  return {
    selected,
    enforced,
    pending: selected - enforced,
    ...(unsupported > 0 && { unsupported }),
    summary: fraction(enforced, selected),
  };
}

/** Nothing new is known about the objects, so the last counts stay. */
function keptCounts(previous: Status | undefined): Partial<Status> {
  const { policies, namespaces, nodes, foreign, foreignCount, namespacePolicies } = previous ?? {};
  return {
    ...(policies !== undefined && { policies }),
    ...(namespaces !== undefined && { namespaces }),
    ...(nodes !== undefined && { nodes }),
    ...(foreign !== undefined && { foreign }),
    ...(foreignCount !== undefined && { foreignCount }),
    ...(namespacePolicies !== undefined && { namespacePolicies }),
  };
}

const fraction = (part: number, whole: number): string => `${String(part)}/${String(whole)}`;
