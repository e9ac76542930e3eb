/** Reports on which nodes the firewall is enforced. Pure. */
import type { GeneratedKind } from '../../calico/types.ts';
import type { Condition } from '../../api/status.ts';
import { LABEL_ENFORCED } from '../../compiler/names.ts';
import { knownOr } from '../../inventory/known.ts';
import type { HostEndpointInfo } from '../../inventory/types.ts';
import type { NodesSummary } from '../../compiler/types.ts';
import { isInPlace, isMissing, type Verdict } from '../apply/verdicts.ts';
import type { Role } from '../objects/role.ts';
import { only, opensNodes, type Plan } from '../plan/plan.ts';
import { isBefore } from '../plan/order.ts';
import { desiredRole, isHeld, kindOf } from '../plan/step.ts';
import type { WriteFailure } from '../apply/write.ts';

export interface NodesReport {
  readonly selected: number;
  readonly enforced: number;
  /** Nodes on which Calico has no host endpoints. They are counted in neither of the others. */
  readonly unsupported: number;
  /** True when every node is enforced on which that is possible. */
  readonly isEnforced: boolean;
  /** The condition NodesEnforced. */
  readonly condition: Pick<Condition, 'status' | 'reason' | 'message'>;
  /** Why the firewall is not ready: something passes by itself, or needs a person. */
  readonly trouble: 'none' | 'passing' | 'stalled';
  /** Each such as `6443/TCP`. */
  readonly failsafesOpen: readonly string[];
  /** The reason, where spec.nodes says Managed: see FailsafeOutcome. */
  readonly failsafesNote?: string;
}

export interface NodesReportInput {
  readonly summary: NodesSummary;
  readonly verdicts: readonly Verdict[];
  /** Computed after the writes. */
  readonly plan: Plan;
  /** Host endpoints of others. */
  readonly hostEndpoints: readonly HostEndpointInfo[];
  readonly labelFailure: WriteFailure | undefined;
}

const POLICIES: ReadonlySet<Role> = new Set([
  'set',
  'lo',
  'nodeAllow',
  'nodeBlock',
  'finalDeny',
  'finalObserve',
  'nodeAddresses',
]);
/** The maximum number of nodes that a message names. */
const NAMED = 5;

/**
 * True when everything is stored that a node needs before it comes under the policies. The last removals may
 * still be left.
 */
export const nodesStand = (plan: Plan, verdicts: readonly Verdict[]): boolean =>
  !openAtNodes(plan, verdicts).some(({ role }) => POLICIES.has(role));

/**
 * Looks at policies only. A joining node changes sets and endpoints, which says nothing about the other nodes.
 */
const policiesStand = (plan: Plan, verdicts: readonly Verdict[]): boolean =>
  !openAtNodes(plan, verdicts).some(({ kind, role }) => kind === 'GlobalNetworkPolicy' && POLICIES.has(role));

/** Objects that are still to be written, or to be removed before a node may join. */
function openAtNodes(
  { phases }: Plan,
  verdicts: readonly Verdict[],
): readonly { readonly kind: GeneratedKind; readonly role: Role }[] {
  const removals = phases
    .flat()
    .filter((step) => step.action !== 'apply' && !isHeld(step) && isBefore(step, 'sweep'));
  return [
    ...removals.map((step) => ({ kind: kindOf(step), role: step.role })),
    ...verdicts
      .filter(isMissing)
      .map(({ desired }) => ({ kind: desired.object.kind, role: desiredRole(desired) })),
  ];
}

/** True when something that opens at nodes is not stored and cannot be. Without it, people may be shut out. */
export const lacksAllows = (verdicts: readonly Verdict[]): boolean =>
  verdicts.some((verdict) => cannotBeStored(verdict) && opensNodes(verdict.desired));

function cannotBeStored(verdict: Verdict): boolean {
  switch (verdict.is) {
    case 'NameTaken':
    case 'NeedsTaken':
    case 'Altered':
      return true;
    case 'Refused':
    case 'NeedsRefused':
      return !verdict.isStored;
    case 'NotServed':
    case 'Waiting':
    case 'Frozen':
    case 'Contested':
    case 'Current':
    case 'Pending':
      return false;
  }
}

export function nodesReport(input: NodesReportInput): NodesReport {
  const { summary } = input;
  const selected = knownOr(summary.selected, []);
  const enforced =
    summary.mode === 'Enforce' && policiesStand(input.plan, input.verdicts)
      ? enforcedNodes(input)
      : new Set();
  const pending = selected.filter((node) => !enforced.has(node));
  const verdict = judge(input, pending);
  return {
    selected: selected.length,
    enforced: selected.length - pending.length,
    unsupported: summary.unsupported?.length ?? 0,
    isEnforced: verdict.condition.status === 'True' || verdict.condition.reason === 'NodesUnsupported',
    failsafesOpen: summary.mode === 'Disabled' ? [] : summary.failsafesOpen,
    ...verdict,
  };
}

