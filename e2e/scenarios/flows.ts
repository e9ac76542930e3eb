/** Flows at 50 Hz while something happens: what is allowed all the while must lose nothing, what is refused must never pass. */
import { isIPv6 } from 'node:net';
import type { FlowOptions, FlowTally, SocketAddress, StartedFlow } from '../cluster.ts';
import { allowed, refused, type Row } from './rows.ts';
import type { Stage } from './stage.ts';

interface FlowRow extends Row, FlowOptions {
  /** Default 4. */
  readonly family?: 4 | 6;
}

/** Each row as a flow of its own. */
const flows = (
  rows: readonly Row[],
  options: FlowOptions & Pick<FlowRow, 'family'> = {},
): readonly FlowRow[] => rows.map((row) => ({ ...row, ...options }));

/** What the play tells the flows. */
interface Watch {
  /** Names what happens from now on, for the report. */
  readonly now: (what: string) => void;
  /** From now on refused flows may pass. */
  readonly mayPass: () => void;
}

/** A machine that is busier than that cannot tell. Packets a second are 50. */
const LEAST_CONTROLLED = 0.5;
const EVERY = 20;

/**
 * Sends while something is played, and on until the last packets had their time.
 * @throws with every flow that was allowed and lost a packet, or was refused and had one answered: how many, and what happened then
 */
export async function whileFlowing(
  stage: Stage,
  rows: readonly FlowRow[],
  play: (watch: Watch) => Promise<void>,
): Promise<void> {
  const wire = wires(stage);
  const started = await Promise.all(
    rows.map(async (row) => ({ row, flow: await start(stage, row, await wire(row)) })),
  );
  const events: Event[] = [{ what: 'the start', at: new Date() }];
  let opened: Date | undefined;
  const stop = (): Promise<readonly Ended[]> =>
    Promise.all(started.map(async ({ row, flow }) => ({ row, tally: await flow.stop() })));
  const now = (what: string): void => {
    events.push({ what, at: new Date() });
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
}

interface Ended {
  readonly row: FlowRow;
  readonly tally: FlowTally;
}

/** One for each pair of ends. */
function wires(stage: Stage): (row: Row) => Promise<SocketAddress> {
  const laid = new Map<string, Promise<SocketAddress>>();
  return ({ from, to }) => {
    const key = `${from} ${to}`;
    const control = laid.get(key) ?? stage.cluster.wire(stage.endpoint(from), stage.endpoint(to));
    laid.set(key, control);
    return control;
  };
}

function start(
  stage: Stage,
  { from, to, port, protocol, kind = 'new', family = 4 }: FlowRow,
  control: SocketAddress,
): Promise<StartedFlow> {
  const host = stage.addresses(to).find((address) => isIPv6(address) === (family === 6));
  if (host === undefined) throw new Error(`${to} has no IPv${family} address`);
  return stage.endpoint(from).flow({ host, port, protocol, control }, { kind });
}

interface Event {
  readonly what: string;
  readonly at: Date;
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

const tell =
  ({ from, to, port, protocol, kind = 'new', family = 4, expect }: FlowRow, events: readonly Event[]) =>
  ({ what, times }: Fault): string => {
    const when = events.flatMap((event, i) => {
      const until = events[i + 1]?.at.toISOString() ?? '~';
      const count = times.filter((time) => time >= event.at.toISOString() && time < until).length;
      return count === 0 ? [] : [`${count} from ${event.what} on`];
    });
    const flow = `${from} → ${to} ${port}/${protocol} IPv${family} ${kind}, ${expect}`;
    return `  ${flow}: ${[what, ...when].join('; ')}`;
  };

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
