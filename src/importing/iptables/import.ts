/** iptables-save and ip6tables-save → spec.nodes. */
import type { Known } from '../addresses.ts';
import { Notes } from '../notes.ts';
import { ImportError, type Imported } from '../result.ts';
import type { SourceFile } from '../text.ts';
import { isOfCluster } from './evaluate.ts';
import { readDump, type Table } from './read.ts';
import { isSetDump, readSets } from './sets.ts';
import { importTables } from './tables.ts';

/** @throws ImportError where the files are not understood as a whole */
export function importIptables(files: readonly SourceFile[], known: Known): Imported {
  const sets = readSets(files.filter(isSetDump));
  const dumps = files.filter((file) => !isSetDump(file)).map(readDump);
  const tables = dumps.flatMap((dump) => dump.tables);
  if (!tables.some(({ name }) => name === 'filter'))
    throw new ImportError('the files have no table filter: give the whole output of iptables-save');
  refuseDoubles(tables);
  const notes = new Notes();
  for (const line of dumps.flatMap((dump) => dump.warnings))
    notes.add('left', line, 'there are more rules than this output has');
  return importTables(tables, { known, sets, notes }, () => {
    noteRest(tables, notes);
  });
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
