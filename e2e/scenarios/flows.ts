/**
 * Flows at 50 Hz during a change. Traffic that is allowed all the time must lose nothing. Refused traffic
 * must never pass.
 */
import { readFile } from 'node:fs/promises';
import { isIPv6 } from 'node:net';
import type { FlowOptions, FlowTally, SocketAddress, StartedCluster, StartedFlow } from '../cluster.ts';
import { allowed, refused, type ActorName, type Row } from '../harness/rows.ts';
import type { Actors } from '../harness/sweep.ts';

/** The cluster in which the flows run. */
export interface Ground extends Actors {
  readonly cluster: Pick<StartedCluster, 'wire'>;
}

export interface FlowRow extends Row, FlowOptions {
  /** Default 4. */
  readonly family?: 4 | 6;
  /** The endpoint behind `to`, which is the target of the control. Default `to` itself. */
  readonly answeredBy?: ActorName;
}

/** Each row as a flow of its own. */
export const flows = (
  rows: readonly Row[],
  options: FlowOptions & Pick<FlowRow, 'family' | 'answeredBy'> = {},
): readonly FlowRow[] => rows.map((row) => ({ ...row, ...options }));

/** Reports of the play to the flows. */
export interface Watch {
  /** Names the events from now on, for the report. */
  readonly now: (what: string) => void;
  /** From now on refused flows may pass. */
  readonly mayPass: () => void;
}

/** The minimum share of 50 packets a second. A busier machine cannot decide. */
const LEAST_CONTROLLED = 0.2;
const EVERY = 20;

/** Packets. */
export interface Counts {
  readonly allowed: { readonly sent: number; readonly lost: number; readonly undecided: number };
  /** The packets before they may pass. */
  readonly refused: { readonly sent: number; readonly passed: number };
}

export interface Counted extends Counts {
  readonly what: string;
}

export interface Flowed {
  /** From each event to the next one. A packet counts when it had its time, which is up to a second later. */
  readonly events: readonly Counted[];
  readonly flows: readonly Counted[];
}

/**
 * Sends while an action plays, and until the last packets had their time. Resolves to the packets and their
 * fates.
 * @throws with every flow that was allowed and lost a packet, or was refused and had one answered: how many,
 * and the event at that time
 */
export async function whileFlowing(
  ground: Ground,
  rows: readonly FlowRow[],
  play: (watch: Watch) => Promise<void>,
): Promise<Flowed> {
  const wire = wires(ground);
  const droppedBefore = await droppedByKernel();
  const started = await Promise.all(
    rows.map(async (row) => ({ row, flow: await start(ground, row, await wire(row)) })),
  );
  const events: Event[] = [];
  const now = (what: string): void => {
    const tallies = Promise.allSettled(started.map(({ flow }) => flow.tally()));
    events.push({ what, at: new Date(), tallies });
  };
  now('the start');
  let opened: Date | undefined;
  const stop = (): Promise<readonly Ended[]> =>
    Promise.all(started.map(async ({ row, flow }) => ({ row, tally: await flow.stop() })));
  const failure = await play({ now, mayPass: () => (opened = new Date()) }).then(
    () => undefined,
    (error: unknown) => (error instanceof Error ? error : new Error(String(error))),
  );
  const ended = await stop();
  const wrong = ended.flatMap(({ row, tally }) => judge(row, tally, opened).map(tell(row, events)));
  if (wrong.length > 0) {
    const first = failure !== undefined ? `${failure.message}\n` : '';
    const dropped = (await droppedByKernel()) - droppedBefore;
    const machine = `  meanwhile the kernel had no room for ${dropped} packets, whoever's they were (/proc/net/softnet_stat)`;
    throw new Error(`${first}flows at 50 Hz:\n${[...wrong, machine].join('\n')}`, { cause: failure });
  }
  if (failure !== undefined) throw failure;
  return flowed(events, ended, opened);
}

/**
 * Packets that the whole machine has dropped since it started. Each processor has a line, whose second number
 * counts them.
 */
async function droppedByKernel(): Promise<number> {
  const lines = (await readFile('/proc/net/softnet_stat', 'utf8')).trim().split('\n');
  return lines.reduce((total, line) => total + Number.parseInt(line.split(' ')[1] ?? '', 16), 0);
}

