/** Compares a table with packets. */
import { isIPv6 } from 'node:net';
import type { Endpoint, ProbeResult } from '../cluster.ts';
import { forEachLimit } from '../../src/cluster/parallel.ts';
import { waitFor } from '../local/wait.ts';
import type { ActorName, Row } from './rows.ts';

/** Who stands behind a name. A target without an endpoint of its own (an address) cannot be a source. */
export interface Actors {
  endpoint(name: ActorName): Endpoint;
  addresses(name: ActorName): readonly string[];
}

/** One row in one IP family. */
interface Flow {
  readonly row: Row;
  readonly address: string;
}

interface Outcome extends Flow {
  readonly result: ProbeResult;
}

/** Long for what must be answered: a busy machine is slow. Below a second for the rest, so that it is one SYN. */
const TIMEOUT = { allowed: 3000, refused: 800 } as const;
const AT_ONCE = 120;
const MATCHES_WITHIN = 30_000;

/**
 * Waits until packets do what the table says, in every IP family that both ends have, and then sees them do it once more.
 * @throws with every row that is not as it should be
 */
export async function expectTable(actors: Actors, table: readonly Row[]): Promise<void> {
  const all: readonly Flow[] = table.flatMap((row) => flowsOf(actors, row));
  let differing: readonly Outcome[] = [];
  let pending: readonly Flow[] = all;
  await waitFor(
    async () => {
      differing = await differences(actors, pending);
      pending = differing;
      return differing.length === 0 || undefined;
    },
    {
      what: 'packets to match the table',
      within: MATCHES_WITHIN,
      explain: () => Promise.resolve(describe(differing)),
    },
  );
  const later = await differences(actors, all);
  if (later.length > 0) throw new Error(`packets matched the table, and then not:\n${describe(later)}`);
}

async function differences(actors: Actors, flows: readonly Flow[]): Promise<readonly Outcome[]> {
  const found: Outcome[] = [];
  await forEachLimit(flows, AT_ONCE, async ({ row, address }) => {
    const { from, port, protocol, expect } = row;
    const target = { host: address, port, protocol, echo: row.to !== 'kube-apiserver' };
    const result = await actors.endpoint(from).probe(target, { timeout: TIMEOUT[expect] });
    if (result.verdict !== expect) found.push({ row, address, result });
  });
  return found;
}

function flowsOf(actors: Actors, row: Row): readonly Flow[] {
  const families = new Set(actors.addresses(row.from).map(isIPv6));
  const flows = actors
    .addresses(row.to)
    .filter((address) => families.has(isIPv6(address)))
    .map((address) => ({ row, address }));
  if (flows.length === 0) throw new Error(`${row.from} and ${row.to} have no IP family in common`);
  return flows;
}

const describe = (outcomes: readonly Outcome[]): string =>
  outcomes
    .map(({ row, address, result }) => {
      const port = `${String(row.port)}/${row.protocol}`;
      return `  ${row.from} → ${row.to} (${address}) ${port}: expected ${row.expect}, seen ${result.verdict}`;
    })
    .join('\n');
