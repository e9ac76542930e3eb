/**
 * Which policies of others really open flows that the firewall refuses. An object counts as one that opens nothing
 * only where that is shown for all pods, addresses and packets that anything tells apart. Pods need not be known:
 * they are taken to have any labels, in every namespace that there is. Pure.
 */
import { joinsOthers } from '../compiler/foreign/openings.ts';
import { DEFAULT_TIER, TIER } from '../compiler/names.ts';
import { BUILT_IN_TIERS } from '../calico/read/objects.ts';
import type { StoredPolicy } from '../calico/read/policy.ts';
import { Unseen } from '../simulator/missing.ts';
import { Prepared } from '../simulator/prepared.ts';
import { EMPTY_WORLD, type World } from '../simulator/world.ts';
import { atMost } from './at-most.ts';
import { Budget, BudgetSpent } from './budget.ts';
import { openExamples } from './examples.ts';
import { Search } from './search.ts';
import type { OpenedFlow, OpeningJudgement, OpeningWorlds } from './types.ts';

/**
 * Cases that are tried for one object and for all of them. A case is a class of pods, an address or a packet.
 * A policy for one program takes some hundred in a cluster with 1,000 namespaces. The operator does nothing else
 * meanwhile: all of them take about a second.
 */
const CASES = { each: 20_000, all: 100_000 } as const;
/** Twice as many as the status lists. Each takes memory until all are judged. */
const MOST_OBJECTS = 64;
/** The judgement of 10,000 would take 140 MB and six seconds. */
const MOST_NAMESPACES = 2000;
/** Flows of one object that are tried from end to end. */
const MOST_FLOWS = 8;

/** Kinds whose conversion to Felix's rules is proven (docs/decisions/0021-simulator.md). */
const JUDGED_KINDS: ReadonlySet<string> = new Set(['GlobalNetworkPolicy', 'AdminNetworkPolicy']);
/** Kinds that decide on what the firewall alone refuses, or on the addresses that a selector means. */
const NEEDED_KINDS = ['Namespace', 'Tier', 'GlobalNetworkSet', 'NetworkSet', 'HostEndpoint'];

/**
 * @param objects as `GlobalNetworkPolicy/NAME`
 * @returns one judgement for each of them
 */
export function judgeOpenings(
  worlds: OpeningWorlds,
  objects: readonly string[],
  cases: { readonly each: number; readonly all: number } = CASES,
): ReadonlyMap<string, OpeningJudgement> {
  const opened = new Map<string, readonly OpenedFlow[]>();
  const judged = new Map<string, OpeningJudgement>(objects.map((object) => [object, { is: 'Undecided' }]));
  const firewall = firewallAlone(worlds);
  if (!isDecidable(worlds, firewall)) return judged;
  const theirs = new Map(
    objects.slice(0, MOST_OBJECTS).map((object) => [object, policiesOf(object, worlds).map(atMost)]),
  );
  const world = { ...firewall, policies: [...firewall.policies, ...[...theirs.values()].flat()] };
  const prepared = new Prepared(world);
  const own = new Set(firewall.policies);
  const all = new Budget(cases.all);
  const isOwn = (policy: StoredPolicy): boolean => own.has(policy);
  const search = orUndecided(() => new Search({ prepared, isOwn, podNets: worlds.podNets }, all));
  if (search === undefined) return judged;
  for (const [object, policies] of theirs) {
    if (policies.length === 0) continue;
    const flows: OpenedFlow[] = [];
    const budget = new Budget(cases.each, all);
    const isWhole = orUndecided(() => {
      for (const policy of prepared.policies.filter(({ policy: each }) => policies.includes(each))) {
        for (const flow of search.flowsThrough(policy, budget))
          if (flows.push(flow) === MOST_FLOWS) return true;
      }
      return true;
    });
    if (isWhole === true && flows.length === 0) judged.set(object, { is: 'Nothing' });
    else opened.set(object, flows);
  }
  for (const [object, example] of openExamples(opened, { ...worlds, firewall }))
    judged.set(object, { is: 'Opens', example });
  return judged;
}

