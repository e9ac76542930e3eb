/** How far the firewall of the nodes is in force, node by node. Pure. */
import type { Condition } from '../../api/status.ts';
import { LABEL_ENFORCED } from '../../compiler/names.ts';
import { knownOr } from '../../inventory/known.ts';
import type { HostEndpointInfo } from '../../inventory/types.ts';
import type { DesiredObject, NodesSummary } from '../../compiler/types.ts';
import type { WriteResult } from '../apply/execute.ts';
import { objectId } from '../objects/kinds.ts';
import type { Role } from '../objects/role.ts';
import { opensNodes, type Plan } from '../plan/plan.ts';
import { isBefore } from '../plan/order.ts';
import { desiredRole, kindOf } from '../plan/step.ts';
import type { WriteFailure } from '../apply/write.ts';

export interface NodesReport {
  readonly selected: number;
  readonly enforced: number;
  /** NodesEnforced. */
  readonly condition: Pick<Condition, 'status' | 'reason' | 'message'>;
  /** True when the firewall is not ready for it; and whether only a person can mend that. */
  readonly trouble: 'none' | 'passing' | 'stalled';
  /** As `6443/TCP`. */
  readonly failsafesOpen: readonly string[];
  /** Why, where spec.nodes says Managed: see FailsafeOutcome. */
  readonly failsafesNote?: string;
}

export interface NodesReportInput {
  readonly summary: NodesSummary;
  readonly desired: readonly DesiredObject[];
  /** Computed after the writes. */
  readonly plan: Plan;
  /** Of others. */
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
/** Names in a message. */
const NAMED = 5;

/** True when everything stands that has to before a node comes under the policies; what is left may be to go afterwards. */
export function nodesStand({ phases, taken, blocked }: Plan): boolean {
  const steps = phases.flat().filter((step) => isBefore(step, 'sweep'));
  const missing = [...taken.map(({ desired }) => desired), ...blocked].map(desiredRole);
  return ![...steps.map(({ role }) => role), ...missing].some((role) => POLICIES.has(role));
}

/** The policies alone: a node that joins changes sets and has endpoints to come, and is no business of the others. */
function policiesStand({ phases, taken, blocked }: Plan): boolean {
  const steps = phases.flat().filter((step) => isBefore(step, 'sweep'));
  const missing = [...taken.map(({ desired }) => desired), ...blocked];
  const open = [
    ...steps.map((step) => ({ kind: kindOf(step), role: step.role })),
    ...missing.map((desired) => ({ kind: desired.object.kind, role: desiredRole(desired) })),
  ];
  return !open.some(({ kind, role }) => kind === 'GlobalNetworkPolicy' && POLICIES.has(role));
}

/** True when something that lets in at nodes is not stored and cannot be: by its absence people may be shut out. */
export function lacksAllows(
  { taken, blocked }: Plan,
  { refused, skipped }: Pick<WriteResult, 'refused' | 'skipped'>,
): boolean {
  const unwritten = [...refused.map(({ step }) => step), ...skipped].flatMap((step) =>
    step.action === 'apply' && step.live === undefined ? [step.desired] : [],
  );
  return [...taken.map(({ desired }) => desired), ...blocked, ...unwritten].some(opensNodes);
}

export function nodesReport(input: NodesReportInput): NodesReport {
  const { summary } = input;
  const selected = knownOr(summary.selected, []);
  const enforced = summary.mode === 'Enforce' && policiesStand(input.plan) ? enforcedNodes(input) : new Set();
  const pending = selected.filter((node) => !enforced.has(node));
  return {
    selected: selected.length,
    enforced: selected.length - pending.length,
    failsafesOpen: summary.mode === 'Disabled' ? [] : summary.failsafesOpen,
    ...judge(input, pending),
  };
}

function enforcedNodes({ desired, plan, hostEndpoints }: NodesReportInput): ReadonlySet<string> {
  const ours = (role: Role): ReadonlySet<string> =>
    new Set([
      ...desired.flatMap((each) => {
        const { object } = each;
        return object.kind === 'HostEndpoint' &&
          desiredRole(each) === role &&
          plan.current.has(objectId(object.kind, object.metadata))
          ? [object.spec.node]
          : [];
      }),
      ...plan.held.flatMap((live) => (live.role === role && live.node !== undefined ? [live.node] : [])),
    ]);
  const automatic = hostEndpoints.flatMap(({ automatic: isAutomatic, interfaceName, node, labels }) =>
    isAutomatic && interfaceName === '*' && labels[LABEL_ENFORCED] !== undefined ? [node] : [],
  );
  const gated = new Set([...ours('nodeEndpoint'), ...automatic]);
  return new Set([...ours('lo')].filter((node) => gated.has(node)));
}

type Judgement = Pick<NodesReport, 'condition' | 'trouble'>;

function judge(input: NodesReportInput, pending: readonly string[]): Judgement {
  const { summary } = input;
  const isFalse = (trouble: NodesReport['trouble'], reason: string, message: string): Judgement => ({
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
    const message =
      'what nothing allows still passes, and is counted at the nodes; set nodes.mode to Enforce to refuse it';
    return isFalse('none', 'Observing', message);
  }
  if (count === 0)
    return isFalse('none', 'NoNodeSelected', 'nodes.nodeSelector selects no node: label one, or change it');
  if (pending.length > 0) return isFalse(...progress(input, pending));
  const message = [`every node that is selected, ${String(count)}`, ...summary.notes].join('; ');
  return { condition: { status: 'True', reason: 'Enforced', message }, trouble: 'none' };
}

function progress(
  { summary, plan, labelFailure }: NodesReportInput,
  pending: readonly string[],
): readonly ['passing' | 'stalled', string, string] {
  const names = pending.slice(0, NAMED).join(', ');
  const more = pending.length > NAMED ? ` and ${String(pending.length - NAMED)} more` : '';
  const who = `not yet: ${names}${more}`;
  if (labelFailure !== undefined) {
    const message = `${who}; the label ${LABEL_ENFORCED} could not be written to Nodes: ${labelFailure.message}`;
    return [labelFailure.isRefused ? 'stalled' : 'passing', 'GateRefused', message];
  }
  if (summary.endpoints === 'Automatic' && nodesStand(plan)) {
    const message = `${who}; their automatic host endpoints do not carry ${LABEL_ENFORCED} yet, which Calico's kube-controllers copy from the Nodes: if this lasts, look at calico-kube-controllers`;
    return ['passing', 'Progressing', message];
  }
  return ['passing', 'Progressing', `${who}; their objects are being written`];
}
