/** Rounds on one cluster after the other, and what they have shown. */
import { connect } from '../harness/connect.ts';
import { seeded } from '../harness/random.ts';
import { startCast, type Shape } from './cast.ts';
import { Coverage } from './coverage.ts';
import { record, type Recorded } from './replay.ts';
import { agrees, type Compared, type Stage } from './compare.ts';
import { playRound } from './round.ts';
import { addressesOf } from './stage.ts';
import type { Fixture } from './shrink.ts';

export interface Plan {
  readonly seed: number;
  /** The number of rounds. Each is a cluster of its own as far as policies go. */
  readonly rounds: number;
  /** No round begins after so many milliseconds. */
  readonly within?: number;
  readonly packets: number;
  readonly shapes: readonly Shape[];
  /** True: a disagreement is made small on the cluster. */
  readonly shrinks: boolean;
}

export interface Disagreement extends Compared {
  readonly round: number;
  readonly shape: Shape;
}

export interface Totals {
  readonly rounds: number;
  readonly packets: number;
  readonly allowed: number;
  readonly byNode: Readonly<Record<string, number>>;
  readonly byFamily: Readonly<Record<4 | 6, number>>;
  readonly undecided: number;
  readonly disagreements: readonly Disagreement[];
  readonly fixtures: readonly Fixture[];
  readonly coverage: Coverage;
  readonly recorded: readonly Recorded[];
}

class Sum {
  rounds = 0;
  packets = 0;
  allowed = 0;
  undecided = 0;
  readonly byNode: Record<string, number> = {};
  readonly byFamily: Record<4 | 6, number> = { 4: 0, 6: 0 };
  readonly disagreements: Disagreement[] = [];
  readonly fixtures: Fixture[] = [];
  readonly coverage = new Coverage();
  readonly recorded: Recorded[] = [];
}

/** @param say gets a line about every round */
export async function campaign(plan: Plan, say: (line: string) => void): Promise<Totals> {
  const sum = new Sum();
  const started = performance.now();
  for (const [index, shape] of plan.shapes.entries()) {
    const share = Math.ceil((plan.rounds * (index + 1)) / plan.shapes.length);
    const within = plan.within === undefined ? Infinity : (plan.within * (index + 1)) / plan.shapes.length;
    const cast = await startCast(shape);
    const client = connect(cast.cluster.kubeconfig);
    try {
      const stage = { cast, client, addresses: await addressesOf(cast, client) };
      while (sum.rounds < share && performance.now() - started < within) await play(stage, plan, sum, say);
    } finally {
      await client.close();
      await cast.cluster.stop();
    }
  }
  return sum;
}

async function play(stage: Stage, plan: Plan, sum: Sum, say: (line: string) => void): Promise<void> {
  const round = plan.seed + sum.rounds;
  const started = performance.now();
  // Neighbouring seeds begin alike.
  const result = await playRound(stage, seeded(Math.imul(round, 2_654_435_761)), plan);
  const { compared } = result;
  const wrong = compared.filter((each) => !agrees(each));
  const { shape } = stage.cast;
  sum.rounds += 1;
  sum.packets += compared.length;
  sum.undecided += result.undecided;
  sum.disagreements.push(...wrong.map((each) => ({ ...each, round, shape })));
  sum.fixtures.push(...result.fixtures);
  for (const { packet, outcome } of compared) {
    if (outcome.verdict === 'Allowed') sum.allowed += 1;
    sum.byFamily[packet.to.includes(':') ? 6 : 4] += 1;
    const { node } = outcome.decisive;
    sum.byNode[node] = (sum.byNode[node] ?? 0) + 1;
  }
  sum.coverage.add({ ...result, addresses: stage.addresses }, compared);
  sum.recorded.push(record(result, (name) => stage.addresses.of(name)));
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  say(
    `round ${String(round)} ${shape} ${result.focus}: ${String(compared.length)} packets, ${String(wrong.length)} differ, ${seconds} s`,
  );
}