function orUndecided<T>(ask: () => T): T | undefined {
  try {
    return ask();
  } catch (error) {
    if (!(error instanceof BudgetSpent)) throw error;
    return undefined;
  }
}

/**
 * The world without policies of others. The end of tier default denies, whatever others have made of it: they
 * answer for that apart.
 */
function firewallAlone({ others, inForce }: OpeningWorlds): World {
  const foreign = new Set(others.policies);
  const { namespaces, slices, sets, hostEndpoints, pools, problems } = inForce;
  return {
    ...EMPTY_WORLD,
    ...{ namespaces, slices, sets, hostEndpoints, pools },
    policies: inForce.policies.filter((policy) => !foreign.has(policy) && policy.staged === undefined),
    tiers: inForce.tiers.map((tier) =>
      tier.name === DEFAULT_TIER ? { ...tier, defaultAction: 'Deny' as const } : tier,
    ),
    problems: problems.filter((problem) => !others.problems.includes(problem)),
    lacks: [...new Set([...inForce.lacks.filter((kind) => !POLICIES.has(kind)), 'ServiceAccount'])],
  };
}

/** Policies of others that could not be listed are named as such, and these worlds have none. */
const POLICIES: ReadonlySet<string> = new Set([
  'GlobalNetworkPolicy',
  'NetworkPolicy',
  'AdminNetworkPolicy',
  'BaselineAdminNetworkPolicy',
  'ClusterNetworkPolicy',
]);

/**
 * False where every answer may change: something is missing, others have a policy in our own tier, or an object of
 * others counts as a member of what our rules are about.
 */
function isDecidable({ others, inForce }: OpeningWorlds, firewall: World): boolean {
  const unseen = new Unseen(firewall);
  return (
    inForce.namespaces.length <= MOST_NAMESPACES &&
    !NEEDED_KINDS.some((kind) => inForce.lacks.includes(kind)) &&
    !inForce.problems.some(({ kind }) => NEEDED_KINDS.includes(kind)) &&
    firewall.problems.length === 0 &&
    !inForce.felix.some(({ bpf }) => bpf === true) &&
    !others.sets.some(({ namespace, labels }) => namespace === undefined && joinsOthers(labels)) &&
    !others.hostEndpoints.some(({ expectedIPs, labels }) => expectedIPs.length > 0 && joinsOthers(labels)) &&
    !others.policies.some(({ tier, staged }) => tier === TIER && staged === undefined) &&
    firewall.policies.every((policy) => unseen.ofSubject(policy) === undefined)
  );
}

/** Nothing for an object that cannot be judged apart from others. */
function policiesOf(object: string, { others, inForce }: OpeningWorlds): readonly StoredPolicy[] {
  const slash = object.indexOf('/');
  const [kind, name] = [object.slice(0, slash), object.slice(slash + 1)] as const;
  if (!JUDGED_KINDS.has(kind)) return [];
  if (others.problems.some((each) => each.kind === kind && each.name === name)) return [];
  const found = others.policies.filter(
    (policy) => policy.kind === kind && policy.name === name && policy.staged === undefined,
  );
  const unseen = new Unseen({ ...inForce, lacks: [...inForce.lacks, 'ServiceAccount'] });
  const isClear = (policy: StoredPolicy): boolean =>
    unseen.ofSubject(policy) === undefined && comesBeforeTheEnd(policy.tier, inForce);
  return found.every(isClear) ? found : [];
}

/**
 * True for a tier before tier default, and for that itself. Policies of later tiers open only what another policy
 * passes on to them, so none of them can be judged alone.
 */
function comesBeforeTheEnd(name: string, { tiers }: World): boolean {
  const known = [
    ...BUILT_IN_TIERS.filter((each) => !tiers.some((tier) => tier.name === each.name)),
    ...tiers,
  ];
  const [tier, last] = [name, DEFAULT_TIER].map((of) => known.find((each) => each.name === of));
  if (tier === undefined || last === undefined) return false;
  return tier === last || tier.order < last.order;
}
