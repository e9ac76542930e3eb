/** Carries out the steps of a plan. */
import { ApiError, messageOf } from '../../cluster/errors.ts';
import type { Logger } from '../../cluster/logger.ts';
import { forEachLimit } from '../../cluster/parallel.ts';
import type { Transport } from '../../cluster/http/transport.ts';
import type { Alterations } from './alterations.ts';
import type { Drift } from './drift.ts';
import { repairOf, type Repair } from './journal.ts';
import type { Role } from '../objects/role.ts';
import { contentHash } from '../objects/content-hash.ts';
import { refilled } from '../objects/emptied.ts';
import { closesTooEarly, isSuccessor, needsAny } from '../plan/plan.ts';
import {
  contentOf,
  kindOf,
  rulesOf,
  type ApplyStep,
  type EmptyStep,
  type RemoveStep,
  type Step,
} from '../plan/step.ts';
import type { Expectation } from '../observe/generated-objects.ts';
import {
  emptyObject,
  isOtherObject,
  judgeError,
  refusalOf,
  removeObject,
  rightTo,
  writeObject,
  type Written,
} from './write.ts';
import type { Authorship } from '../objects/authorship.ts';
import { GENERATED_KINDS, type ObjectId } from '../objects/kinds.ts';

/**
 * Calico's aggregated API server limits its own client to 50 requests a second; more at a time would only queue
 * there.
 */
const PARALLEL = 8;

/** A step that was refused or altered, or that needs one that was. */
export interface Unwritten {
  readonly step: Step;
  /** The API server's own words; undefined where it did not refuse. */
  readonly refusal: string | undefined;
  /** See Written.altered; undefined where the API server altered nothing. */
  readonly altered?: readonly string[];
}

export interface WriteResult {
  /** Writes that the watch has yet to show. */
  readonly written: readonly Expectation[];
  /** Contents of objects that were written, by id: see contentOf. */
  readonly contents: ReadonlyMap<ObjectId, string>;
  readonly unwritten: readonly Unwritten[];
  /** Writes that undid what another client had done. */
  readonly repairs: readonly Repair[];
  /** The error that stopped the plan; the steps after it were not tried. */
  readonly stopped: { readonly message: string; readonly retryAfterMs: number } | undefined;
  /** True when the signal ended the plan early; nothing had failed. */
  readonly interrupted: boolean;
  /** Ids under which there was another object than the one to be written, or none. */
  readonly mistaken: readonly ObjectId[];
}

export interface Executor {
  readonly transport: Transport;
  readonly log: Logger;
  readonly drift: Drift;
  readonly alterations: Alterations;
  readonly authorship: Authorship;
  /** Aborted to end between two steps; a step under way is finished. */
  readonly signal: AbortSignal;
}

interface Progress {
  readonly written: Expectation[];
  readonly contents: Map<ObjectId, string>;
  readonly unwritten: Unwritten[];
  readonly repairs: Repair[];
  readonly mistaken: ObjectId[];
}

/** A refused removal. It ends the plan, because the removals after it could block traffic that should pass. */
class RemovalRefused extends Error {
  override readonly name = 'RemovalRefused';
}

/**
 * Executes phase after phase, and inside a phase a few steps at a time. Steps that the server refuses for good
 * are set aside, together with those that depend on them. A passing error ends the plan, so nothing that closes
 * is written while something that opens is missing.
 */
export async function execute(
  phases: readonly (readonly Step[])[],
  executor: Executor,
): Promise<WriteResult> {
  const progress: Progress = {
    written: [],
    contents: new Map(),
    repairs: [],
    unwritten: [],
    mistaken: [],
  };
  let stopped: WriteResult['stopped'];
  let interrupted = false;
  try {
    for (const steps of phases) {
      await forEachLimit(steps, PARALLEL, (step) => attempt(step, executor, progress), executor.signal);
    }
  } catch (error) {
    interrupted = error === executor.signal.reason;
    if (!interrupted) stopped = { message: messageOf(error), retryAfterMs: retryAfterMs(error) };
  }
  return { ...progress, stopped, interrupted };
}

async function attempt(step: Step, executor: Executor, progress: Progress): Promise<void> {
  if (needsRefused(step, progress)) {
    progress.unwritten.push({ step, refusal: undefined });
    return;
  }
  const altered = alteredBefore(step, executor);
  if (altered !== undefined) {
    progress.unwritten.push({ step, refusal: undefined, altered });
    return;
  }
  try {
    progress.written.push(await carryOut(step, executor, progress));
  } catch (error) {
    const judgement = judgeError(error);
    if (judgement === 'NamespaceGone') return;
    if (isOtherObject(error)) {
      progress.mistaken.push(step.id);
      // Whoever owns the namespace has been faster, which is no reason to leave anybody else waiting.
      if (isNamespaced(step)) return;
    }
    if (judgement === 'Transient') throw error;
    const message = refusalOf(error, rightTo(kindOf(step)));
    progress.unwritten.push({ step, refusal: message });
    executor.log.warn({ ...logFields(step), reason: message }, 'refused by the API server');
    if (step.action === 'remove') throw new RemovalRefused(message);
  }
}

