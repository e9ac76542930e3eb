/**
 * The order of writes. It is made of waves, and of places inside a wave (docs/decisions/0014-write-order.md).
 * Pure.
 *
 * Guardrails and blocks come before the allows that they bound, and go after them. New policies come before
 * old ones go, so a renamed or merged rule never lacks its policy. Endpoints leave before anything changes at
 * nodes and join after it, so a node that is open before or after the change is open during it.
 */
import { familyOf, type Role } from '../objects/role.ts';
import { changeOf, type Change, type Step } from './step.ts';

export const WAVES = [
  'prepare',
  'endpointsLeave',
  'sets',
  'bridges',
  'boundedBridges',
  'policies',
  'nodeAddresses',
  'close',
  'withdraw',
  'retire',
  'endpointsJoin',
  'sweep',
] as const;

export type Wave = (typeof WAVES)[number];

/** Steps with the same slot are written in any order. */
interface Slot {
  readonly wave: Wave;
  readonly place: number;
}

const at = (wave: Wave, place = 0): Slot => ({ wave, place });

const always = (create: Slot, remove: Slot) => ({ create, update: create, remove });

const ORDER: Readonly<Record<Role, Readonly<Record<Change, Slot>>>> = {
  tier: always(at('prepare', 0), at('sweep', 4)),
  finalPass: always(at('prepare', 1), at('sweep', 2)),
  set: { create: at('prepare', 2), update: at('sets', 0), remove: at('sweep', 3) },
  podShadow: always(at('prepare', 3), at('sweep', 0)),
  podBlock: always(at('prepare', 4), at('sweep', 0)),

  lo: always(at('sets', 1), at('sweep', 1)),

  nodeShadow: always(at('bridges', 0), at('retire', 2)),
  finalShadow: always(at('bridges', 0), at('retire', 0)),
  bridgeOld: always(at('bridges', 0), at('retire', 2)),
  bridgeOldComplete: always(at('bridges', 1), at('retire', 2)),
  guardrailOld: always(at('bridges', 0), at('retire', 3)),
  guardrail: always(at('bridges', 2), at('retire', 3)),
  nodeBlock: always(at('bridges', 3), at('retire', 3)),
  // In a wave of its own: a node that lists anew after an outage programs one wave in any order.
  bridgeNew: always(at('boundedBridges'), at('retire', 2)),

  allow: { create: at('policies', 0), update: at('policies', 1), remove: at('withdraw', 2) },
  nodeAllow: { create: at('policies', 2), update: at('policies', 3), remove: at('retire', 1) },
  defaultDeny: { create: at('policies', 4), update: at('policies', 5), remove: at('withdraw', 1) },
  finalObserve: always(at('policies', 6), at('withdraw', 1)),
  // A final policy that begins to deny waits for the addresses that it means.
  finalDeny: { create: at('close', 0), update: at('policies', 6), remove: at('withdraw', 1) },
  nodeAddresses: always(at('nodeAddresses'), at('withdraw', 0)),
  nodeEndpoint: { create: at('endpointsJoin'), update: at('close', 1), remove: at('endpointsLeave') },
};

const slotOf = (step: Step): Slot => ORDER[step.role][changeOf(step)];

/**
 * The wave that a step waits for where waves wait for one another. Withdrawn objects do not wait for the
 * nodes to close. They go together with what replaces them, which saves a pause.
 */
export function waveOf(step: Step): Wave {
  const { wave } = slotOf(step);
  return wave === 'withdraw' ? 'policies' : wave;
}

/** True for a step that other waves wait for before this one. */
export const isBefore = (step: Step, wave: Wave): boolean =>
  WAVES.indexOf(waveOf(step)) < WAVES.indexOf(wave);

/** The steps in the order of their slots; those of one slot together. */
export function ordered(steps: readonly Step[]): readonly (readonly Step[])[] {
  const slotted = steps.map((step) => ({ step, ...slotOf(step) }));
  return WAVES.flatMap((wave) => {
    const own = slotted.filter((each) => each.wave === wave);
    const places = [...new Set(own.map(({ place }) => place))].sort((a, b) => a - b);
    return places.map((place) => own.filter((each) => each.place === place).map(({ step }) => step));
  });
}

/** True for steps of spec.nodes but its sets, which are everybody's, and its shadows. */
export const isNodeStep = ({ role }: Step): boolean => familyOf(role) === 'nodes';

/**
 * True for what spec.nodes refuses at pods, and its shadow. It is there before endpoints leave, and goes when
 * they have joined.
 */
export const isAtPods = ({ role }: Step): boolean => role === 'podBlock' || role === 'podShadow';
