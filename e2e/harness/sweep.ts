/** Compares a table with packets. */
import { isIPv6 } from 'node:net';
import type { Endpoint } from '../cluster.ts';
import { forEachLimit } from '../../src/cluster/parallel.ts';
import type { ActorName, Row } from './rows.ts';
import { settle, TIMEOUT, type Seen } from './settle.ts';

/** The endpoint behind a name. A target without an endpoint of its own (an address) cannot be a source. */
export interface Actors {
  endpoint(name: ActorName): Endpoint;
  addresses(name: ActorName): readonly string[];
}

/** One row in one IP family. */
interface Flow {
  readonly row: Row;
  readonly address: string;
}

type Outcome = Flow & Seen;

const AT_ONCE = 120;

/**
 * Waits until packets match the table, in every IP family that both ends have, and then checks it once more.
 * @throws with every row that does not match
 */
export async function expectTable(actors: Actors, table: readonly Row[]): Promise<void> {
  const all: readonly Flow[] = table.flatMap((row) => flowsOf(actors, row));
  await settle(all, { look: (some) => look(actors, some), describe });
}

async function look(actors: Actors, flows: readonly Flow[]): Promise<readonly Outcome[]> {
  const seen: Outcome[] = [];
  await forEachLimit(flows, AT_ONCE, async ({ row, address }) => {
    const { from, port, protocol, expect: expected } = row;
    const target = { host: address, port, protocol, echo: row.to !== 'kube-apiserver' };
    const result = await actors.endpoint(from).probe(target, { timeout: TIMEOUT[expected] });
    seen.push({ row, address, expected, result });
  });
  return seen;
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
