/**
 * Looks for flows that one policy of others opens at one pod, over all classes of pods, addresses and packets. The
 * two sides of a flow are looked at apart: a policy opens nothing only if it opens nothing at either.
 */
import { containsCidr, formatAddress, parseAddress, type Cidr } from '../net/cidr.ts';
import type { PolicyRule, PortRange, StoredPolicy } from '../calico/read/policy.ts';
import type { Selector } from '../calico/selector.ts';
import { cellsOf } from '../simulator/cells.ts';
import { chainOf, judge, type Chain, type CompiledPolicy, type Direction } from '../simulator/chains.ts';
import { allowed } from '../simulator/decision.ts';
import type { View } from '../simulator/labelled.ts';
import { ROUTED_NOWHERE } from '../simulator/outside.ts';
import type { Header } from '../simulator/packet.ts';
import type { Prepared } from '../simulator/prepared.ts';
import { cutSpace } from '../simulator/ranges.ts';
import type { Party } from '../simulator/rules.ts';
import type { Budget } from './budget.ts';
import { isJudgeable } from './at-most.ts';
import { PodClasses, type PossiblePod } from './pod-classes.ts';
import type { OpenedFlow } from './types.ts';

/** The far end of a flow. */
interface FarEnd {
  readonly party: Party;
  readonly pod?: PossiblePod;
}

/** The policies of one pod in one direction, without and with the policy of others. */
interface Chains {
  readonly direction: Direction;
  readonly firewall: Chain;
  readonly together: Chain;
  readonly policies: readonly CompiledPolicy[];
}

interface OwnPolicy {
  readonly compiled: CompiledPolicy;
  /** The number of its selector. */
  readonly subject: number;
}

interface Sided {
  readonly own: readonly OwnPolicy[];
  readonly selectors: readonly Selector[];
}

const END = allowed({ kind: 'profile', profile: 'kns' });
const FAMILIES = [4, 6] as const;
/** So many addresses that something tells apart take a second to compare. */
const MOST_RANGES = 5000;

export interface SearchInput {
  readonly prepared: Prepared;
  /** True for policies of the operator. */
  readonly isOwn: (policy: StoredPolicy) => boolean;
  /** See OpeningWorlds. */
  readonly podNets: readonly Cidr[] | undefined;
}

/** @see judgeOpenings for the world */
export class Search {
  readonly #prepared: Prepared;
  readonly #podNets: readonly Cidr[] | undefined;
  readonly #own: readonly CompiledPolicy[];
  readonly #pods: PodClasses;
  readonly #sides = new Map<Direction, Sided>();
  readonly #addresses: Readonly<Record<4 | 6, readonly Party[]>>;

