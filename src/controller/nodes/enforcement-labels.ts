/**
 * Writes the enforcement label of Nodes, which brings automatic host endpoints under the policies of nodes.
 * Calico's kube-controllers copy the labels of a Node to its endpoints, and undo whatever is written to the
 * endpoints themselves.
 */
import { DEFAULT_FIREWALL } from '../../api/schema.ts';
import { mergePatch } from '../../cluster/objects/apply.ts';
import { isNotFound } from '../../cluster/errors.ts';
import type { Logger } from '../../cluster/logger.ts';
import { forEachLimit } from '../../cluster/parallel.ts';
import type { Transport } from '../../cluster/http/transport.ts';
import { LABEL_ENFORCED } from '../../compiler/names.ts';
import { UNKNOWN, type Known } from '../../inventory/known.ts';
import type { HostEndpointInfo } from '../../inventory/types.ts';
import type { DesiredObject } from '../../compiler/types.ts';
import type { Drift } from '../apply/drift.ts';
import type { Journal, Repair } from '../apply/journal.ts';
import type { DesiredState } from '../plan/desired-state.ts';
import type { StoredNode } from '../observe/cluster-state.ts';
import type { LiveObject } from '../objects/live.ts';
import { isAtPods, isNodeStep, waveOf } from '../plan/order.ts';
import { desiredRole, type Step } from '../plan/step.ts';
import { isOtherObject, RIGHTS, writeFailure, type WriteFailure } from '../apply/write.ts';

const NODES = { group: '', version: 'v1', plural: 'nodes' };
const LABEL_VALUE = 'enforced';
const PARALLEL = 8;

export interface LabelChange {
  readonly node: StoredNode;
  /** Undefined: the label is to be removed. */
  readonly value: string | undefined;
}

export interface LabelPlan {
  readonly set: readonly LabelChange[];
  readonly takeOff: readonly LabelChange[];
  /** True while an automatic endpoint is still under the policies and should leave them. */
  readonly leaving: boolean;
  /** True while one still has to come under them. */
  readonly joining: boolean;
  /**
   * Nodes whose automatic endpoint is not under the policies yet. Our own endpoint of such a node is removed
   * only after it is.
   */
  readonly waitingForAutomatic: ReadonlySet<string>;
}

const labelOf = ({ labels }: Pick<StoredNode, 'labels'>): string | undefined => labels[LABEL_ENFORCED];
const wantedOf = ({ name }: StoredNode, labelled: ReadonlySet<string>): string | undefined =>
  labelled.has(name) ? LABEL_VALUE : undefined;

/**
 * @param own nodes that an endpoint of ours brings under the policies
 * @param wanted while `labelledNodes` is unknown, everything stays as it is
 */
export function labelPlan(
  nodes: readonly StoredNode[],
  endpoints: readonly HostEndpointInfo[],
  own: ReadonlySet<string>,
  { labelledNodes, nodes: summary, desired }: Pick<DesiredState, 'labelledNodes' | 'nodes' | 'desired'>,
): LabelPlan {
  if (labelledNodes === UNKNOWN)
    return { set: [], takeOff: [], leaving: false, joining: false, waitingForAutomatic: new Set() };
  // Where all of spec.nodes goes, every node opens anyway, and nothing waits for Calico.
  const denies = desired.some((each) => ['finalDeny', 'finalObserve'].includes(desiredRole(each)));
  const isBlocked = summary?.blocked !== undefined;
  const replaced = new Set(desired.flatMap(nodeOfEndpoint).filter((node) => !own.has(node)));
  const changes = nodes
    .map((node) => ({ node, value: wantedOf(node, labelledNodes) }))
    .filter(({ node, value }) => labelOf(node) !== value && !replaced.has(node.name));
  const set = isBlocked ? [] : changes.filter(({ value }) => value !== undefined);
  const takeOff = changes.filter(({ value }) => value === undefined);
  const isAtOdds = ({ automatic, node, labels }: HostEndpointInfo, on: boolean): boolean =>
    automatic &&
    labelledNodes.has(node) === on &&
    (labels[LABEL_ENFORCED] !== undefined) !== on &&
    !replaced.has(node);
  const enforcing = new Set(endpoints.filter(isEnforcing).map(({ node }) => node));
  return {
    set,
    takeOff,
    leaving: denies && (takeOff.length > 0 || endpoints.some((each) => isAtOdds(each, false))),
    joining: denies && !isBlocked && (set.length > 0 || endpoints.some((each) => isAtOdds(each, true))),
    waitingForAutomatic: new Set(denies ? [...labelledNodes].filter((node) => !enforcing.has(node)) : []),
  };
}

const isEnforcing = ({ automatic, interfaceName, labels }: HostEndpointInfo): boolean =>
  automatic && interfaceName === '*' && labels[LABEL_ENFORCED] !== undefined;

const nodeOfEndpoint = (desired: DesiredObject): readonly string[] =>
  desired.object.kind === 'HostEndpoint' && desiredRole(desired) === 'nodeEndpoint'
    ? [desired.object.spec.node]
    : [];

