/** One round: random objects on the cluster, random packets, and a comparison of simulator and Felix. */
import { Prepared } from '../../src/simulator/prepared.ts';
import { readWorld } from '../../src/simulator/snapshot.ts';
import type { Outcome } from '../../src/simulator/trail.ts';
import { forEachLimit } from '../../src/cluster/parallel.ts';
import type { World } from '../../src/simulator/world.ts';
import type { Random } from '../harness/random.ts';
import { agrees, look, type Compared, type Expected, type Stage } from './compare.ts';
import type { Focus } from './focus.ts';
import { shrink, type Fixture } from './shrink.ts';
import { generate, type Round } from './generate.ts';
import { randomPacket, simulate } from './packets.ts';
import { createAll, label, readAll, removeAll, type RoundObject } from './store.ts';

export interface RoundResult {
  readonly focus: Focus;
  readonly world: World;
  readonly stored: readonly RoundObject[];
  readonly compared: readonly Compared[];
  /** Packets whose fate depends on kube-proxy's dice. */
  readonly undecided: number;
  readonly fixtures: readonly Fixture[];
}

const AT_ONCE = 8;
async function applyRound({ client, cast }: Stage, round: Round): Promise<void> {
  await Promise.all([
    createAll(client, round.objects),
    forEachLimit(Object.entries(round.labels), AT_ONCE, async ([path, labels]) =>
      label(client, path, labels),
    ),
  ]);
  await cast.cluster.policiesProgrammed();
}

export interface RoundPlan {
  /** The number of packets. */
  readonly packets: number;
  /** True: a disagreement is made small on the cluster. */
  readonly shrinks: boolean;
}

export async function playRound(stage: Stage, random: Random, plan: RoundPlan): Promise<RoundResult> {
  const round = generate(random);
  await applyRound(stage, round);
  const left = [...round.objects];
  try {
    const stored = await readAll(stage.client);
    const world = readWorld(stored);
    const [problem] = world.problems;
    if (problem !== undefined)
      throw new Error(`${problem.kind} ${problem.name}: ${problem.field} ${problem.why}`);
    const expected = expectations(stage, world, random, { count: plan.packets, focus: round.focus });
    const decided = expected.filter(({ outcome }) => !isUndecided(outcome));
    const compared = await look(stage.cast, decided);
    const wrong = compared.find((each) => !agrees(each));
    const fixture =
      wrong === undefined || !plan.shrinks ? undefined : await shrink(stage, left, wrong.packet);
    return {
      focus: round.focus,
      world,
      stored,
      compared,
      undecided: expected.length - decided.length,
      fixtures: fixture === undefined ? [] : [fixture],
    };
  } finally {
    await removeAll(stage.client, left);
  }
}

function expectations(
  { addresses }: Stage,
  world: World,
  random: Random,
  { count, focus }: { readonly count: number; readonly focus: Focus },
): readonly Expected[] {
  const prepared = new Prepared(world);
  return Array.from({ length: count }, () => {
    const packet = randomPacket(random, addresses, focus);
    return { packet, outcome: simulate(prepared, packet, addresses.of(packet.from)) };
  });
}

const isUndecided = ({ decisive: { layer, decision } }: Outcome): boolean =>
  layer === 'Service' && decision.verdict === 'Unknown';