function enforcedNodes({ verdicts, plan, hostEndpoints }: NodesReportInput): ReadonlySet<string> {
  const stored = [...only(verdicts, 'Frozen').map(({ live }) => live), ...plan.frozen];
  const ours = (role: Role): ReadonlySet<string> =>
    new Set([
      ...verdicts.flatMap((verdict) => {
        const { object } = verdict.desired;
        const counts = verdict.is !== 'Frozen' && isInPlace(verdict) && desiredRole(verdict.desired) === role;
        return object.kind === 'HostEndpoint' && counts ? [object.spec.node] : [];
      }),
      ...stored.flatMap((live) => (live.role === role && live.node !== undefined ? [live.node] : [])),
    ]);
  const automatic = hostEndpoints.flatMap(({ automatic: isAutomatic, interfaceName, node, labels }) =>
    isAutomatic && interfaceName === '*' && labels[LABEL_ENFORCED] !== undefined ? [node] : [],
  );
  const labelled = new Set([...ours('nodeEndpoint'), ...automatic]);
  return new Set([...ours('lo')].filter((node) => labelled.has(node)));
}

type NodesVerdict = Pick<NodesReport, 'condition' | 'trouble'>;

function judge(input: NodesReportInput, pending: readonly string[]): NodesVerdict {
  const { summary } = input;
  const isFalse = (trouble: NodesReport['trouble'], reason: string, message: string): NodesVerdict => ({
    condition: { status: 'False', reason, message: [message, ...summary.notes].join('; ') },
    trouble,
  });
  if (summary.mode === 'Disabled')
    return isFalse('none', 'Disabled', 'nodes are left alone: nodes.mode is Disabled');
  const count = knownOr(summary.selected, []).length;
  if (summary.blocked !== undefined)
    return isFalse(
      summary.mode === 'Enforce' ? 'stalled' : 'none',
      summary.blocked.reason,
      summary.blocked.message,
    );
  if (summary.mode === 'Observe') {
    const obstacle = obstacleOf(input);
    if (obstacle !== undefined)
      return isFalse(
        obstacle.trouble,
        obstacle.reason,
        `not every node counts what Enforce would drop; ${obstacle.message}`,
      );
    const message =
      'traffic that nothing allows still passes, and nodes count it: set nodes.mode to Enforce to drop it';
    return isFalse('none', 'Observing', message);
  }
  const { unsupported = [] } = summary;
  if (count === 0 && unsupported.length === 0)
    return isFalse('none', 'NoNodeSelected', 'nodes.nodeSelector selects no node: label one, or change it');
  if (pending.length > 0) return isFalse(...progress(input, pending));
  if (unsupported.length > 0) {
    const names = namesOf(unsupported);
    return isFalse(
      'stalled',
      'NodesUnsupported',
      `${String(count)} nodes are enforced; Calico has no host endpoints on ${names} (Windows, virtual nodes), which stay open: leave them out by nodes.nodeSelector`,
    );
  }
  const message = [`all ${String(count)} selected nodes are enforced`, ...summary.notes].join('; ');
  return { condition: { status: 'True', reason: 'Enforced', message }, trouble: 'none' };
}

interface Obstacle {
  readonly reason: 'EndpointRefused' | 'GateRefused';
  readonly message: string;
  readonly trouble: 'passing' | 'stalled';
}

/** Why nodes cannot come under the policies, although nothing is in the way. */
function obstacleOf({ verdicts, labelFailure }: NodesReportInput): Obstacle | undefined {
  const endpoint = only(verdicts, 'Refused').find(({ desired }) => desired.object.kind === 'HostEndpoint');
  if (endpoint !== undefined) {
    const message = `the API server refused ${endpoint.id}: ${endpoint.message}`;
    return { reason: 'EndpointRefused', message, trouble: 'stalled' };
  }
  if (labelFailure === undefined) return undefined;
  const message = `the label ${LABEL_ENFORCED} could not be written to Nodes: ${labelFailure.message}`;
  return { reason: 'GateRefused', message, trouble: labelFailure.isRefused ? 'stalled' : 'passing' };
}

function progress(
  input: NodesReportInput,
  pending: readonly string[],
): readonly ['passing' | 'stalled', string, string] {
  const { summary, verdicts, plan } = input;
  const who = `not yet: ${namesOf(pending)}`;
  const obstacle = obstacleOf(input);
  if (obstacle !== undefined) return [obstacle.trouble, obstacle.reason, `${who}; ${obstacle.message}`];
  if (summary.endpoints === 'Automatic' && nodesStand(plan, verdicts)) {
    const message = `${who}; their automatic host endpoints do not carry ${LABEL_ENFORCED} yet, which Calico's kube-controllers copy from the Nodes: if this lasts, look at calico-kube-controllers`;
    return ['passing', 'Progressing', message];
  }
  return ['passing', 'Progressing', `${who}; their objects are being written`];
}

function namesOf(nodes: readonly string[]): string {
  const more = nodes.length > NAMED ? ` and ${String(nodes.length - NAMED)} more` : '';
  return `${nodes.slice(0, NAMED).join(', ')}${more}`;
}