/** Nodes with a stored endpoint of ours for all interfaces. */
export const nodesOfOurs = (live: readonly LiveObject[]): ReadonlySet<string> =>
  new Set(
    live.flatMap((object) =>
      object.ours && object.role === 'nodeEndpoint' && object.node !== undefined && object.isEmptied !== true
        ? [object.node]
        : [],
    ),
  );

/**
 * True for the removal of an endpoint of ours whose node no other endpoint brings under the policies yet. Where
 * there are two, Felix takes one of them, and both say the same.
 */
export const isReplacedByAutomatic =
  ({ waitingForAutomatic }: Pick<LabelPlan, 'waitingForAutomatic'>) =>
  (step: Step): boolean =>
    step.action === 'remove' &&
    step.role === 'nodeEndpoint' &&
    step.live.node !== undefined &&
    waitingForAutomatic.has(step.live.node);

/**
 * Endpoints leave first and join last (plan/order.ts). Until Calico has updated its own, nothing else of
 * nodes changes, and the last removals wait. Where Calico's endpoints replace ours, or ours replace them, the
 * old ones go when the new ones have come.
 */
export const isDeferred =
  (plan: LabelPlan) =>
  (step: Step): boolean =>
    isReplacedByAutomatic(plan)(step) ||
    (plan.joining && waveOf(step) === 'sweep') ||
    (plan.leaving && isNodeStep(step) && !isAtPods(step));

export interface EnforcementLabelOptions {
  readonly transport: Transport;
  readonly log: Logger;
  readonly drift: Drift;
  readonly signal: AbortSignal;
}

const idOf = ({ name }: StoredNode): string => `Node/${name}`;

const labelRepair = (node: StoredNode): Repair => ({
  id: idOf(node),
  kind: 'Node',
  firewall: DEFAULT_FIREWALL,
  manager: undefined,
  damage: `the label ${LABEL_ENFORCED} of ${idOf(node)} had been changed`,
});

/** Writes the labels, and tells changes of other clients from ours. */
export class EnforcementLabels {
  readonly #options: EnforcementLabelOptions;
  /**
   * Nodes as they were when their label was written. Until the watch shows a newer one, there is nothing to
   * write.
   */
  readonly #written = new Map<string, StoredNode>();

  constructor(options: EnforcementLabelOptions) {
    this.#options = options;
  }

  /** Milliseconds until the next contested label may be written; 0 when none is contested. */
  waitMs(changes: readonly LabelChange[]): number {
    const waits = changes.map(({ node }) => this.#options.drift.waitMs(idOf(node))).filter((ms) => ms > 0);
    return waits.length === 0 ? 0 : Math.min(...waits);
  }

  /**
   * Remembers the labels that are as desired, so a later difference is known as the change of another client.
   */
  remember(nodes: readonly StoredNode[], labelled: Known<ReadonlySet<string>>): void {
    if (labelled === UNKNOWN) return;
    const names = new Set(nodes.map(({ name }) => name));
    for (const name of this.#written.keys()) if (!names.has(name)) this.#written.delete(name);
    const asDesired = nodes.filter((node) => labelOf(node) === wantedOf(node, labelled));
    this.#options.drift.remember(
      new Map(asDesired.map((node) => [idOf(node), labelOf(node) ?? ''])),
      new Set(nodes.map(idOf)),
    );
  }

  /**
   * Returns why labels could not be written. A node that is gone, or was made anew under its name, is left to
   * the watch.
   */
  async write(
    changes: readonly LabelChange[],
    { repairs }: Pick<Journal, 'repairs'>,
  ): Promise<WriteFailure | undefined> {
    const { drift, signal } = this.#options;
    const isDue = (node: StoredNode): boolean =>
      this.#written.get(node.name) !== node && drift.waitMs(idOf(node)) === 0;
    const due = changes.filter(({ node }) => isDue(node));
    try {
      await forEachLimit(due, PARALLEL, (change) => this.#write(change, repairs), signal);
      return undefined;
    } catch (error) {
      if (error === signal.reason) return undefined;
      return writeFailure(error, RIGHTS.labels);
    }
  }

  async #write({ node, value }: LabelChange, repairs: Repair[]): Promise<void> {
    const { transport, log, drift } = this.#options;
    const { name, uid } = node;
    const isDrift = drift.isDrift(idOf(node), value ?? '');
    try {
      await mergePatch(transport, NODES, name, {
        metadata: { uid, labels: { [LABEL_ENFORCED]: value ?? null } },
      });
    } catch (error) {
      if (isNotFound(error) || isOtherObject(error)) return;
      throw error;
    }
    this.#written.set(name, node);
    if (isDrift) {
      // A node is not written again before the watch shows it anew, so each of these is a repair of its own.
      drift.repaired(idOf(node), undefined);
      repairs.push(labelRepair(node));
    }
    const what = value === undefined ? 'enforcement label removed' : 'enforcement label set';
    log.info({ object: idOf(node) }, isDrift ? 'drift repaired' : what);
  }
}
