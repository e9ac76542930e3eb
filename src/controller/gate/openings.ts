/** Finds out what objects of others really open, and how that looks to people. */
import { createHash } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import { inForce, withApiServer } from '../../assertions/in-force.ts';
import type { ClusterFirewall } from '../../api/schema.ts';
import { messageOf } from '../../cluster/errors.ts';
import type { DesiredObject, Foreign, Frozen, Opening } from '../../compiler/types.ts';
import { UNKNOWN } from '../../inventory/known.ts';
import type { Inventory } from '../../inventory/types.ts';
import { parseCidr } from '../../net/cidr.ts';
import { judgeOpenings } from '../../openings/judge.ts';
import type { OpeningJudgement, OpeningWorlds } from '../../openings/types.ts';
import { storedWorld } from '../../questions/world.ts';
import type { LiveObject } from '../objects/live.ts';
import type { AdminPolicyVersions } from '../observe/other-policies.ts';
import type { GateOptions } from './gate.ts';
import { servicesOf, storedThatStay } from './judge.ts';
import { Eyes, LOOK_AGAIN_MS, type Sight } from './sight.ts';

export interface OpeningsInput {
  readonly foreign: Foreign;
  /** Their specs are those that were let in. */
  readonly firewalls: readonly ClusterFirewall[];
  readonly desired: readonly DesiredObject[];
  readonly frozen: readonly Frozen[];
  readonly inventory: Inventory;
  readonly live: readonly LiveObject[];
  readonly adminPolicies: AdminPolicyVersions;
}

export type OpeningsOptions = Omit<GateOptions, 'compile'>;

interface Look {
  readonly at: number;
  readonly firewalls: readonly ClusterFirewall[];
  /** Everything that the judgements were made of. */
  readonly fingerprint: string;
  readonly judged: ReadonlyMap<string, OpeningJudgement>;
  /** The parts of policies that the watch had, by object. */
  readonly seen: ReadonlyMap<string, unknown>;
  readonly surroundings: unknown;
}

const NOBODY: ReadonlyMap<string, OpeningJudgement> = new Map();

/** The memory of one term of leadership: the last judgements, without the objects. */
export class OpeningsJudge {
  readonly #options: OpeningsOptions;
  #last: Look | undefined;

  constructor(options: OpeningsOptions) {
    this.#options = options;
  }

  /**
   * Objects that open nothing go, and others get an example. It looks at most once a minute, and at once where a
   * spec has changed; meanwhile the last judgements count. An object that was changed since stays, as one about
   * which nothing is known.
   * @returns what to say, and milliseconds until the next look; 0 where there is nothing to look for
   */
  async judge(
    input: OpeningsInput,
    signal: AbortSignal,
  ): Promise<{ readonly foreign: Foreign; readonly waitMs: number }> {
    const { foreign } = input;
    const objects = foreign.openings.flatMap(({ object, isOnPods }) => (isOnPods === true ? [object] : []));
    if (objects.length === 0) {
      this.#last = undefined;
      return { foreign, waitMs: 0 };
    }
    const now = this.#options.clock.now();
    const last = this.#last;
    const isRecent =
      last !== undefined && now - last.at < LOOK_AGAIN_MS && areSame(last.firewalls, input.firewalls);
    const look = isRecent ? last : await this.#look(input, objects, signal);
    this.#last = look;
    const waitMs = Math.max(1, look.at + LOOK_AGAIN_MS - now);
    return { foreign: { ...foreign, openings: foreign.openings.flatMap(said(look, input)) }, waitMs };
  }

  async #look(input: OpeningsInput, objects: readonly string[], signal: AbortSignal): Promise<Look> {
    const { transport, clock, authorship, log } = this.#options;
    const { firewalls, inventory } = input;
    const known = { at: clock.now(), firewalls, seen: seenOf(inventory), surroundings: around(inventory) };
    try {
      // Those of namespaces open pods there, and are counted apart.
      const sight = await new Eyes(transport, clock, authorship, ['NetworkPolicy']).look(
        input.adminPolicies,
        0,
        signal,
      );
      const fingerprint = fingerprintOf(sight, input, objects);
      const judged =
        this.#last?.fingerprint === fingerprint
          ? this.#last.judged
          : judgeOpenings(worldsOf(sight, input), objects);
      return { ...known, fingerprint, judged };
    } catch (error) {
      if (signal.aborted) throw error;
      log.warn({ error: messageOf(error) }, 'cannot look at what others open, so everything counts that may');
      return { ...known, fingerprint: '', judged: NOBODY };
    }
  }
}

/** Each version of a firewall is a new object, also where only its status has changed. */
const areSame = (a: readonly ClusterFirewall[], b: readonly ClusterFirewall[]): boolean =>
  a.length === b.length &&
  a.every((each, index) => each === b[index] || isDeepStrictEqual(each.spec, b[index]?.spec));

/** The opening as people read it; nothing for an object that opens nothing. */
const said =
  (look: Look, { inventory }: OpeningsInput) =>
  (opening: Opening): readonly Opening[] => {
    const { object, opens, isOnPods } = opening;
    const isCurrent =
      isOnPods === true &&
      isDeepStrictEqual(look.surroundings, around(inventory)) &&
      isDeepStrictEqual(look.seen.get(object), seenOf(inventory).get(object));
    const judgement = isCurrent ? look.judged.get(object) : undefined;
    switch (judgement?.is) {
      case 'Nothing':
        return [];
      case 'Opens':
        return [{ ...opening, opens: `${opens}, for example ${judgement.example}` }];
      default:
        return [opening];
    }
  };

/** The parts of policies that the watch keeps. */
const seenOf = ({ foreignPolicies = [], adminPolicies = [] }: Inventory): ReadonlyMap<string, unknown> =>
  new Map<string, unknown>([
    ...foreignPolicies.map((each) => [`GlobalNetworkPolicy/${each.name}`, each] as const),
    ...adminPolicies.map((each) => [`${each.kind}/${each.name}`, each] as const),
  ]);

const around = ({ foreignTiers, foreignSets, unseenTiers }: Inventory): unknown => [
  foreignTiers,
  foreignSets,
  unseenTiers,
];

function worldsOf(sight: Sight, input: OpeningsInput): OpeningWorlds {
  const { desired, frozen, inventory, live } = input;
  const compilation = {
    objects: desired,
    problems: [],
    frozen,
    summaries: [],
    labelledNodes: UNKNOWN,
  } as const;
  const others = storedWorld(sight.others, sight.lacks);
  const stored = storedThatStay(sight, live, frozen, compilation);
  const world = withApiServer(inForce(others, stored, compilation), inventory.apiServerTargets ?? []);
  const { ipPools } = inventory;
  const isKnown = ipPools !== UNKNOWN && ipPools.length > 0;
  const podNets = isKnown ? ipPools.map(parseCidr) : undefined;
  return { others, inForce: world, services: servicesOf(inventory), podNets };
}

function fingerprintOf(
  { others, own, lacks }: Sight,
  { desired, inventory }: OpeningsInput,
  objects: readonly string[],
): string {
  const hash = createHash('sha256');
  for (const { kind, metadata } of [...others, ...own])
    hash.update(`${String(kind)} ${metadata.uid ?? ''} ${metadata.resourceVersion ?? ''}\n`);
  for (const { object } of desired) hash.update(JSON.stringify(object));
  const { ipPools, apiServerTargets } = inventory;
  hash.update(JSON.stringify([lacks, objects, ipPools === UNKNOWN ? null : ipPools, apiServerTargets]));
  return hash.digest('hex');
}
