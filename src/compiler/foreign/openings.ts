/**
 * Names everything of others that may open what the default deny, guardrails or spec.nodes close. It names too
 * much rather than too little, because it knows neither pods nor packets.
 */
import type { ClusterFirewall } from '../../api/schema.ts';
import { isCalicosLabel, LABEL_CREATED_BY } from '../../calico/labels.ts';
import { matchesSelector } from '../../calico/selector.ts';
import { LABEL_SET, DEFAULT_TIER, isSet } from '../names.ts';
import type { AdminPolicyInfo, Directions, ForeignPolicyInfo, Inventory } from '../../inventory/types.ts';
import type { Opening } from '../types.ts';
import { mayGovern, maySelect, type ClosedPods } from './closed-pods.ts';
import { isFirst, placeOf, type Place } from './places.ts';

export interface ForeignInput {
  readonly main: ClusterFirewall;
  readonly closed: ClosedPods;
  readonly inventory: Inventory;
  /** Names of GlobalNetworkPolicies that may open nodes of spec.nodes. */
  readonly openNodes: ReadonlySet<string>;
}

/** Those that are not accepted come first, and of these the ones that open most. */
export function openingsOf(input: ForeignInput): readonly Opening[] {
  const judge = new Judge(input);
  return [
    ...judge.endOfDefault(),
    ...judge.policies(),
    ...judge.tiers(),
    ...judge.adminPolicies(),
    ...judge.setMembers(),
  ]
    .sort(
      (a, b) =>
        Number(a.opening.accepted) - Number(b.opening.accepted) ||
        a.rank - b.rank ||
        (a.opening.object < b.opening.object ? -1 : 1),
    )
    .map(({ opening }) => opening);
}

/** The lower, the more is open. */
const RANKS: Readonly<Record<Place, number>> = { before: 1, ours: 1, between: 2, default: 3, after: 4 };
const ENDS_OPEN = 0;
const SETS = 3;

interface Ranked {
  readonly rank: number;
  readonly opening: Opening;
}

class Judge {
  readonly #input: ForeignInput;
  readonly #accepted: ReadonlySet<string>;
  /** True where traffic goes on after tier default: the tiers after it, and then the profiles, decide. */
  readonly #passesDefault: boolean;
  readonly #places = new Map<string, Place>();

  constructor(input: ForeignInput) {
    this.#input = input;
    this.#accepted = new Set(input.main.spec.acceptForeign ?? []);
    this.#passesDefault =
      this.endOfDefault().length > 0 ||
      (input.inventory.foreignPolicies ?? []).some(
        (policy) =>
          this.#placeOf(policy.tier) === 'default' &&
          isAny(both(policy.passes, input.closed.deny)) &&
          maySelect(input.closed, policy),
      );
  }

