/** Rounds on one cluster after the other, and what they have shown. */
import { connect } from '../harness/connect.ts';
import { seeded } from '../harness/random.ts';
import { startCast, type Shape } from './cast.ts';
import { Coverage } from './coverage.ts';
import { record, type Recorded } from './replay.ts';
import { fixNeighbours } from './neighbours.ts';
import { describe, type Disagreement } from './describe.ts';
import { agrees } from './compare.ts';
import { playRound, type RoundResult, type RoundStage } from './round.ts';
import { FlowWitness } from './flow-logs/witness.ts';
import { addressesOf } from './stage.ts';
import type { Fixture } from './shrink.ts';

export interface Plan {
  readonly seed: number;
  /** The number of rounds. Each is a cluster of its own as far as policies go. */
  readonly rounds: number;
  /** No round but the first of each shape begins after so many milliseconds. */
  readonly within?: number;
  readonly packets: number;
  readonly shapes: readonly Shape[];
  /** True: a disagreement is made small on the cluster. */
  readonly shrinks: boolean;
  /** True: flow logs are compared as well. */
  readonly flowLogs: boolean;
  /** Gets every round as soon as it is over. */
  readonly keep?: (round: Recorded) => void;
}

export interface Totals {
  readonly rounds: number;
  readonly packets: number;
  readonly allowed: number;
  readonly byNode: Readonly<Record<string, number>>;
  readonly byFamily: Readonly<Record<4 | 6, number>>;
  readonly undecided: number;
  /** Rounds in which Felix or the cluster ended, by their seed. */
  readonly interrupted: readonly number[];
  readonly disagreements: readonly Disagreement[];
  readonly fixtures: readonly Fixture[];
  readonly coverage: Coverage;
  readonly recorded: readonly Recorded[];
  readonly witnessed: Counts;
  readonly flowDifferences: readonly string[];
}

/** Decisions that were compared with flow logs. */
type Counts = Readonly<Record<'judgements' | 'packets' | 'pending', number>>;

/** A campaign goes on with a new cluster so many times. */
const MOST_INTERRUPTED = 5;

class Sum {
  rounds = 0;
  packets = 0;
  allowed = 0;
  undecided = 0;
  readonly interrupted: number[] = [];
  readonly byNode: Record<string, number> = {};
  readonly byFamily: Record<4 | 6, number> = { 4: 0, 6: 0 };
  readonly disagreements: Disagreement[] = [];
  readonly fixtures: Fixture[] = [];
  readonly coverage = new Coverage();
  readonly recorded: Recorded[] = [];
  readonly witnessed: Record<keyof Counts, number> = { judgements: 0, packets: 0, pending: 0 };
  readonly flowDifferences: string[] = [];
}

/** @param say gets a line about every round */
export async function campaign(plan: Plan, say: (line: string) => void): Promise<Totals> {
  const sum = new Sum();
  const started = performance.now();
  for (const [index, shape] of plan.shapes.entries()) {
    const share = Math.ceil((plan.rounds * (index + 1)) / plan.shapes.length);
    const within = plan.within === undefined ? Infinity : (plan.within * (index + 1)) / plan.shapes.length;
    do
      await onCluster(shape, plan, sum, {
        isOver: () => sum.rounds >= share || performance.now() - started >= within,
        say,
      });
    while (sum.rounds < share && performance.now() - started < within);
  }
  return sum;
}

interface Playing {
  readonly isOver: () => boolean;
  readonly say: (line: string) => void;
}

/** Plays until it is over, or until Felix ends. There is one round at least, however long the start took. */
async function onCluster(shape: Shape, plan: Plan, sum: Sum, { isOver, say }: Playing): Promise<void> {
  const cast = await startCast(shape, plan.flowLogs);
  const client = connect(cast.cluster.kubeconfig);
  try {
    const addresses = await addressesOf(cast, client);
    await fixNeighbours(cast, addresses);
    const witness = plan.flowLogs && { witness: await FlowWitness.start(cast) };
    const stage = { cast, client, addresses, ...witness };
    do await play(stage, plan, sum, say);
    while (!isOver());
  } catch (error) {
    const round = plan.seed + sum.rounds;
    sum.rounds += 1;
    sum.interrupted.push(round);
    say(
      `round ${String(round)} ${shape} interrupted: ${error instanceof Error ? error.message : String(error)}`,
    );
    if (sum.interrupted.length > MOST_INTERRUPTED) throw error;
  } finally {
    await client.close();
    await cast.cluster.stop();
  }
}

async function play(stage: RoundStage, plan: Plan, sum: Sum, say: (line: string) => void): Promise<void> {
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
  const disagreements = wrong.map((each) => ({ ...each, round, shape }));
  sum.disagreements.push(...disagreements);
  sum.fixtures.push(...result.fixtures);
  for (const { packet, outcome } of compared) {
    if (outcome.verdict === 'Allowed') sum.allowed += 1;
    sum.byFamily[packet.to.includes(':') ? 6 : 4] += 1;
    const { node } = outcome.decisive;
    sum.byNode[node] = (sum.byNode[node] ?? 0) + 1;
  }
  sum.coverage.add({ ...result, addresses: stage.addresses }, compared);
  const recorded = record(result, (name) => stage.addresses.of(name));
  sum.recorded.push(recorded);
  plan.keep?.(recorded);
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  say(
    `round ${String(round)} ${shape} ${result.focus}: ${String(compared.length)} packets, ${String(wrong.length)} differ, ${seconds} s`,
  );
  for (const each of disagreements) say(describe(each));
  witness(result, sum, `round ${String(round)} ${shape}`, say);
}

function witness({ witnessed }: RoundResult, sum: Sum, name: string, say: (line: string) => void): void {
  if (witnessed === undefined) return;
  for (const key of ['judgements', 'packets', 'pending'] as const) sum.witnessed[key] += witnessed[key];
  const texts = witnessed.differing.map(({ text }) => `${name}, flow logs: ${text}`);
  sum.flowDifferences.push(...texts);
  for (const text of texts) say(text);
}