  /**
   * @throws BudgetSpent where there are too many addresses, and where a policy of the operator cannot be judged
   */
  constructor({ prepared, isOwn, podNets }: SearchInput, budget: Budget) {
    this.#prepared = prepared;
    this.#podNets = podNets;
    this.#own = prepared.policies.filter(({ policy }) => isOwn(policy) && isForPods(policy));
    if (!this.#own.every(({ policy }) => isJudgeable(policy))) budget.exceed();
    this.#pods = new PodClasses(prepared.labels, prepared.world.namespaces);
    this.#addresses = { 4: this.#classesOf(4, budget), 6: this.#classesOf(6, budget) };
  }

  /**
   * Flows that the policy opens, at most one for each kind of far end. None: it opens nothing at all.
   * @throws BudgetSpent
   */
  *flowsThrough(policy: CompiledPolicy, budget: Budget): Iterable<OpenedFlow> {
    const { selector, types } = policy.policy;
    if (!isForPods(policy.policy)) return;
    for (const direction of ['ingress', 'egress'] as const) {
      if (!types[direction] || policy[direction].length === 0) continue;
      const { own, selectors } = this.#ofDirection(direction);
      const seen = new Set<string>();
      for (const pod of this.#pods.of(selectors, selector, budget)) {
        const numbers = [...own.keys()].filter((index) => this.#selects(own[index], pod.view));
        const selecting = numbers.flatMap((index) => own[index]?.compiled ?? []);
        if (!isFirst(seen, `${numbers.join()} ${this.#ownKeyOf(pod, selecting, direction)}`)) continue;
        yield* this.#flowsOf(pod, this.#chains(selecting, policy, direction), policy, budget);
      }
    }
  }

  /** The policies of the operator, and the selectors that tell apart pods whose policies they are. */
  #ofDirection(direction: Direction): Sided {
    const known = this.#sides.get(direction);
    if (known !== undefined) return known;
    const policies = this.#own.filter(({ policy }) => policy.types[direction]);
    const rules = policies.flatMap(({ policy }) => policy[direction]);
    const selectors = [
      ...policies.map(({ policy }) => policy.selector),
      ...selectorsAt(direction === 'ingress' ? 'destination' : 'source', rules),
    ];
    const own = policies.map((compiled) => ({
      compiled,
      subject: this.#prepared.labels.numberOf(compiled.policy.selector),
    }));
    const side = { own, selectors };
    this.#sides.set(direction, side);
    return side;
  }

  /** Equal texts: none of these policies tells the two pods apart by its rules. */
  #ownKeyOf(pod: PossiblePod, selecting: readonly CompiledPolicy[], direction: Direction): string {
    const rules = selecting.flatMap((policy) => policy[direction].map(({ rule }) => rule));
    const tell = this.#prepared.book.tellerAt(direction === 'ingress' ? 'destination' : 'source', rules);
    return tell(this.#partyOf(this.#anyAddress(4), pod));
  }

  #selects(own: OwnPolicy | undefined, view: View): boolean {
    return own !== undefined && this.#prepared.labels.matches(own.subject, view);
  }