  /** A defaultAction of tier default that is not Deny takes its end away from the default deny. */
  endOfDefault(): readonly Ranked[] {
    const { closed, inventory } = this.#input;
    const tier = (inventory.foreignTiers ?? []).find(({ name }) => name === DEFAULT_TIER);
    if (tier === undefined || tier.defaultAction === 'Deny' || !isClosed(closed)) return [];
    const opens = `everything that no policy decides, because its defaultAction is ${tier.defaultAction}`;
    return [this.#opening(ENDS_OPEN, `Tier/${DEFAULT_TIER}`, opens)];
  }

  policies(): readonly Ranked[] {
    return (this.#input.inventory.foreignPolicies ?? []).flatMap((policy) => {
      const place = this.#placeOf(policy.tier);
      const directions = this.#opened(policy, place);
      const atPods = isAny(directions) && maySelect(this.#input.closed, policy);
      const atNodes = this.#input.openNodes.has(policy.name);
      if (!atPods && !atNodes) return [];
      const id = `GlobalNetworkPolicy/${policy.name}`;
      // A Tier stands for its policies on pods. Those of tier default, and in ours, are named one by one.
      const byTier = place !== 'default' && place !== 'ours' && this.#accepted.has(`Tier/${policy.tier}`);
      const accepted = this.#accepted.has(id) || (byTier && !atNodes);
      const opens = [
        ...(atPods ? [`${named(directions)} of pods, ${past(place)}`] : []),
        ...(atNodes ? ['nodes, before spec.nodes'] : []),
      ].join('; ');
      const where = place === 'default' ? '' : ` (Tier ${policy.tier})`;
      const opening = { object: id, opens: `${opens}${where}`, accepted };
      return [{ rank: RANKS[place], opening: atNodes ? opening : { ...opening, isOnPods: true } }];
    });
  }

  /** Tiers whose policies cannot be read, and those with NetworkPolicies that allow. */
  tiers(): readonly Ranked[] {
    const { closed, inventory } = this.#input;
    const names = new Set(closed.namespaces.map(({ name }) => name));
    const byTier = Map.groupBy(
      (inventory.tierNamespaces ?? []).map((text) => text.split('/')),
      ([tier = '']) => tier,
    );
    const allowing = [...byTier].flatMap(([tier, entries]): readonly Ranked[] => {
      const place = this.#placeOf(tier);
      const namespaces = entries.flatMap(([, namespace = '']) => (names.has(namespace) ? [namespace] : []));
      if (namespaces.length === 0 || !this.#counts(place)) return [];
      const opens = `pods in ${listed(namespaces)} through NetworkPolicies, ${past(place)}`;
      return [this.#opening(RANKS[place], `Tier/${tier}`, opens)];
    });
    const unseen = (inventory.unseenTiers ?? []).flatMap((tier): readonly Ranked[] => {
      const place = this.#placeOf(tier);
      if (!this.#counts(place) || (!isClosed(closed) && !(isFirst(place) && this.#hasNodes))) return [];
      return [this.#unseen(place, `Tier/${tier}`, 'its policies')];
    });
    return [...allowing, ...unseen];
  }

  adminPolicies(): readonly Ranked[] {
    const { closed, inventory } = this.#input;
    const read = (inventory.adminPolicies ?? []).flatMap((policy): readonly Ranked[] => {
      const place = placeOfAdmin(policy);
      const directions = both(policy.allows, closed.deny);
      if (!this.#counts(place) || !isAny(directions) || !mayGovern(closed, policy)) return [];
      const opens = `${named(directions)} of pods, ${past(place)}`;
      const { rank, opening } = this.#opening(RANKS[place], `${policy.kind}/${policy.name}`, opens);
      return [{ rank, opening: { ...opening, isOnPods: true } }];
    });
    const unlisted = (inventory.unlistedAdminKinds ?? []).flatMap((kind): readonly Ranked[] => {
      const place = placeOfAdmin({ isBaseline: kind === 'BaselineAdminNetworkPolicy' });
      return isClosed(closed) && this.#counts(place) ? [this.#unseen(place, kind, 'them')] : [];
    });
    return [...read, ...unlisted];
  }

  /** Rules match global sets and host endpoints by their labels, whoever wrote them. */
  setMembers(): readonly Ranked[] {
    const { hostEndpoints = [], foreignSets = [] } = this.#input.inventory;
    const members = [
      ...hostEndpoints
        .filter(({ hasAddresses, automatic }) => hasAddresses === true && !automatic)
        .map(({ name, labels }) => ({ id: `HostEndpoint/${name}`, labels })),
      ...foreignSets.map(({ name, labels }) => ({ id: `GlobalNetworkSet/${name}`, labels })),
    ];
    return members.flatMap(({ id, labels }) => {
      const whose = [
        ...(wearsSetLabel(labels) ? [`the set "${labels[LABEL_SET] ?? ''}"`] : []),
        ...(posesAsPods(labels) ? ['pods whose labels it has'] : []),
      ].join(' and to ');
      const opens = `what rules give to ${whose}, for its own addresses`;
      return whose === '' ? [] : [this.#opening(SETS, id, opens)];
    });
  }

  get #hasNodes(): boolean {
    const { nodes } = this.#input.main.spec;
    return nodes !== undefined && nodes.mode !== 'Disabled';
  }

  #placeOf(tier: string): Place {
    const place = this.#places.get(tier) ?? placeOf(tier, this.#input.inventory.foreignTiers ?? []);
    this.#places.set(tier, place);
    return place;
  }

  /** False for what comes after the end of tier default, unless something passes that end. */
  #counts(place: Place): boolean {
    return place !== 'after' || this.#passesDefault;
  }

  #opened({ allows, passes }: ForeignPolicyInfo, place: Place): Directions {
    const { deny } = this.#input.closed;
    // Guardrails hold in directions that the default deny leaves open.
    if (isFirst(place)) return allows;
    if (place === 'default') return both(either(allows, passes), deny);
    return this.#counts(place) ? both(allows, deny) : NONE;
  }

  #opening(rank: number, object: string, opens: string): Ranked {
    return { rank, opening: { object, opens, accepted: this.#accepted.has(object) } };
  }

  #unseen(place: Place, object: string, what: string): Ranked {
    const opens = `anything ${past(place)}: the operator may not read ${what}`;
    const { rank, opening } = this.#opening(RANKS[place], object, opens);
    return { rank, opening: { ...opening, isUnseen: true } };
  }
}

/** True for labels with which an object counts as a member of one of our sets. */
export const wearsSetLabel = (labels: Readonly<Record<string, string>>): boolean => {
  const value = labels[LABEL_SET];
  return value !== undefined && matchesSelector(isSet(value), labels);
};

/** Calico gives these labels to pods. In selectors, an object of others that has one counts as a pod. */
const posesAsPods = (labels: Readonly<Record<string, string>>): boolean =>
  Object.keys(labels).some((key) => isCalicosLabel(key) && key !== LABEL_CREATED_BY);

/** True for labels by which an object of the cluster gets what rules give to sets or to pods. */
export const joinsOthers = (labels: Readonly<Record<string, string>>): boolean =>
  wearsSetLabel(labels) || posesAsPods(labels);

const isClosed = ({ namespaces, deny }: ClosedPods): boolean => namespaces.length > 0 && isAny(deny);

const placeOfAdmin = ({ isBaseline }: Pick<AdminPolicyInfo, 'isBaseline'>): Place =>
  isBaseline ? 'after' : 'between';

const past = (place: Place): string =>
  isFirst(place)
    ? 'before guardrails and the default deny'
    : place === 'after'
      ? 'after what passes the default deny'
      : 'before the default deny';

const NONE: Directions = { ingress: false, egress: false };
const both = (a: Directions, b: Directions): Directions => ({
  ingress: a.ingress && b.ingress,
  egress: a.egress && b.egress,
});
const either = (a: Directions, b: Directions): Directions => ({
  ingress: a.ingress || b.ingress,
  egress: a.egress || b.egress,
});
const isAny = ({ ingress, egress }: Directions): boolean => ingress || egress;
const named = (directions: Directions): string =>
  (['ingress', 'egress'] as const).filter((each) => directions[each]).join(' and ');

const MANY = 5;
const listed = (names: readonly string[]): string =>
  `${names.slice(0, MANY).join(', ')}${names.length > MANY ? ` and ${String(names.length - MANY)} more namespaces` : ''}`;
