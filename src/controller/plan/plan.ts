/**
 * Which writes turn what is stored into what is desired, and in which order (order.ts). Pure.
 *
 * Any policy that selects a pod isolates it, so the order of single policies is not enough for pods. Bridges
 * keep their traffic open meanwhile (bridges.ts), and waves wait for one another (transition.ts).
 */
import type { GeneratedObject } from '../../calico/types.ts';
import { setsNamedBy } from '../../compiler/flows/sets.ts';
import { isBelow, isRuleOfNodes, LABEL_SET, partsOf, type RuleId } from '../../compiler/names.ts';
import type { DesiredObject, Frozen, Reach } from '../../compiler/types.ts';
import { desiredHash as hashOf } from '../objects/content-hash.ts';
import { objectId, type ObjectId } from '../objects/kinds.ts';
import type { LiveObject, OwnedObject } from '../objects/live.ts';
import { whenHeld, type Role } from '../objects/role.ts';
import { confined, type Confines } from './confined.ts';
import { ordered } from './order.ts';
import { applyStep, desiredRole, emptyStep, removeStep, type ApplyStep, type Step } from './step.ts';

export interface PlanInput {
  readonly desired: readonly DesiredObject[];
  readonly live: Iterable<LiveObject>;
  /** The name of a firewall as a prefix holds everything of the firewall. */
  readonly frozen: readonly Frozen[];
  /** Names of the firewalls that exist, also of those being deleted. Objects of others are left alone. */
  readonly firewalls: ReadonlySet<string>;
  /** True where nothing can be created now: a namespace that does not exist or is being deleted. */
  readonly isClosedNamespace: (namespace: string) => boolean;
  /** Absent: not known. */
  readonly reach?: Reach | undefined;
  /** True while no host endpoint may come under the policies of nodes that is not there yet. */
  readonly holdsEndpoints?: boolean;
}

/** The state of a desired object, compared with what is stored. */
export type Comparison = {
  readonly id: ObjectId;
  readonly desired: DesiredObject;
} & (
  | { readonly is: 'Current'; readonly desiredHash: string; readonly live: OwnedObject }
  | { readonly is: 'Pending'; readonly step: ApplyStep }
  /** Stays as it is stored, because a frozen rule or a stand-in keeps it. */
  | { readonly is: 'Frozen'; readonly live: OwnedObject }
  /** Waits for its namespace, or as a host endpoint for what keeps it. */
  | { readonly is: 'Waiting' }
  /** Another client's object has its name. */
  | { readonly is: 'NameTaken'; readonly foreignManager: string | undefined }
  /**
   * Not written, because the name of its tier, of a set that it names, or of something that opens before it
   * closes is taken.
   */
  | { readonly is: 'NeedsTaken' }
);

export interface Stray {
  readonly live: OwnedObject;
  readonly confines: Confines;
}

export interface Plan {
  /** Executed one after the other; the steps inside one in any order. Never empty ones. */
  readonly phases: readonly (readonly Step[])[];
  /** One for each desired object, in the same order. */
  readonly comparisons: readonly Comparison[];
  /** Stored objects that are not desired, kept because of a frozen rule. */
  readonly frozen: readonly OwnedObject[];
  /** Open ones that are not desired and are being deleted, but wait for a finalizer. */
  readonly lingering: readonly OwnedObject[];
  /** Those that stay for a frozen rule, and select pods where there is no default deny: see confined.ts. */
  readonly strays: ReadonlyMap<ObjectId, Stray>;
  /** Stored objects of firewalls that do not exist. */
  readonly orphans: readonly OwnedObject[];
  /** Stored objects that are not desired and are deleted, while finalizers of others keep them. */
  readonly held: readonly OwnedObject[];
  /** Stored objects that are not desired, and stay because a deny that is held needs them. */
  readonly needed: readonly OwnedObject[];
}

/** Those of one kind, such as all that are `Current`. */
export const only = <Each extends { readonly is: string }, Is extends Each['is']>(
  all: readonly Each[],
  is: Is,
): readonly Extract<Each, { readonly is: Is }>[] =>
  all.filter((each): each is Extract<Each, { readonly is: Is }> => each.is === is);

export const isFrozen = (frozen: readonly Frozen[], rule: RuleId): boolean =>
  frozen.some((each) => ('rule' in each ? rule === each.rule : 'prefix' in each && holds(each.prefix, rule)));

/** The rules of a group called `nodes` do not belong to `spec.nodes`. */
const holds = (prefix: RuleId, rule: RuleId): boolean =>
  isBelow(rule, prefix) && (!isNodes(prefix) || isRuleOfNodes(rule));