  #chains(own: readonly CompiledPolicy[], theirs: CompiledPolicy, direction: Direction): Chains {
    const chain = (policies: ReadonlySet<CompiledPolicy>): Chain =>
      chainOf(
        direction,
        this.#prepared.tiers,
        this.#prepared.policies.filter((each) => policies.has(each)),
        { last: END, drops: true },
      );
    return {
      direction,
      firewall: chain(new Set(own)),
      together: chain(new Set([...own, theirs])),
      policies: [...own, theirs],
    };
  }

  *#flowsOf(
    pod: PossiblePod,
    chains: Chains,
    { [chains.direction]: theirs }: CompiledPolicy,
    budget: Budget,
  ): Iterable<OpenedFlow> {
    const { book } = this.#prepared;
    for (const family of FAMILIES) {
      const own = this.#partyOf(this.#anyAddress(family), pod);
      const headers = this.#headersOf(chains, family);
      for (const far of this.#farEnds(chains, family, budget)) {
        const parties =
          chains.direction === 'ingress'
            ? { source: far.party, destination: own }
            : { source: own, destination: far.party };
        const opened = headers.find((header) => {
          budget.spend();
          const mayMatch = theirs.some(({ rule }) =>
            book.matches(rule, header, parties.source, parties.destination),
          );
          return (
            mayMatch &&
            judge(book, chains.firewall, header, parties).verdict !== 'Allowed' &&
            judge(book, chains.together, header, parties).verdict !== 'Denied'
          );
        });
        if (opened !== undefined) yield flowOf(pod, own, far, opened, chains.direction);
      }
    }
  }

  #headersOf({ policies, direction }: Chains, family: 4 | 6): readonly Header[] {
    // Rules of the other direction tell nothing apart here.
    const other = direction === 'ingress' ? 'egress' : 'ingress';
    const telling = {
      policies: policies.map(({ policy }) => ({ policy: { ...policy, [other]: [] } })),
      singlePorts: (protocol: number) => this.#prepared.singlePorts(protocol),
    };
    return cellsOf([telling], family).map(({ header, ports }) => ({ ...header, port: portOf(ports) }));
  }

  /** One far end of each class: addresses first, and then pods at each of them. */
  *#farEnds({ policies, direction }: Chains, family: 4 | 6, budget: Budget): Iterable<FarEnd> {
    const end = direction === 'ingress' ? 'source' : 'destination';
    const rules = policies.flatMap((policy) => policy[direction].map(({ rule }) => rule));
    const stored = policies.flatMap(({ policy }) => policy[direction]);
    const seen = new Set<string>();
    const tell = this.#prepared.book.tellerAt(end, rules);
    const isNew = (party: Party): boolean => {
      budget.spend();
      return isFirst(seen, tell(party));
    };
    const seenHomes = new Set<string>();
    const isNewHome = (party: Party): boolean => isFirst(seenHomes, tell(party));
    const places = this.#addresses[family].filter(isNew);
    const homes = this.#addresses[family].filter((party) => this.#mayBePod(party.text) && isNewHome(party));
    for (const party of places) yield { party };
    for (const pod of this.#pods.of(selectorsAt(end, stored), undefined, budget)) {
      for (const at of homes) {
        const party = this.#partyOf(at, pod);
        if (isNew(party)) yield { party, pod };
      }
    }
  }

  /** The address with a pod at it. */
  #partyOf(at: Party, { view }: PossiblePod): Party {
    return { ...at, owners: [...at.owners, { view, ports: [] }], answers: new Uint8Array(0) };
  }

  /** Nothing depends on the address of the pod itself: see isJudgeable and atMost. Nobody else has this one. */
  #anyAddress(family: 4 | 6): Party {
    const text = family === 4 ? '0.0.0.1' : '::2';
    return { ...this.#prepared.party(text), owners: [] };
  }

  #mayBePod(address: string): boolean {
    return this.#podNets?.some((net) => containsCidr(net, parseAddress(address))) ?? true;
  }

  /** An address of each class. Those that other networks have come first: they make better examples. */
  #classesOf(family: 4 | 6, budget: Budget): readonly Party[] {
    const ranges = cutSpace(family, [...this.#prepared.cidrs(), ...ROUTED_NOWHERE, ...(this.#podNets ?? [])]);
    if (ranges.length > MOST_RANGES) budget.exceed();
    const texts = ranges.map(({ from }) =>
      formatAddress({ family, value: from, prefix: family === 4 ? 32 : 128 }),
    );
    const isUsual = (text: string): boolean =>
      this.#prepared.party(text).pool === undefined &&
      !ROUTED_NOWHERE.some((net) => containsCidr(net, parseAddress(text)));
    const classes = Map.groupBy(
      [...texts.filter(isUsual), ...texts.filter((text) => !isUsual(text))],
      (text) => `${String(this.#mayBePod(text))} ${this.#prepared.signature(text)}`,
    );
    return [...classes.values()].flatMap(([text]) =>
      text === undefined ? [] : [this.#prepared.party(text)],
    );
  }
}

const isFirst = (seen: Set<string>, key: string): boolean => !seen.has(key) && seen.add(key).has(key);

/** One that people know, where there is one. No packet has port 0. */
const portOf = ({ from, to }: PortRange): number =>
  from <= HTTPS && HTTPS <= to ? HTTPS : Math.min(Math.max(from, 1), to);
const HTTPS = 443;

/** Calico asks policies for hosts and for untracked traffic about no pod. */
const isForPods = ({ preDNAT, doNotTrack, staged }: StoredPolicy): boolean =>
  !preDNAT && !doNotTrack && staged === undefined;

/** Labels of ServiceAccounts are never judged: the simulator takes a rule about them for one that may match. */
const selectorsAt = (end: 'source' | 'destination', rules: readonly PolicyRule[]): readonly Selector[] =>
  rules.flatMap(({ [end]: { selector, notSelector } }) => [selector ?? [], notSelector ?? []].flat());

function flowOf(
  pod: PossiblePod,
  own: Party,
  far: FarEnd,
  { protocol, port }: Header,
  direction: Direction,
): OpenedFlow {
  const here = { address: own.text, pod: { namespace: pod.namespace, labels: pod.labels } };
  const there = {
    address: far.party.text,
    ...(far.pod !== undefined && { pod: { namespace: far.pod.namespace, labels: far.pod.labels } }),
  };
  const ends = direction === 'ingress' ? { from: there, to: here } : { from: here, to: there };
  return { ...ends, protocol, port };
}
