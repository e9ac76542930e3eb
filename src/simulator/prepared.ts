/** A world made ready for questions: what depends on the world alone is worked out once, when it is first asked. */
import type { StoredHostEndpoint } from '../calico/read/objects.ts';
import type { PolicyRule, StoredPolicy } from '../calico/read/policy.ts';
import { BUILT_IN_TIERS, type StoredTier } from '../calico/read/objects.ts';
import {
  chainOf,
  comparePolicies,
  compilePolicy,
  sortTiers,
  type Chain,
  type CompiledPolicy,
  type Direction,
} from './chains.ts';
import { allowed, denied, unknown, type Decision } from './decision.ts';
import { endpointsOf, interfacesOf, type NodeInterfaces } from './hosts.ts';
import { LabelIndex, type View } from './labelled.ts';
import { containsCidr, parseAddress, parseCidr, type Cidr } from '../net/cidr.ts';
import { missingForPolicies, Unseen } from './missing.ts';
import { familyOf, valueOf } from './packet.ts';
import { PrefixMap } from '../net/prefixes.ts';
import { RuleBook, type Party } from './rules.ts';
import { ServiceIndex } from './services.ts';
import { settingsOf, type Settings } from './settings.ts';
import type { StoredPool } from '../calico/read/objects.ts';
import { podName, type Node, type Pod, type World } from './world.ts';

/** The layers at which a host endpoint is judged. */
export interface HostChains {
  readonly preDNAT: Chain;
  readonly ingress: Chain;
  readonly egress: Chain;
  readonly forwardIngress: Chain;
  readonly forwardEgress: Chain;
  readonly hasUntracked: boolean;
}

export interface PodChains {
  readonly ingress: Chain;
  readonly egress: Chain;
}

export interface PreparedNode {
  readonly node: Node;
  readonly addresses: ReadonlySet<string>;
  readonly interfaces: NodeInterfaces;
  readonly endpoints: readonly StoredHostEndpoint[];
  readonly settings: Settings;
  /** Why nothing can be said of what Felix does there. */
  readonly unknown?: Decision;
}

/** Where an address is. */
export type Place =
  { readonly kind: 'pod'; readonly pod: Pod } | { readonly kind: 'node'; readonly node: PreparedNode };

/** Policies that pods and host endpoints may be subject to, by kind, for objects that could not be read. */
const POLICY_KINDS = [
  'GlobalNetworkPolicy',
  'NetworkPolicy',
  'AdminNetworkPolicy',
  'BaselineAdminNetworkPolicy',
  'ClusterNetworkPolicy',
  'Tier',
  'GlobalNetworkSet',
  'NetworkSet',
  'Namespace',
];

/** Kinds that decide where staged policies count as enforced. */
const STAGED_KINDS = ['StagedGlobalNetworkPolicy', 'StagedNetworkPolicy', 'StagedKubernetesNetworkPolicy'];

const kindsOf = ({ enforcesStaged }: World): readonly string[] =>
  enforcesStaged === true ? [...POLICY_KINDS, ...STAGED_KINDS] : POLICY_KINDS;

export class Prepared {
  readonly world: World;
  readonly labels: LabelIndex;
  readonly services: ServiceIndex;
  readonly book: RuleBook;
  readonly #pools = new PrefixMap<StoredPool>();
  readonly tiers: readonly StoredTier[];
  readonly policies: readonly CompiledPolicy[];
  readonly #subjects: readonly number[];
  readonly #places = new Map<string, Place>();
  readonly #nodes = new Map<string, PreparedNode>();
  readonly #pods: ReadonlyMap<string, Pod>;
  readonly #podChains = new Map<View, PodChains>();
  readonly #chainsOfPods = new Map<Pod, PodChains>();
  readonly #hostChains = new Map<StoredHostEndpoint, HostChains>();
  readonly #parties = new Map<string, Party>();
  readonly #failsafeNets: readonly Cidr[];
  readonly #unknown: Decision | undefined;
  readonly #unclearSubjects: readonly { readonly policy: StoredPolicy; readonly decision: Decision }[];