const isNodes = (prefix: RuleId): boolean => {
  const [, section, ...more] = partsOf(prefix);
  return section === 'nodes' && more.length === 0;
};

const isFrozenSet = (frozen: readonly Frozen[], rule: RuleId): boolean =>
  frozen.some((each) => 'sets' in each && (rule === each.sets || isBelow(rule, each.sets)));

/** An object that carries no rule is frozen with its firewall. */
export const carriesFrozen = (frozen: readonly Frozen[], { kind, rules, firewall }: OwnedObject): boolean =>
  rules.some(
    (rule) => isFrozen(frozen, rule) || (kind === 'GlobalNetworkSet' && isFrozenSet(frozen, rule)),
  ) || frozen.some((each) => 'prefix' in each && each.prefix === firewall);

const KEPT_UP_TO_DATE: ReadonlySet<Role> = new Set(['tier', 'set', 'nodeAddresses']);

/**
 * A policy that carries a frozen rule which the new one lacks stays as it is; a set's content is its peer's,
 * not the rule's.
 */
function staysAsStored(frozen: readonly Frozen[], desired: DesiredObject, live: OwnedObject): boolean {
  // Its rules are what its author says, and keep nothing.
  if (live.isOpen) return false;
  if (desired.standIn === true) return true;
  if (KEPT_UP_TO_DATE.has(desiredRole(desired))) return false;
  return live.rules.some((rule) => isFrozen(frozen, rule) && !desired.rules.includes(rule));
}

function compare(
  input: PlanInput,
  desired: DesiredObject,
  live: LiveObject | undefined,
  id: ObjectId,
): Comparison {
  const common = { id, desired };
  if (live?.ours === false) return { ...common, is: 'NameTaken', foreignManager: live.foreignManager };
  const { namespace } = desired.object.metadata;
  if (namespace !== undefined && input.isClosedNamespace(namespace)) return { ...common, is: 'Waiting' };
  const desiredHash = hashOf(desired.object);
  if (live !== undefined) {
    if (live.hash === desiredHash) return { ...common, is: 'Current', desiredHash, live };
    if (staysAsStored(input.frozen, desired, live) && confined(live, input.reach) !== 'nothing')
      return { ...common, is: 'Frozen', live };
  } else if (input.holdsEndpoints === true && desiredRole(desired) === 'nodeEndpoint') {
    return { ...common, is: 'Waiting' };
  }
  return { ...common, is: 'Pending', step: applyStep(desired, live) };
}