interface Ended {
  readonly row: FlowRow;
  readonly tally: FlowTally;
}

/** One for each pair of ends. */
function wires(ground: Ground): (row: FlowRow) => Promise<SocketAddress> {
  const laid = new Map<string, Promise<SocketAddress>>();
  return ({ from, to, answeredBy = to }) => {
    const key = `${from} ${answeredBy}`;
    const control = laid.get(key) ?? ground.cluster.wire(ground.endpoint(from), ground.endpoint(answeredBy));
    laid.set(key, control);
    return control;
  };
}

function start(
  ground: Ground,
  { from, to, port, protocol, kind = 'new', family = 4 }: FlowRow,
  control: SocketAddress,
): Promise<StartedFlow> {
  const host = ground.addresses(to).find((address) => isIPv6(address) === (family === 6));
  if (host === undefined) throw new Error(`${to} has no IPv${family} address`);
  return ground.endpoint(from).flow({ host, port, protocol, control }, { kind });
}

interface Event {
  readonly what: string;
  readonly at: Date;
  /** The end of every flow before it. */
  readonly tallies: Promise<readonly PromiseSettledResult<FlowTally>[]>;
}

interface Fault {
  readonly what: string;
  /** ISO 8601. */
  readonly times: readonly string[];
}

function judge({ expect }: Row, tally: FlowTally, opened: Date | undefined): readonly Fault[] {
  const faults: Fault[] = [];
  const { sent, controlled, countedLosses, longestGapMs, lossTimes, firstAnswered, milliseconds } = tally;
  if (controlled < LEAST_CONTROLLED * (milliseconds / EVERY)) {
    faults.push({
      what: `the machine is too busy: in ${milliseconds} ms ${controlled} control packets answered`,
      times: [],
    });
  }
  if (expect === 'allowed' && countedLosses > 0) {
    faults.push({ what: `lost ${countedLosses} of ${sent}, ${longestGapMs} ms at once`, times: lossTimes });
  }
  if (expect === 'refused' && firstAnswered !== undefined) {
    const isEarly = opened === undefined || firstAnswered < opened.toISOString();
    if (isEarly) faults.push({ what: `passed ${tally.answered} of ${sent}`, times: [firstAnswered] });
  }
  return faults;
}

const nameOf = ({ from, to, port, protocol, kind = 'new', family = 4, expect }: FlowRow): string =>
  `${from} → ${to} ${port}/${protocol} IPv${family} ${kind}, ${expect}`;

const tell =
  (row: FlowRow, events: readonly Event[]) =>
  ({ what, times }: Fault): string => {
    const when = events.flatMap((event, i) => {
      const until = events[i + 1]?.at.toISOString() ?? '~';
      const then = times.filter((time) => time >= event.at.toISOString() && time < until);
      return then.length === 0 ? [] : [`${then.length} from ${event.what} on, first at ${then[0]}`];
    });
    return `  ${nameOf(row)}: ${[what, ...when].join('; ')}`;
  };

async function flowed(
  events: readonly Event[],
  ended: readonly Ended[],
  opened: Date | undefined,
): Promise<Flowed> {
  const marks: (readonly (FlowTally | undefined)[])[] = await Promise.all(
    events.map(async ({ tallies }) =>
      (await tallies).map((each) => (each.status === 'fulfilled' ? each.value : undefined)),
    ),
  );
  marks.push(ended.map(({ tally }) => tally));
  const counted = (event: number, row: number): Counts => {
    const at = events[event]?.at;
    const isOpen = opened !== undefined && at !== undefined && at >= opened;
    return difference(ended[row]?.row.expect, isOpen, marks[event]?.[row], marks[event + 1]?.[row]);
  };
  return {
    events: events.map(({ what }, event) => ({
      what,
      ...total(ended.map((_, row) => counted(event, row))),
    })),
    flows: ended.map(({ row }, index) => ({
      what: nameOf(row),
      ...total(events.map((_, event) => counted(event, index))),
    })),
  };
}