/** The fields that were altered, while it is not time for another try. */
function alteredBefore(step: Step, { alterations }: Executor): readonly string[] | undefined {
  if (step.action === 'remove') return undefined;
  const isTime = alterations.waitMs(step.id, contentOf(step)) === 0;
  return isTime ? undefined : alterations.fields(step.id, contentOf(step));
}

async function carryOut(step: Step, executor: Executor, progress: Progress): Promise<Expectation> {
  const { transport, drift, alterations, authorship, log } = executor;
  if (step.action === 'remove') {
    if (!(await removeObject(transport, step))) progress.mistaken.push(step.id);
    authorship.removed(step.live);
    log.info(logFields(step), 'removed');
    return { id: step.id, kind: step.live.kind, uid: step.live.uid, resourceVersion: undefined };
  }
  const hash = contentOf(step);
  const mayBeDrift = drift.isDrift(step.id, hash);
  const { stored, altered } =
    step.action === 'apply' ? await applied(step, executor) : await emptied(step, executor);
  const { uid, resourceVersion } = stored.metadata;
  const shows = { id: step.id, kind: kindOf(step), uid, resourceVersion };
  alterations.note(step.id, hash, altered);
  if (altered.length > 0) {
    progress.unwritten.push({ step, refusal: undefined, altered });
    log.warn({ ...logFields(step), fields: altered }, 'altered by the API server');
    return shows;
  }
  const isDrift =
    mayBeDrift && drift.repaired(step.id, step.live?.resourceVersion, step.live?.foreignManager);
  progress.contents.set(step.id, hash);
  if (isDrift) progress.repairs.push(repairOf(step));
  const manager = step.live?.foreignManager;
  const done = step.action === 'apply' ? 'applied' : 'emptied, because finalizers of others keep it';
  log.info(
    { ...logFields(step), ...(isDrift && manager !== undefined ? { manager } : {}) },
    isDrift ? 'drift repaired' : done,
  );
  return shows;
}

const isNamespaced = (step: Step): boolean => GENERATED_KINDS[kindOf(step)].namespaced;

function applied(step: ApplyStep, { transport, authorship }: Executor): Promise<Written> {
  const signed = { ...step.desired, object: authorship.signed(step.desired.object) };
  return writeObject(transport, { ...step, desired: signed });
}

async function emptied(step: EmptyStep, { transport, authorship }: Executor): Promise<Written> {
  const stored = await emptyObject(transport, step);
  authorship.vouch({ uid: stored.metadata.uid, hash: contentHash(stored) });
  return { stored, altered: refilled(step.live.kind, stored['spec']) };
}

function needsRefused(step: Step, { unwritten }: Progress): boolean {
  switch (step.action) {
    case 'apply':
      return dependsOnRefused(step, unwritten);
    case 'remove':
    case 'empty':
      return mustStay(step, unwritten);
  }
}

/**
 * True for a policy in a tier that was refused, or one that names a set that was refused or altered. It stays
 * as it was, which is better than half its meaning. A tier that was altered is there.
 */
function dependsOnRefused({ desired }: ApplyStep, unwritten: readonly Unwritten[]): boolean {
  const unwritable = unwritten.flatMap(({ step, altered }) =>
    step.action === 'apply' && (altered === undefined || step.role !== 'tier') ? [step.desired] : [],
  );
  const needed = unwritable.map(({ object }) => object);
  return needsAny(desired.object, needed) || closesTooEarly(desired, unwritable);
}

/**
 * In a rename, the old object stays while the new one is not written. No allow goes while a deny is refused and
 * stored as it was, because the deny may still close what the allow opens. A deny that was altered is stored
 * but for the fields that are named, so it holds back no revocation.
 */
function mustStay({ live }: RemoveStep | EmptyStep, unwritten: readonly Unwritten[]): boolean {
  return unwritten.some(
    ({ step, refusal }) =>
      step.action === 'apply' &&
      (isSuccessor(step.desired, live) || (refusal !== undefined && bounds(step.role, live.role))),
  );
}

const bounds = (deny: Role, allow: Role): boolean =>
  (allow === 'allow' && DENIES_AT_PODS.has(deny)) || (allow === 'nodeAllow' && DENIES_AT_NODES.has(deny));

const DENIES_AT_PODS: ReadonlySet<Role> = new Set(['defaultDeny', 'guardrail', 'podBlock']);
const DENIES_AT_NODES: ReadonlySet<Role> = new Set(['nodeBlock', 'finalDeny', 'finalObserve']);

function logFields(step: Step): object {
  const { firewall } = step.action === 'apply' ? step.desired : step.live;
  return { firewall, rules: rulesOf(step), object: step.id };
}

const retryAfterMs = (error: unknown): number =>
  error instanceof ApiError ? (error.retryAfterSeconds ?? 0) * 1000 : 0;
