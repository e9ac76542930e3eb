/** One round: random objects on the cluster, random packets, and a comparison of simulator and Felix. */
import { readWorld } from '../../src/simulator/snapshot.ts';
import { forEachLimit } from '../../src/cluster/parallel.ts';
import type { World } from '../../src/simulator/world.ts';
import type { Random } from '../harness/random.ts';
import { choose } from './choose.ts';
import { agrees, look, type Compared, type Stage } from './compare.ts';
import type { Focus } from './focus.ts';
import { shrink, type Fixture } from './shrink.ts';
import type { FlowWitness, Witnessed } from './flow-logs/witness.ts';
import { generate, type Round } from './generate.ts';
import { isDiced } from './services.ts';
import { createAll, label, readAll, removeAll, type RoundObject } from './store.ts';

export interface RoundResult {
  readonly focus: Focus;
  readonly world: World;
  readonly stored: readonly RoundObject[];
  readonly compared: readonly Compared[];
  /** Packets whose fate depends on kube-proxy's dice. */
  readonly undecided: number;
  readonly fixtures: readonly Fixture[];
  /** Absent where flow logs are not compared. */
  readonly witnessed?: Witnessed;
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

export interface RoundStage extends Stage {
  /** Present where flow logs are compared. */
  readonly witness?: FlowWitness;
}

export async function playRound(stage: RoundStage, random: Random, plan: RoundPlan): Promise<RoundResult> {
  const round = generate(random);
  await applyRound(stage, round);
  const left = [...round.objects];
  try {
    const stored = await readAll(stage.client);
    const world = readWorld(stored);
    const [problem] = world.problems;
    if (problem !== undefined)
      throw new Error(`${problem.kind} ${problem.name}: ${problem.field} ${problem.why}`);
    const { addresses } = stage;
    const { expected, undecided } = choose(random, {
      scene: { world, stored, addresses },
      focus: round.focus,
      count: plan.packets,
    });
    const { witness } = stage;
    const start = witness?.mark() ?? new Map();
    const sent = witness === undefined ? expected : expected.filter(({ packet }) => !isDiced(packet.port));
    const compared = await look(stage.cast, sent);
    const witnessed = await witness?.compare(world, compared, start);
    const wrong = compared.find((each) => !agrees(each));
    const fixture =
      wrong === undefined || !plan.shrinks ? undefined : await shrink(stage, left, wrong.packet);
    return {
      focus: round.focus,
      world,
      stored,
      compared,
      undecided,
      fixtures: fixture === undefined ? [] : [fixture],
      ...(witnessed !== undefined && { witnessed }),
    };
  } finally {
    await removeAll(stage.client, left);
  }
}
