import type { GeneratedKind } from '../../calico/types.ts';
import type { EventNote } from '../../cluster/objects/events.ts';
import { kindOf, type ApplyStep, type EmptyStep } from '../plan/step.ts';

/** An object, or a label of a Node, that another client had changed or deleted and that is as desired again. */
export interface Repair {
  readonly id: string;
  readonly kind: GeneratedKind | 'Node';
  readonly firewall: string;
  /** The field manager that wrote last, where the object names one. */
  readonly manager: string | undefined;
  /** Begins a sentence, such as `Tier/clusterfirewall had been deleted`. */
  readonly damage: string;
}

/**
 * Collects what people should know of a round. It is filled as things are done, so a round that fails midway
 * loses nothing.
 */
export interface Journal {
  readonly repairs: Repair[];
  /** Events of Felix's failsafes. */
  readonly failsafes: Omit<EventNote, 'regarding'>[];
}

export function repairOf(step: ApplyStep | EmptyStep): Repair {
  const { id, live } = step;
  const manager = live?.foreignManager;
  const damage = live === undefined ? 'deleted' : `changed by ${manager ?? 'another client'}`;
  const firewall = step.action === 'apply' ? step.desired.firewall : (step.live.firewall ?? '');
  return { id, kind: kindOf(step), firewall, manager, damage: `${id} had been ${damage}` };
}
