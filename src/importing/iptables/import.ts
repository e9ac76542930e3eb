/** iptables-save and ip6tables-save → spec.nodes. */
import { addressesOf, everyoneOf, type Family, FAMILIES, type Known } from '../addresses.ts';
import { type Box, type Opening, outside } from '../boxes.ts';
import { differencesOf } from '../differences.ts';
import { Notes } from '../notes.ts';
import { ImportError, type Imported, type SourceLine } from '../result.ts';
import type { SourceFile } from '../text.ts';
import { EVERYTHING, isEverything } from '../traffic.ts';
import { zonesOf } from '../zones.ts';
import { Evaluation, isOfCluster, type Refused } from './evaluate.ts';
import { type Chain, type Dump, readDump, type Table } from './read.ts';
import { isSetDump, readSets, type Sets } from './sets.ts';

/** The chains that a packet for the machine itself passes, in their order, and translation besides. */
const WAY = [
  ['raw', 'PREROUTING'],
  ['mangle', 'PREROUTING'],
  ['mangle', 'INPUT'],
  ['filter', 'INPUT'],
] as const;

/** @throws ImportError where the files are not understood as a whole */
export function importIptables(files: readonly SourceFile[], known: Known): Imported {
  const sets = readSets(files.filter(isSetDump));
  const dumps = files.filter((file) => !isSetDump(file)).map(readDump);
  const tables = dumps.flatMap((dump) => dump.tables);
  const families = FAMILIES.filter((family) =>
    tables.some((table) => table.family === family && table.name === 'filter'),
  );
  if (families.length === 0)
    throw new ImportError('the files have no table filter: give the whole output of iptables-save');
  refuseDoubles(tables);
  const notes = new Notes();
  for (const line of dumps.flatMap((dump: Dump) => dump.warnings))
    notes.add('left', line, 'there are more rules than this output has');
  const judged = families.map((family) => judge(family, tables, { known, sets, notes }));
  noteRest(tables, notes);
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
      spec: { peers: [...peers], nodes },
      rejects: judged.some(({ rejects }) => rejects),
      ambiguous: judged.flatMap(({ ambiguous }) => [...ambiguous]),
    }),
  };
}

function refuseDoubles(tables: readonly Table[]): void {
  const seen = new Set<string>();
  for (const { name, family } of tables) {
    const key = `${name} of IPv${String(family)}`;
    if (seen.has(key))
      throw new ImportError(`the table ${key} is there twice: give the rules of one machine, once`);
    seen.add(key);
  }
}

interface Context {
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
  const isOpen = rest.every(
    ({ destinations, traffic }) =>
      isEverything(traffic) &&
      outside(
        [{ sources: everyoneOf(family), destinations: addressesOf(family), traffic }],
        [{ sources: everyoneOf(family), destinations, traffic }],
      ).length === 0,
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

const NOT_JUDGED: ReadonlyMap<string, string> = new Map([
  [
    'filter FORWARD',
    'traffic that the machine passes on is not imported: rules for pods stand in groups, and `nodes.destinations: All` judges the rest',
  ],
  ['filter DOCKER-USER', 'ports that Docker publishes are judged with `nodes.destinations: All`'],
  ['filter OUTPUT', 'traffic that nodes send is not judged'],
  ['mangle FORWARD', 'traffic that the machine passes on is not imported'],
  ['mangle OUTPUT', 'traffic that nodes send is not judged'],
  ['mangle POSTROUTING', 'traffic that nodes send is not judged'],
  ['raw OUTPUT', 'traffic that nodes send is not judged'],
]);

/** Lines in chains that no packet for the machine passes. */
function noteRest(tables: readonly Table[], notes: Notes): void {
  for (const { name: table, chains } of tables)
    for (const [name, chain] of chains) {
      const why = NOT_JUDGED.get(`${table} ${name}`);
      if (why !== undefined && chain.policy === 'DROP') notes.add('left', chain.line, why);
      for (const { line } of chain.rules) {
        if (notes.has(line)) continue;
        if (isOfCluster(name))
          notes.add('builtIn', line, 'written by a program of the cluster, which goes on writing it');
        else if (table === 'nat')
          notes.add('left', line, 'addresses are not translated here: that is for Services');
        else if (why !== undefined) notes.add('left', line, why);
        else notes.add('left', line, `no packet for the machine comes to the chain ${name}`);
      }
    }
}
