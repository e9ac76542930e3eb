/**
 * Which writes turn what is stored into what is desired, and in which order (order.ts). Pure.
 *
 * Any policy that selects a pod isolates it, so the order of single policies is not enough for pods. Bridges keep their traffic open
 * meanwhile (bridges.ts), and waves wait for one another (transition.ts).
 */
import type { GeneratedObject } from '../../calico/types.ts';
import { LABEL_SET, setSelector } from '../../compiler/names.ts';
import type { DesiredObject } from '../../compiler/types.ts';
import { desiredHash as hashOf } from '../objects/content-hash.ts';
import { objectId } from '../objects/kinds.ts';
import type { LiveObject, OwnedObject } from '../objects/live.ts';
import type { Role } from '../objects/role.ts';
import { ordered } from './order.ts';
import { applyStep, desiredRole, removeStep, type ApplyStep, type RemoveStep, type Step } from './step.ts';

export interface PlanInput {
  readonly desired: readonly DesiredObject[];
  readonly live: Iterable<LiveObject>;
  /** Rule ids, or prefixes ending in `/`; `NAME/` holds everything of the firewall NAME. */
  readonly held: readonly string[];
  /** Names of the firewalls that exist, also of those being deleted. Objects of others are left alone. */
  readonly firewalls: ReadonlySet<string>;
  /** True where nothing can be created now: a namespace that does not exist or is being deleted. */
  readonly isClosedNamespace: (namespace: string) => boolean;
  /** True while no host endpoint may come under the policies of nodes that is not there yet. */
  readonly holdsEndpoints?: boolean;
  /** True when a stored hash stands for the desired one although they differ: what the server makes of our object. */
  readonly isEquivalent?: (id: string, desiredHash: string, liveHash: string) => boolean;
}

/** A desired object whose name somebody else's has. */
export interface Taken {
  readonly desired: DesiredObject;
  readonly id: string;
  readonly foreignManager: string | undefined;
}

export interface Plan {
  /** Executed one after the other; the steps inside one in any order. Never empty ones. */
  readonly phases: readonly (readonly Step[])[];
  /** Desired objects that are stored as desired: their ids, and the hash of what is desired. */
  readonly current: ReadonlyMap<string, string>;
  /** Desired objects whose name somebody else has. */
  readonly taken: readonly Taken[];
  /** Desired objects that wait for their namespace, or host endpoints for what keeps them. */
  readonly waiting: readonly DesiredObject[];
  /** Desired policies that are not written because the name of their tier, or of a set they name, is taken. */
  readonly blocked: readonly DesiredObject[];
  /** Stored objects kept because of a held rule. */
  readonly held: readonly OwnedObject[];
  /** Stored objects of firewalls that do not exist. */
  readonly orphans: readonly OwnedObject[];
}

/** True when `held` (ids, or prefixes ending in `/`) covers the rule. */
export function isHeld(held: readonly string[], rule: string): boolean {
  return held.some((entry) => (entry.endsWith('/') ? rule.startsWith(entry) : rule === entry));
}

const isHeldObject = (held: readonly string[], live: OwnedObject): boolean =>
  live.rules.some((rule) => isHeld(held, rule)) || held.includes(`${live.firewall ?? ''}/`);

const KEPT_UP_TO_DATE: ReadonlySet<Role> = new Set(['tier', 'set', 'nodeAddresses']);

/** A policy that carries a held rule which the new one lacks stays as it is; a set's content is its peer's, not the rule's. */
function isFrozen(held: readonly string[], desired: DesiredObject, live: OwnedObject): boolean {
  if (desired.standIn === true) return true;
  if (KEPT_UP_TO_DATE.has(desiredRole(desired))) return false;
  return live.rules.some((rule) => isHeld(held, rule) && !desired.rules.includes(rule));
}

type Verdict =
  | { readonly is: 'taken' | 'waiting' }
  | { readonly is: 'current'; readonly desiredHash: string }
  | { readonly is: 'frozen'; readonly live: OwnedObject }
  | { readonly is: 'different'; readonly step: ApplyStep };

function judge(input: PlanInput, desired: DesiredObject, id: string, live: LiveObject | undefined): Verdict {
  if (live?.ours === false) return { is: 'taken' };
  const { namespace } = desired.object.metadata;
  if (namespace !== undefined && input.isClosedNamespace(namespace)) return { is: 'waiting' };
  const desiredHash = hashOf(desired.object);
  if (live !== undefined) {
    const isCurrent = live.hash === desiredHash || input.isEquivalent?.(id, desiredHash, live.hash) === true;
    if (isCurrent) return { is: 'current', desiredHash };
    if (isFrozen(input.held, desired, live)) return { is: 'frozen', live };
  } else if (input.holdsEndpoints === true && desiredRole(desired) === 'nodeEndpoint') {
    return { is: 'waiting' };
  }
  return { is: 'different', step: applyStep(desired, live) };
}