/** True when the object is a policy that needs one of these: the tier it is in, a set it names. */
export function needsAny(object: GeneratedObject, needed: readonly GeneratedObject[]): boolean {
  if (needed.length === 0 || !('tier' in object.spec)) return false;
  const { tier } = object.spec;
  const named = setsNamedBy(object);
  return needed.some(({ kind, metadata }) => {
    if (kind === 'Tier') return tier === metadata.name;
    const value = kind === 'GlobalNetworkSet' ? metadata.labels?.[LABEL_SET] : undefined;
    return value !== undefined && named.has(value);
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
  OPENS_NODES.has(desiredRole(desired)) && desired.rules.some((rule) => partsOf(rule)[1] === 'nodes');

/** Nothing closes at nodes while something that opens there cannot be written. It would shut people out. */
export const closesTooEarly = (desired: DesiredObject, unwritable: readonly DesiredObject[]): boolean =>
  unwritable.some(opensNodes) && CLOSES_NODES.has(desiredRole(desired));

/** The steps from what is stored to what is desired, and what is left alone on the way. */
export function plan(input: PlanInput): Plan {
  const live = new Map<string, LiveObject>();
  for (const object of input.live) live.set(object.id, object);
  const comparisons = compareAll(input, live);
  const applies = only(comparisons, 'Pending').map(({ step }) => step);
  const { steps, ...kept } = prune(input, live, comparisons);
  const strays = straysAmong(
    [...only(comparisons, 'Frozen').map((each) => each.live), ...kept.frozen],
    input,
  );
  return { phases: ordered([...applies, ...steps]), comparisons, strays, ...kept };
}

function straysAmong(kept: readonly OwnedObject[], { reach }: PlanInput): Plan['strays'] {
  return new Map(
    kept.flatMap((live) => {
      const confines = confined(live, reach);
      return typeof confines === 'string' ? [] : [[live.id, { live, confines }] as const];
    }),
  );
}

function compareAll(input: PlanInput, live: ReadonlyMap<string, LiveObject>): readonly Comparison[] {
  const comparisons = input.desired.map((desired) => {
    const id = objectId(desired.object.kind, desired.object.metadata);
    return compare(input, desired, live.get(id), id);
  });
  const nameless = only(comparisons, 'NameTaken').map(({ desired }) => desired);
  if (nameless.length === 0) return comparisons;
  const names = nameless.map(({ object }) => object);
  return comparisons.map(({ id, desired, ...rest }) =>
    rest.is === 'Pending' && (needsAny(desired.object, names) || closesTooEarly(desired, nameless))
      ? { id, desired, is: 'NeedsTaken' }
      : { id, desired, ...rest },
  );
}

type Leftovers = Pick<Plan, 'frozen' | 'orphans' | 'lingering' | 'held' | 'needed'> & {
  readonly steps: readonly Step[];
};

/**
 * Removes our objects that are no longer desired. An object stays if it carries a frozen rule, or a rule
 * whose new object cannot be written, or if a deny that is held needs it. An open one stays only while all of its
 * firewall is frozen.
 */
function prune(
  input: PlanInput,
  live: ReadonlyMap<string, LiveObject>,
  comparisons: readonly Comparison[],
): Leftovers {
  const wanted = new Set(comparisons.map(({ id }) => id));
  const nameless = only(comparisons, 'NameTaken').map(({ desired }) => desired);
  const whole = input.frozen.filter((each) => 'prefix' in each && input.firewalls.has(each.prefix));
  const isKept = (object: OwnedObject): boolean =>
    object.isOpen
      ? carriesFrozen(whole, object)
      : (carriesFrozen(input.frozen, object) || nameless.some((desired) => isSuccessor(desired, object))) &&
        confined(object, input.reach) !== 'nothing';
  const leaving: OwnedObject[] = [];
  const frozen: OwnedObject[] = [];
  const orphans: OwnedObject[] = [];
  const lingering: OwnedObject[] = [];
  for (const object of live.values()) {
    if (!object.ours || wanted.has(object.id)) continue;
    if (object.firewall === undefined || !input.firewalls.has(object.firewall)) {
      if (!object.isOpen) orphans.push(object);
    } else if (isKept(object)) frozen.push(object);
    else if (object.isOpen && object.waitsFor !== undefined) lingering.push(object);
    else leaving.push(object);
  }
  const held = leaving.filter(({ waitsFor }) => waitsFor !== undefined);
  const denies = leaving.filter(isInTheWay).map(({ role }) => role);
  const hasDeny = comparisons.some(({ desired }) => desiredRole(desired) === 'defaultDeny');
  const needed = leaving.filter(
    ({ role, waitsFor, isOpen }) =>
      waitsFor === undefined && !isOpen && denies.some((deny) => isNeededBy(deny, role, hasDeny)),
  );
  const removed = leaving.filter((object) => object.waitsFor === undefined && !needed.includes(object));
  const steps = [...removed.map(removeStep), ...held.flatMap(stepOfHeld)];
  return { steps, frozen, orphans, lingering, held, needed };
}

/** True for an object that refuses as before when it is deleted. */
const isInTheWay = ({ isEmptied, willStay }: OwnedObject): boolean => willStay === true && isEmptied !== true;

function stepOfHeld(object: OwnedObject): readonly Step[] {
  if (object.isEmptied === true) return [];
  switch (whenHeld(object.kind, object.role)) {
    case 'emptied':
      return [emptyStep(object)];
    case 'there':
      return [removeStep(object)];
    case 'gone':
      return [];
  }
}

/** Every policy needs these. */
const SHARED: ReadonlySet<Role> = new Set(['set', 'nodeAddresses', 'finalPass', 'tier']);
/** By a deny: roles that let through what it would refuse. */
const OPENED: Partial<Record<Role, ReadonlySet<Role>>> = {
  defaultDeny: new Set(['allow']),
  finalDeny: new Set(['nodeAllow', 'lo']),
};

/**
 * True where the removal of an object waits until the deny that is held has gone: the deny would refuse what
 * the object lets through, or would say something else without it. Where another default deny is desired, an
 * allow that goes is a flow that is revoked, and that waits for nobody.
 */
const isNeededBy = (deny: Role, role: Role, hasDefaultDeny: boolean): boolean =>
  SHARED.has(role) || (OPENED[deny]?.has(role) === true && !(deny === 'defaultDeny' && hasDefaultDeny));

/**
 * True when a desired object takes over a rule from a stored one. One in a namespace takes over only what is
 * there: a tenant who keeps its name taken keeps nothing of anybody else.
 */
export const isSuccessor = (
  { object: { metadata }, rules }: DesiredObject,
  stored: Pick<OwnedObject, 'namespace' | 'rules'>,
): boolean =>
  (metadata.namespace === undefined || metadata.namespace === stored.namespace) &&
  rules.some((rule) => stored.rules.includes(rule));