  constructor(world: World) {
    this.world = world;
    this.labels = new LabelIndex(world);
    this.services = new ServiceIndex(world);
    this.book = new RuleBook(this.labels, this.services.members);
    const enforced = world.policies.filter(({ staged }) => staged === undefined).sort(comparePolicies);
    const unseen = new Unseen(world);
    this.policies = enforced.map((policy) => compilePolicy(this.book, unseen, policy));
    this.#unclearSubjects = enforced.flatMap((policy) => {
      const because = unseen.ofSubject(policy);
      return because === undefined ? [] : [{ policy, decision: unknown(because) }];
    });
    this.#subjects = enforced.map(({ selector }) => this.labels.numberOf(selector));
    const known = new Set(world.tiers.map(({ name }) => name));
    const builtIn = BUILT_IN_TIERS.filter(({ name }) => !known.has(name));
    this.tiers = sortTiers([...world.tiers, ...builtIn], enforced);
    this.#pods = new Map(world.pods.map((pod) => [podName(pod), pod]));
    for (const pool of world.pools) this.#pools.add(pool.cidr, pool);
    this.#failsafeNets = world.felix.flatMap(({ failsafeInbound = [], failsafeOutbound = [] }) =>
      [...failsafeInbound, ...failsafeOutbound].flatMap(({ net }) => net ?? []),
    );
    for (const node of world.nodes) this.#addNode(node);
    for (const pod of world.pods) {
      for (const address of pod.addresses) this.#places.set(address, { kind: 'pod', pod });
    }
    this.#unknown = unknownOf(world);
  }

  pod(name: string): Pod | undefined {
    return this.#pods.get(name);
  }

  node(name: string): PreparedNode | undefined {
    return this.#nodes.get(name);
  }

  placeOf(address: string): Place | undefined {
    return this.#places.get(address);
  }

  /** An address and what rules know of it. @throws AddressError */
  party(text: string): Party {
    const known = this.#parties.get(text);
    if (known !== undefined) return known;
    const [family, value] = [familyOf(text), valueOf(text)];
    const owners = this.labels.ownersOf(text, { family, value });
    const [pool] = this.#pools.containing({ family, value });
    const party = { text, family, value, owners, pool, answers: new Uint8Array(0) };
    this.#parties.set(text, party);
    return party;
  }

  /** Equal texts: no rule, pool or Service tells the two addresses apart. */
  signature(address: string): string {
    return [this.book.signature(this.party(address)), this.placementOf(address)].join(' ');
  }

  /** Equal texts: nothing but rules and Services tells the two addresses apart. */
  placementOf(address: string): string {
    const { pool, family, value } = this.party(address);
    const full = { family, value, prefix: family === 4 ? 32 : 128 };
    const failsafes = this.#failsafeNets.map((net) => (containsCidr(net, full) ? '1' : '0'));
    return [
      pool === undefined ? '' : `${String(pool.natOutgoing)} ${pool.vxlan} ${pool.ipip}`,
      ...failsafes,
    ].join(' ');
  }

  /** Equal texts: the same policies select the pods. */
  subjectOf(pod: Pod): string {
    const view = this.labels.podView(pod);
    return `${this.#subjects.map((number) => (this.labels.matches(number, view) ? '1' : '0')).join('')} ${this.#unreadableFor(pod.namespace) === undefined ? '' : pod.namespace}`;
  }

  /** Every CIDR and address that something in the world mentions. */
  *cidrs(): Iterable<Cidr> {
    const { policies, sets, pools, hostEndpoints } = this.world;
    for (const { ingress, egress } of policies) {
      for (const { source, destination } of [...ingress, ...egress]) {
        for (const end of [source, destination]) yield* [...end.nets, ...end.notNets];
      }
    }
    for (const { nets } of sets) yield* nets;
    for (const { cidr } of pools) yield cidr;
    for (const { expectedIPs } of hostEndpoints) yield* expectedIPs;
    yield* this.#failsafeNets;
    for (const address of [...this.#places.keys(), ...this.services.addresses(), '127.0.0.0', '::1'])
      yield address === '127.0.0.0' ? parseCidr('127.0.0.0/8') : parseAddress(address);
  }

  /** Ports that something but a rule gives a meaning. */
  *singlePorts(protocol: number): Iterable<number> {
    yield* this.services.ports();
    for (const { settings } of this.#nodes.values()) {
      yield settings.vxlanPort;
      for (const each of [...settings.failsafeInbound, ...settings.failsafeOutbound]) {
        if (each.protocol === protocol) yield each.port;
      }
    }
    for (const { ports } of [...this.world.pods, ...this.world.hostEndpoints]) {
      for (const each of ports) if (each.protocol === protocol) yield each.port;
    }
  }

  podChains(pod: Pod): PodChains {
    const own = this.#chainsOfPods.get(pod) ?? this.#chainsOfView(pod);
    this.#chainsOfPods.set(pod, own);
    return own;
  }

  #chainsOfView(pod: Pod): PodChains {
    const view = this.labels.podView(pod);
    const known = this.#podChains.get(view);
    if (known !== undefined) return known;
    const own = this.#selecting(view).filter(({ policy }) => !policy.doNotTrack && !policy.preDNAT);
    const last = allowed({ kind: 'profile', profile: `kns.${pod.namespace}` });
    const unreadable = this.#unreadableFor(pod.namespace);
    const make = (direction: Direction): Chain => ({
      ...chainOf(direction, this.tiers, own, { last, drops: true }),
      ...(unreadable !== undefined && { unknown: unreadable }),
    });
    const chains = { ingress: make('ingress'), egress: make('egress') };
    this.#podChains.set(view, chains);
    return chains;
  }

  hostChains(endpoint: StoredHostEndpoint): HostChains {
    const known = this.#hostChains.get(endpoint);
    if (known !== undefined) return known;
    const own = this.#selecting(this.labels.hostView(endpoint)).filter(
      ({ policy }) => policy.namespace === undefined,
    );
    const of = (matches: (policy: StoredPolicy) => boolean): readonly CompiledPolicy[] =>
      own.filter(({ policy }) => matches(policy));
    const isNormal = ({ preDNAT, doNotTrack }: StoredPolicy): boolean => !preDNAT && !doNotTrack;
    const last = this.#profileDecision(endpoint);
    const forwarded = allowed({ kind: 'noPolicy' });
    const unreadable = this.#unreadableFor(undefined);
    const make = (
      direction: Direction,
      policies: readonly CompiledPolicy[],
      end: { readonly last: Decision; readonly drops: boolean },
    ): Chain => ({
      ...chainOf(direction, this.tiers, policies, end),
      ...(unreadable !== undefined && { unknown: unreadable }),
    });
    const normal = of(isNormal);
    const forward = of((policy) => isNormal(policy) && policy.applyOnForward);
    const chains: HostChains = {
      preDNAT: make(
        'ingress',
        of(({ preDNAT }) => preDNAT),
        { last: forwarded, drops: false },
      ),
      ingress: make('ingress', normal, { last, drops: true }),
      egress: make('egress', normal, { last, drops: true }),
      forwardIngress: make('ingress', forward, { last: forwarded, drops: true }),
      forwardEgress: make('egress', forward, { last: forwarded, drops: true }),
      hasUntracked: own.some(({ policy }) => policy.doNotTrack),
    };
    this.#hostChains.set(endpoint, chains);
    return chains;
  }

  #selecting(view: View): readonly CompiledPolicy[] {
    return this.policies.filter((_, index) => this.labels.matches(this.#subjects[index] ?? 0, view));
  }

  /** felix/calc/active_rules_calculator.go: a profile that does not exist denies. */
  #profileDecision({ profiles }: StoredHostEndpoint): Decision {
    for (const profile of profiles) {
      const namespace = /^kns\.(.+)$/.exec(profile)?.[1];
      const allows =
        profile === 'projectcalico-default-allow' ||
        this.world.namespaces.some(({ name }) => name === namespace);
      if (allows) return allowed({ kind: 'profile', profile });
      const account = /^ksa\.([^.]+)\.(.+)$/.exec(profile);
      const isKnown = this.world.serviceAccounts.some(
        ({ namespace: of, name }) => of === account?.[1] && name === account[2],
      );
      if (!isKnown) return denied({ kind: 'profile', profile });
    }
    return denied({ kind: 'noProfile' });
  }

  /** Some policy that could select the endpoint cannot be read. @param namespace of a pod */
  #unreadableFor(namespace: string | undefined): Decision | undefined {
    if (this.#unknown !== undefined) return this.#unknown;
    const problem = this.world.problems.find(
      ({ kind, namespace: of }) =>
        kindsOf(this.world).includes(kind) && (of === undefined || kind === 'NetworkSet' || of === namespace),
    );
    if (problem === undefined) return namespace === undefined ? undefined : this.#unclearFor(namespace);
    return unknown(`${problem.kind} ${podOrName(problem)} cannot be read: ${problem.field} ${problem.why}`);
  }

  /** Some policy may select pods of the namespace. */
  #unclearFor(namespace: string): Decision | undefined {
    const isOf = ({ policy: { namespace: of = namespace } }: { readonly policy: StoredPolicy }): boolean =>
      of === namespace;
    return this.#unclearSubjects.find(isOf)?.decision;
  }

  #brokenByNftables(): Decision | undefined {
    const broken = this.policies.find(({ policy }) =>
      [...policy.ingress, ...policy.egress].some(hasIcmpCode),
    );
    if (broken === undefined) return undefined;
    const { kind, sortName } = broken.policy;
    return unknown(`Felix cannot program the ICMP code of ${kind} ${sortName} in nftables mode`);
  }

  #addNode(node: Node): void {
    const settings = settingsOf(this.world, node.name);
    const broken = settings.nftables ? this.#brokenByNftables() : undefined;
    const prepared = {
      node,
      ...(broken !== undefined && { unknown: broken }),
      addresses: new Set(node.addresses),
      interfaces: interfacesOf(node),
      endpoints: endpointsOf(this.world, node.name),
      settings,
    };
    this.#nodes.set(node.name, prepared);
    for (const address of node.addresses) this.#places.set(address, { kind: 'node', node: prepared });
  }
}

/**
 * felix/nftables, match_builder.go, from v3.31.0 to at least v3.32.1: the text that it makes of a type with a
 * code is refused by nft(8), and Felix ends each time. Seen with packets on v3.31.0.
 */
const hasIcmpCode = ({ icmp, notIcmp }: PolicyRule): boolean =>
  icmp?.code !== undefined || notIcmp?.code !== undefined;

const podOrName = ({ namespace, name }: { readonly namespace?: string; readonly name: string }): string =>
  namespace === undefined ? name : `${namespace}/${name}`;

function unknownOf(world: World): Decision | undefined {
  const missing = missingForPolicies(world, kindsOf(world));
  if (missing !== undefined) return unknown(missing);
  if (world.felix.some(({ bpf }) => bpf === true)) return unknown("Felix's eBPF dataplane is not simulated");
  return undefined;
}
