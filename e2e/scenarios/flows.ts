/** Flows at 50 Hz while something happens: what is allowed all the while must lose nothing, what is refused must never pass. */
import { isIPv6 } from 'node:net';
import type { FlowOptions, FlowTally, SocketAddress, StartedCluster, StartedFlow } from '../cluster.ts';
import { allowed, refused, type ActorName, type Row } from './rows.ts';
import type { Actors } from './sweep.ts';

/** Where flows run. */
export interface Ground extends Actors {
  readonly cluster: Pick<StartedCluster, 'wire'>;
}

export interface FlowRow extends Row, FlowOptions {
  /** Default 4. */
  readonly family?: 4 | 6;
  /** Who is behind `to`: the control goes to him. Default `to` itself. */
  readonly answeredBy?: ActorName;
}

/** Each row as a flow of its own. */
export const flows = (
  rows: readonly Row[],
  options: FlowOptions & Pick<FlowRow, 'family' | 'answeredBy'> = {},
): readonly FlowRow[] => rows.map((row) => ({ ...row, ...options }));

/** What the play tells the flows. */
export interface Watch {
  /** Names what happens from now on, for the report. */
  readonly now: (what: string) => void;
  /** From now on refused flows may pass. */
  readonly mayPass: () => void;
}

/** A machine that is busier than that cannot tell. Packets a second are 50. */
const LEAST_CONTROLLED = 0.5;
const EVERY = 20;

/**
 * Sends while something is played, and on until the last packets had their time. Resolves to a table of what was sent and lost from each
 * event to the next one; what is sent counts when it has had its time, which is up to a second later.
 * @throws with every flow that was allowed and lost a packet, or was refused and had one answered: how many, and what happened then
 */
export async function whileFlowing(
  ground: Ground,
  rows: readonly FlowRow[],
  play: (watch: Watch) => Promise<void>,
): Promise<string> {
  const wire = wires(ground);
  const started = await Promise.all(
    rows.map(async (row) => ({ row, flow: await start(ground, row, await wire(row)) })),
  );
  const event = (what: string): Event => {
    const tallies = Promise.allSettled(started.map(({ flow }) => flow.tally()));
    return { what, at: new Date(), tallies };
  };
  const events = [event('the start')];
  let opened: Date | undefined;
  const stop = (): Promise<readonly Ended[]> =>
    Promise.all(started.map(async ({ row, flow }) => ({ row, tally: await flow.stop() })));
  const now = (what: string): void => {
    events.push(event(what));
  };
  const failure = await play({ now, mayPass: () => (opened = new Date()) }).then(
    () => undefined,
    (error: unknown) => (error instanceof Error ? error : new Error(String(error))),
  );
  const ended = await stop();
  const wrong = ended.flatMap(({ row, tally }) => judge(row, tally, opened).map(tell(row, events)));
  if (wrong.length > 0) {
    const first = failure !== undefined ? `${failure.message}\n` : '';
    throw new Error(`${first}flows at 50 Hz:\n${wrong.join('\n')}`, { cause: failure });
  }
  if (failure !== undefined) throw failure;
  return report(events, ended);
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
  /** Of every flow, until then. */
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
      const count = times.filter((time) => time >= event.at.toISOString() && time < until).length;
      return count === 0 ? [] : [`${count} from ${event.what} on`];
    });
    return `  ${nameOf(row)}: ${[what, ...when].join('; ')}`;
  };

const COLUMNS = ['sent', 'answered', 'lost', 'undecided'];

/** A line an event, and one a flow. */
async function report(events: readonly Event[], ended: readonly Ended[]): Promise<string> {
  const marks = [
    ...(await Promise.all(events.map(async ({ tallies }) => sum(fulfilled(await tallies))))),
    sum(ended.map(({ tally }) => tally)),
  ];
  const byEvent = events.map(
    ({ what }, i) => [what, (marks[i + 1] ?? []).map((n, k) => n - (marks[i]?.[k] ?? 0))] as const,
  );
  const byFlow = ended.map(({ row, tally }) => [nameOf(row), sum([tally])] as const);
  const lines = [...byEvent, ['in all', marks.at(-1) ?? []] as const, ...byFlow];
  const width = Math.max(...lines.map(([what]) => what.length));
  const line = (what: string, cells: readonly (number | string)[]): string =>
    [
      what.padEnd(width),
      ...cells.map((cell, i) => String(cell).padStart(Math.max(7, COLUMNS[i]?.length ?? 0))),
    ].join(' ');
  return [line('', COLUMNS), ...lines.map(([what, counts]) => line(what, counts))].join('\n');
}

const fulfilled = (tallies: readonly PromiseSettledResult<FlowTally>[]): readonly FlowTally[] =>
  tallies.flatMap((each) => (each.status === 'fulfilled' ? [each.value] : []));

/** As COLUMNS. */
function sum(tallies: readonly FlowTally[]): readonly number[] {
  const total = (count: (tally: FlowTally) => number): number =>
    tallies.reduce((before, tally) => before + count(tally), 0);
  return [
    total(({ sent }) => sent),
    total(({ answered }) => answered),
    total(({ countedLosses }) => countedLosses),
    total(({ lost, countedLosses }) => lost - countedLosses),
  ];
}

/** What manifests/flows.yaml allows, and the open cluster too; a rule of each kind, both dataplanes at either end, both IP families. */
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

/** What it refuses: without any rule, by a rule's absence on one side, across tenants, by a guardrail. */
export const REFUSED: readonly FlowRow[] = [
  ...flows(refused(['shop/front'], ['wordpress/wp2'], [80])),
  ...flows(refused(['shop/front'], ['shop/cart'], ['53/UDP'])),
  ...flows(refused(['wordpress/job'], ['outside/web'], [443]), { family: 6 }),
  ...flows(refused(['blog-a/wp'], ['blog-b/db'], [3306])),
  ...flows(refused(['wordpress/wp2'], ['outside/web'], [587])),
];
