/** Compares the decisions of pods' policies in Felix's flow logs with those of the simulator. */
import { setTimeout as delay } from 'node:timers/promises';
import { flowReader } from '../../../src/flowlogs/reader.ts';
import { inMode } from '../../../src/questions/world.ts';
import { Prepared } from '../../../src/simulator/prepared.ts';
import type { World } from '../../../src/simulator/world.ts';
import { NODES, type Cast } from '../cast.ts';
import { agrees, type Compared } from '../compare.ts';
import { sendAll } from '../packets.ts';
import { judgementsOf, loggedOf, type Judgement, type Logged } from './judgement.ts';
import { asCalicoReads } from './second-reading.ts';
import { differences, type Difference } from './differences.ts';

export interface Witnessed {
  /** Decisions of pods' policies that flow logs have. */
  readonly judgements: number;
  readonly packets: number;
  /** Those that were compared with staged policies enforced as well. */
  readonly pending: number;
  readonly differing: readonly Difference[];
}

/** How far each node's flow logs have been read. */
export type Marks = ReadonlyMap<string, number>;

/** Felix knows a flow after 5 seconds, sends every 2 seconds, and the reader prints every second. */
const PATIENCE = 25_000;
const LOOK_EVERY = 1000;
/** Felix has forgotten a flow that nothing more was heard of. */
const FORGOTTEN = 15_000;
/** The longest time for which a connection is remembered on a node. */
const OLD = 200_000;
const ANSWER_WITHIN = 1000;

interface Remembered {
  readonly at: number;
  readonly logged: readonly Logged[];
}

export class FlowWitness {
  readonly #cast: Cast;
  #before: Remembered[] = [];

  private constructor(cast: Cast) {
    this.#cast = cast;
  }

  /** Resolves when nothing that was sent before is still to be reported. */
  static async start(cast: Cast): Promise<FlowWitness> {
    await delay(FORGOTTEN);
    return new FlowWitness(cast);
  }

  mark(): Marks {
    return new Map(NODES.map(({ name }) => [name, this.#cast.cluster.flowLogs(name).length]));
  }

  /**
   * A decision that differs is asked for again with a new packet, as labels of namespaces may have been late.
   * @param start from before the packets were sent
   */
  async compare(world: World, compared: readonly Compared[], start: Marks): Promise<Witnessed> {
    const worlds = {
      now: new Prepared(world),
      later: new Prepared(asCalicoReads(inMode(world, 'enforce'))),
    };
    const judgements = compared.flatMap((each) => {
      const own = judgementsOf(worlds, each);
      // Nobody knows the way of a packet that ended otherwise.
      return agrees(each) ? own : own.map((one) => ({ ...one, isLogged: false }));
    });
    let differing = await this.#differing(judgements, start);
    const packets = new Set(differing.flatMap(({ judgements: of }) => of.map(({ packet }) => packet)));
    if (packets.size > 0) {
      await delay(FORGOTTEN);
      this.#remember(start);
      const again = this.mark();
      await sendAll(this.#cast, [...packets], () => ANSWER_WITHIN);
      const own = judgements.filter(({ packet }) => packets.has(packet));
      const second = await this.#differing(own, again);
      // The first look also knows the packets that are not sent again.
      const isKnown = ({ judgements: of }: Difference): boolean => of.length > 0;
      differing = [...differing.filter((each) => !isKnown(each)), ...second.filter(isKnown)];
    }
    this.#remember(start);
    return {
      judgements: judgements.filter(({ isLogged }) => isLogged).length,
      packets: new Set(judgements.filter(({ isLogged }) => isLogged).map(({ packet }) => packet)).size,
      pending: judgements.filter(({ isLogged, pending }) => isLogged && pending.length > 0).length,
      differing,
    };
  }

  async #differing(judgements: readonly Judgement[], start: Marks): Promise<readonly Difference[]> {
    const until = performance.now() + PATIENCE;
    const before = this.#before.flatMap(({ logged }) => logged);
    for (;;) {
      const found = differences(judgements, this.#since(start), before);
      if (found.every(({ isMissing }) => !isMissing) || performance.now() > until) return found;
      await delay(LOOK_EVERY);
    }
  }

  #since(start: Marks): readonly Logged[] {
    return [...start].flatMap(([node, offset]) =>
      read(node, this.#cast.cluster.flowLogs(node).slice(offset)),
    );
  }

  /** Flows of one round end in the next ones, with the policies under which they began. */
  #remember(start: Marks): void {
    const at = performance.now();
    this.#before = [...this.#before.filter((each) => each.at > at - OLD), { at, logged: this.#since(start) }];
  }
}

function read(node: string, text: string): readonly Logged[] {
  const logged: Logged[] = [];
  const reader = flowReader((flow) => {
    const own = loggedOf(node, flow);
    if (own !== undefined) logged.push(own);
  });
  for (const line of text.split('\n')) reader.line(line);
  reader.end();
  return logged;
}