function difference(
  expect: Row['expect'] | undefined,
  isOpen: boolean,
  before: FlowTally | undefined,
  after: FlowTally | undefined,
): Counts {
  const grown = (of: (tally: FlowTally) => number): number =>
    after === undefined ? 0 : of(after) - (before === undefined ? 0 : of(before));
  const sent = grown((tally) => tally.sent);
  if (expect === 'allowed') {
    const [missed, lost] = [grown((tally) => tally.lost), grown((tally) => tally.countedLosses)];
    return { ...NONE, allowed: { sent, lost, undecided: missed - lost } };
  }
  return isOpen ? NONE : { ...NONE, refused: { sent, passed: grown((tally) => tally.answered) } };
}

const NONE: Counts = { allowed: { sent: 0, lost: 0, undecided: 0 }, refused: { sent: 0, passed: 0 } };

function total(all: readonly Counts[]): Counts {
  const sum = (of: (counts: Counts) => number): number => all.reduce((before, each) => before + of(each), 0);
  return {
    allowed: {
      sent: sum(({ allowed: { sent } }) => sent),
      lost: sum(({ allowed: { lost } }) => lost),
      undecided: sum(({ allowed: { undecided } }) => undecided),
    },
    refused: { sent: sum(({ refused: { sent } }) => sent), passed: sum(({ refused: { passed } }) => passed) },
  };
}

/** A line for each event, once for all flows that saw it, and a line for each flow. */
export function table(all: readonly Flowed[]): string {
  const lines = [
    ...byName(all.flatMap(({ events }) => events)),
    { what: 'in all', ...total(all.flatMap(({ events }) => events)) },
    ...byName(all.flatMap((each) => each.flows)),
  ];
  const width = Math.max(...lines.map(({ what }) => what.length));
  const line = (what: string, cells: readonly (number | string)[]): string =>
    [what.padEnd(width), ...cells.map((cell, i) => String(cell).padStart(COLUMNS[i]?.length ?? 0))].join(
      '  ',
    );
  return [line('', COLUMNS), ...lines.map((each) => line(each.what, cellsOf(each)))].join('\n');
}

const byName = (counted: readonly Counted[]): readonly Counted[] =>
  [...Map.groupBy(counted, ({ what }) => what)].map(([what, same]) => ({ what, ...total(same) }));

const COLUMNS = ['allowed: sent', 'lost', 'undecided', 'refused: sent', 'passed'];

const cellsOf = ({ allowed, refused }: Counts): readonly number[] => [
  ...[allowed.sent, allowed.lost, allowed.undecided],
  ...[refused.sent, refused.passed],
];

/**
 * Flows that manifests/flows.yaml allows, and the open cluster too: a rule of each kind, both dataplanes at
 * either end, both IP families.
 */
export const KEPT: readonly FlowRow[] = [
  ...flows(allowed(['edge/proxy1'], ['wordpress/wp2'], [80])),
  ...flows(allowed(['edge/proxy2'], ['wordpress/wp1'], [80]), { kind: 'established' }),
  ...flows(allowed(['edge/proxy1'], ['wordpress/job'], ['53/UDP']), { family: 6 }),
  ...flows(allowed(['wordpress/wp1'], ['wordpress/db'], [3306])),
  ...flows(allowed(['wordpress/wp2'], ['kube-system/dns1'], ['53/UDP'])),
  ...flows(allowed(['shop/front'], ['kube-system/dns2'], ['53/UDP']), { kind: 'established' }),
  ...flows(allowed(['outside/web'], ['wordpress/wp1'], [81])),
  ...flows(allowed(['wordpress/wp2'], ['outside/web'], [443]), { family: 6 }),
  ...flows(allowed(['wordpress/wp1'], ['outside/vm'], [5432])),
  ...flows(allowed(['blog-a/wp'], ['blog-a/db'], [3306]), { family: 6 }),
  ...flows(allowed(['blog-b/wp'], ['blog-b/db'], [3306]), { kind: 'established' }),
];

/** Flows that it refuses: without any rule, by a missing rule on one side, across tenants, by a guardrail. */
export const REFUSED: readonly FlowRow[] = [
  ...flows(refused(['shop/front'], ['wordpress/wp2'], [80])),
  ...flows(refused(['shop/front'], ['shop/cart'], ['53/UDP'])),
  ...flows(refused(['wordpress/job'], ['outside/web'], [443]), { family: 6 }),
  ...flows(refused(['blog-a/wp'], ['blog-b/db'], [3306])),
  ...flows(refused(['wordpress/wp2'], ['outside/web'], [587])),
];
