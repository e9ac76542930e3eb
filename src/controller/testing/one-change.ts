/** One change from one spec to another, carried out write by write. Its order can be disturbed. */
import type { ClusterFirewall, Spec } from '../../api/schema.ts';
import type { GeneratedObject } from '../../calico/types.ts';
import { compile } from '../../compiler/compile.ts';
import type { DesiredObject } from '../../compiler/types.ts';
import type { Inventory } from '../../inventory/types.ts';
import { objectId } from '../objects/kinds.ts';
import type { Role } from '../objects/role.ts';
import type { Step } from '../plan/step.ts';
import { fromStored, transition } from '../plan/transition.ts';
import { WaveTimer } from '../plan/wave-timer.ts';
import { live, storedObject } from './objects.ts';

export interface Situation {
  /** The spec of the firewall called default; undefined: there is none. */
  readonly spec: Partial<Spec> | undefined;
  readonly inventory: Inventory;
}

/** Returns the steps of a round that are still planned. */
export type Disturbance = (steps: readonly Step[]) => readonly Step[];

export type Objects = ReadonlyMap<string, GeneratedObject>;

export const byId = (objects: readonly GeneratedObject[]): Objects =>
  new Map(objects.map((object) => [objectId(object.kind, object.metadata), object]));

export function compiledFrom({ spec, inventory }: Situation): readonly GeneratedObject[] {
  return desiredOf({ spec, inventory }).map(({ object }) => object);
}

function desiredOf({ spec, inventory }: Situation): readonly DesiredObject[] {
  const firewalls: readonly ClusterFirewall[] =
    spec === undefined ? [] : [{ metadata: { name: 'default' }, spec: { mode: 'Enforce', ...spec } }];
  const { objects, frozen, problems } = compile(firewalls, inventory);
  if (frozen.length > 0) throw new Error(`the case has problems: ${JSON.stringify(problems)}`);
  return objects;
}

interface ChangeOptions {
  readonly disturbance?: Disturbance;
  /** The operator stops when it has written an object with this role. */
  readonly until?: Role;
}

/** @returns what is stored after each write, from the beginning to the end */
export function change(
  from: Objects,
  to: Situation,
  { disturbance = (steps) => steps, until }: ChangeOptions = {},
): readonly Objects[] {
  let now = 0;
  const waveTimer = new WaveTimer({ now: () => now });
  const states = [from];
  for (let round = 0; round < 40; round++) {
    const stored = states.at(-1) ?? from;
    const planned = planFor(stored, to);
    const steps = new Set(disturbance(planned.plan.phases.flat()));
    const phases = planned.plan.phases
      .map((phase) => phase.filter((step) => steps.has(step)))
      .filter((phase) => phase.length > 0);
    const due = waveTimer.due({ ...planned, plan: { ...planned.plan, phases } }, () => false);
    if (due.phases.length === 0 && due.waitMs === 0) return states;
    for (const step of due.phases.flat()) {
      states.push(written(states.at(-1) ?? from, step));
      waveTimer.wrote([step], planned.staged);
      if (step.role === until) return states;
    }
    now += due.waitMs;
  }
  throw new Error('the change does not end');
}

function planFor(stored: Objects, to: Situation) {
  const objects = [...stored.values()].map((object) => ({ object, firewall: 'default', rules: [] }));
  const input = {
    desired: desiredOf(to),
    frozen: [],
    live: objects.map(live),
    firewalls: new Set(['default']),
    isClosedNamespace: () => false,
    ignoresWaves: () => false,
  };
  const first = transition({ ...input, fromStored: undefined });
  if (!first.needsStored) return first;
  const whole = objects.map((each) => storedObject(each));
  return transition({ ...input, fromStored: fromStored(whole) });
}

function written(stored: Objects, step: Step): Objects {
  const next = new Map(stored);
  if (step.action === 'apply') next.set(step.id, step.desired.object);
  else next.delete(step.id);
  return next;
}
