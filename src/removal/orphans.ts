/**
 * Removes what no ClusterFirewall owns any more, in the operator's order (plan/order.ts): failsafes first, then
 * endpoints, then what denies. No bridge stands in meanwhile, so allowed connections may wait for a moment.
 */
import { sleep, type Clock } from '../cluster/clock.ts';
import { isConflict, messageOf } from '../cluster/errors.ts';
import type { Transport } from '../cluster/http/transport.ts';
import type { Logger } from '../cluster/logger.ts';
import { mergePatch, remove } from '../cluster/objects/apply.ts';
import { LABEL_ENFORCED } from '../compiler/names.ts';
import { FailsafeKeeper } from '../controller/nodes/failsafe-keeper.ts';
import { kindResource } from '../controller/objects/kinds.ts';
import type { OwnedObject } from '../controller/objects/live.ts';
import { ordered } from '../controller/plan/order.ts';
import { removeStep } from '../controller/plan/step.ts';
import { SETTLE_MS } from '../controller/plan/wave-timer.ts';
import { NODES, type Remnants } from './remnants.ts';

export interface RemovalParts {
  readonly transport: Transport;
  readonly clock: Clock;
  readonly log: Logger;
}

/** Returns a sentence for each object that could not be removed, and nothing when everything is gone. */
export async function removeOrphans(
  { objects, labelledNodes, failsafes }: Omit<Remnants, 'firewalls'>,
  parts: RemovalParts,
): Promise<readonly string[]> {
  const { transport, clock } = parts;
  if (failsafes !== undefined) {
    const { failure } = await new FailsafeKeeper(parts).restoreIfNeeded({ to: 'restore' }, failsafes);
    if (failure !== undefined)
      return [`the failsafes are not given back, so nothing else was removed: ${failure.message}`];
    // Felix must know of them before anything else of nodes goes.
    await sleep(clock, SETTLE_MS);
  }
  const failures: string[] = [];
  for (const node of labelledNodes) {
    const patch = { metadata: { labels: { [LABEL_ENFORCED]: null } } };
    await attempt(failures, `Node/${node}`, () => mergePatch(transport, NODES, node, patch));
  }
  for (const slot of ordered(objects.map(removeStep)))
    for (const { id, live } of slot) {
      if (live !== undefined) await attempt(failures, id, () => removeObject(transport, live));
    }
  return failures;
}

async function removeObject(
  transport: Transport,
  { kind, name, namespace, uid }: OwnedObject,
): Promise<void> {
  await remove(transport, kindResource(kind, namespace), name, { preconditions: { uid } });
}

async function attempt(failures: string[], what: string, work: () => Promise<unknown>): Promise<void> {
  try {
    await work();
  } catch (error) {
    // Another object has taken its name.
    if (!isConflict(error)) failures.push(`${what}: ${messageOf(error)}`);
  }
}
