/** The places that a packet passes, with the reason of each decision. */
import type { Prepared } from '../simulator/prepared.ts';
import type { Step } from '../simulator/trail.ts';
import { podName } from '../simulator/world.ts';
import { causeOf, type Cause } from './cause.ts';
import type { Provenance } from './provenance.ts';

/** A place on the way, and what it decided. */
export interface Passed {
  readonly step: Step;
  /** `NAMESPACE/NAME` of the pod that is judged, or that gets the packet. Absent for a node. */
  readonly pod?: string;
  readonly cause: Cause;
}

export function passedAt(prepared: Prepared, step: Step, provenance: Provenance): Passed {
  const { layer, source, destination } = step;
  const isSender = layer === 'pod egress' || layer === 'pod to its node';
  const place = prepared.placeOf(isSender ? source : destination);
  const isAtPod = layer.startsWith('pod ') || layer === 'delivery';
  const pod = isAtPod && place?.kind === 'pod' ? podName(place.pod) : undefined;
  return { step, cause: causeOf(step, provenance), ...(pod !== undefined && { pod }) };
}

/** The last place; for an allowed flow the last rule on its way, or a failsafe where there is none. */
export function decidingPlace(path: readonly Passed[], last: Passed): Passed {
  if (last.cause.verdict !== 'Allowed') return last;
  return (
    path.findLast(({ cause }) => cause.policies.length > 0) ??
    path.findLast(({ step }) => step.decision.by.kind === 'failsafe') ??
    last
  );
}