/** True when the object is a policy that needs one of these: the tier it is in, a set it names. */
export function needsAny(object: GeneratedObject, needed: readonly GeneratedObject[]): boolean {
  if (needed.length === 0 || !('tier' in object.spec)) return false;
  const { tier } = object.spec;
  const text = JSON.stringify(object.spec);
  return needed.some(({ kind, metadata }) => {
    if (kind === 'Tier') return tier === metadata.name;
    const value = kind === 'GlobalNetworkSet' ? metadata.labels?.[LABEL_SET] : undefined;
    return value !== undefined && text.includes(setSelector(value));
  });
}

const OPENS_NODES: ReadonlySet<Role> = new Set(['set', 'lo', 'nodeAllow']);
const CLOSES_NODES: ReadonlySet<Role> = new Set([
  'nodeEndpoint',
  'nodeAddresses',
  'finalDeny',
  'finalObserve',
]);

/** True for what lets in at nodes, and for the sets and the exemption of lo that this needs. */
export const opensNodes = (desired: DesiredObject): boolean =>
  OPENS_NODES.has(desiredRole(desired)) && desired.rules.some((rule) => rule.split('/')[1] === 'nodes');

/** Nothing closes at nodes while something that opens there cannot be written. It would shut people out. */
export const closesTooEarly = (desired: DesiredObject, unwritable: readonly DesiredObject[]): boolean =>
  unwritable.some(opensNodes) && CLOSES_NODES.has(desiredRole(desired));

/** The steps from what is stored to what is desired, and what is left alone on the way. */
export function plan(input: PlanInput): Plan {
  const live = new Map<string, LiveObject>();
  for (const object of input.live) live.set(object.id, object);
  const { applies, ...found } = compare(input, live);
  const { removals, held, orphans } = prune(input, live, found.taken);
  return { phases: ordered([...applies, ...removals]), ...found, held: [...found.held, ...held], orphans };
}

type Comparison = Pick<Plan, 'current' | 'taken' | 'waiting' | 'blocked' | 'held'> & {
  readonly applies: readonly ApplyStep[];
};

function compare(input: PlanInput, live: ReadonlyMap<string, LiveObject>): Comparison {
  const current = new Map<string, string>();
  const taken: Taken[] = [];
  const waiting: DesiredObject[] = [];
  const held: OwnedObject[] = [];
  const different: ApplyStep[] = [];
  for (const desired of input.desired) {
    const id = objectId(desired.object.kind, desired.object.metadata);
    const stored = live.get(id);
    const verdict = judge(input, desired, id, stored);
    if (verdict.is === 'current') current.set(id, verdict.desiredHash);
    else if (verdict.is === 'different') different.push(verdict.step);
    else if (verdict.is === 'frozen') held.push(verdict.live);
    else if (verdict.is === 'waiting') waiting.push(desired);
    else taken.push({ desired, id, foreignManager: stored?.foreignManager });
  }
  const nameless = taken.map(({ desired }) => desired);
  const names = nameless.map(({ object }) => object);
  const isBlocked = ({ desired }: ApplyStep): boolean =>
    needsAny(desired.object, names) || closesTooEarly(desired, nameless);
  const blocked = different.filter(isBlocked).map(({ desired }) => desired);
  return { current, taken, waiting, held, blocked, applies: different.filter((step) => !isBlocked(step)) };
}

/** What is ours and no longer desired goes, unless a held rule, or one whose new object cannot be written, is in it. */
function prune(input: PlanInput, live: ReadonlyMap<string, LiveObject>, taken: readonly Taken[]) {
  const wanted = new Set(input.desired.map(({ object }) => objectId(object.kind, object.metadata)));
  const keep = [...input.held, ...taken.flatMap(({ desired }) => desired.rules)];
  const removals: RemoveStep[] = [];
  const held: OwnedObject[] = [];
  const orphans: OwnedObject[] = [];
  for (const object of live.values()) {
    if (!object.ours || wanted.has(object.id)) continue;
    if (object.firewall === undefined || !input.firewalls.has(object.firewall)) orphans.push(object);
    else if (isHeldObject(keep, object)) held.push(object);
    else removals.push(removeStep(object));
  }
  return { removals, held, orphans };
}
