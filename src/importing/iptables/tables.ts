/** Tables of iptables, or what another program says in their words → spec.nodes. */
import { addressesOf, everyoneOf, type Family, FAMILIES, type Known } from '../addresses.ts';
import { type Box, type Opening, outside } from '../boxes.ts';
import { differencesOf } from '../differences.ts';
import type { Notes } from '../notes.ts';
import type { Imported, SourceLine } from '../result.ts';
import { covers } from '../spans.ts';
import { EVERYTHING, isEverything } from '../traffic.ts';
import { zonesOf } from '../zones.ts';
import { Evaluation, type Refused } from './evaluate.ts';
import type { Chain, Table } from './read.ts';
import type { Sets } from './sets.ts';

/** The chains that a packet for the machine itself passes, in their order. */
const WAY = [
  ['raw', 'PREROUTING'],
  ['mangle', 'PREROUTING'],
  ['mangle', 'INPUT'],
  ['filter', 'INPUT'],
] as const;

/** @param noteRest notes the lines that no packet has met */
export function importTables(tables: readonly Table[], context: Context, noteRest: () => void): Imported {
  const { known, notes } = context;
  const families = FAMILIES.filter((family) =>
    tables.some((table) => table.family === family && table.name === 'filter'),
  );
  const judged = families.map((family) => judge(family, tables, context));
  noteRest();
  const openings = judged.flatMap(({ accepted }) => accepted);
  const refused = judged.flatMap((each) => each.refused);
  const { nodes, peers, behind } = zonesOf(openings, refused, known);
  return {
    spec: {
      mode: 'Observe',
      defaults: { deny: 'None' },
      ...(peers.length > 0 && { peers: [...peers] }),
      nodes: { mode: 'Observe', ...nodes },
    },
    behind,
    notes: notes.list(),
    differences: differencesOf({
      families,
      known,
      openings,
      refused: refused.map(({ sources }) => sources),
      nodes,
      rejects: judged.some(({ rejects }) => rejects),
      ambiguous: judged.flatMap(({ ambiguous }) => [...ambiguous]),
    }),
  };
}

export interface Context {
  readonly known: Known;
  readonly sets: Sets;
  readonly notes: Notes;
}

interface Judged {
  readonly accepted: readonly Opening[];
  readonly refused: readonly Refused[];
  readonly ambiguous: ReadonlySet<SourceLine>;
  readonly rejects: boolean;
}

function judge(family: Family, tables: readonly Table[], context: Context): Judged {
  let region: readonly Box[] = [
    { sources: everyoneOf(family), destinations: addressesOf(family), traffic: EVERYTHING },
  ];
  const judged = { refused: [] as Refused[], ambiguous: new Set<SourceLine>(), rejects: false };
  let accepted: readonly Opening[] = [];
  for (const [name, hook] of WAY) {
    const table = tables.find((each) => each.name === name && each.family === family);
    const chain = table?.chains.get(hook);
    if (table === undefined || chain === undefined) continue;
    const evaluation = new Evaluation(table, context);
    const outcome = evaluation.chain(hook, region);
    const byPolicy = chain.policy === 'ACCEPT' ? outcome.rest : [];
    judged.refused.push(...evaluation.refused);
    judged.rejects ||= evaluation.rejects;
    for (const line of evaluation.ambiguous) judged.ambiguous.add(line);
    if (name === 'filter')
      accepted = [...outcome.accepted, ...residue(chain, byPolicy, family, context.notes)];
    else region = [...byPolicy, ...outside(outcome.accepted, byPolicy)];
  }
  return { ...judged, accepted };
}

/**
 * Packets that policy ACCEPT lets in. Where that is everything of every source, apart from sources that are refused
 * altogether, the old rules close nothing: that is not taken over.
 */
function residue(chain: Chain, rest: readonly Box[], family: Family, notes: Notes): readonly Opening[] {
  const { line } = chain;
  if (chain.policy !== 'ACCEPT') {
    notes.add('taken', line, 'stays closed');
    return [];
  }
  const every = addressesOf(family);
  const isOpen = rest.every(
    ({ destinations, traffic }) => isEverything(traffic) && covers(destinations, every),
  );
  if (!isOpen) {
    notes.add('taken', line, 'opens what no line drops');
    return rest.map((box) => ({ ...box, lines: [line] }));
  }
  if (rest.length > 0)
    notes.add(
      'left',
      line,
      'policy ACCEPT lets in everything, and the lines that accept do nothing: only what these lines name is opened here',
    );
  return [];
}
