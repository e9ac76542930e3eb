/** `ufw status verbose`, user.rules and user6.rules, /etc/default/ufw → spec.nodes, in the words of iptables. */
import type { Family, Known } from '../addresses.ts';
import { type Chain, readDump, type Rule, type Table } from '../iptables/read.ts';
import { importTables } from '../iptables/tables.ts';
import { Notes } from '../notes.ts';
import { ImportError, type Imported, placeOf, type SourceLine } from '../result.ts';
import { linesOf, type SourceFile } from '../text.ts';
import { rulesOf } from './status.ts';

/** @throws ImportError where the files are not understood as a whole */
export function importUfw(files: readonly SourceFile[], known: Known): Imported {
  const notes = new Notes();
  const defaults = files
    .flatMap(linesOf)
    .filter(({ text }) => /^(?:Default: |DEFAULT_INPUT_POLICY=)/.test(text));
  const statuses = files.filter(({ text }) => /^\S+: \S+/.test(text) && !/^\*/m.test(text));
  const dumps = files.filter(({ text }) => /^\*filter/m.test(text));
  const rest = files.filter((file) => !statuses.includes(file) && !dumps.includes(file) && !isDefaults(file));
  if (rest[0] !== undefined || statuses.length + dumps.length === 0)
    throw new ImportError(`${rest[0]?.name ?? 'the files'} ${UNKNOWN}`);
  if (statuses.length > 0 && dumps.length > 0)
    throw new ImportError(
      'status and rules say the same: give one of them, and /etc/default/ufw with the rules',
    );
  const policy = policyOf(defaults);
  const tables =
    statuses.length > 0
      ? tablesOf(
          statuses.flatMap((file) => statusLines(file)),
          policy,
          notes,
        )
      : dumps.flatMap((file) => readDump(file).tables.map((table) => withInput(table, file, policy)));
  return importTables(tables, { known, sets: new Map(), notes }, () => {
    for (const { chains } of tables)
      for (const [name, { rules }] of chains)
        for (const { line } of rules) if (!notes.has(line)) notes.add('left', line, reasonFor(name));
  });
}

const UNKNOWN =
  'is neither the output of ufw status verbose in English (LC_ALL=C) nor user.rules of /etc/ufw';
const isDefaults = ({ text }: SourceFile): boolean => /^DEFAULT_INPUT_POLICY=/m.test(text);

const reasonFor = (chain: string): string =>
  /output/.test(chain)
    ? 'traffic that nodes send is not judged'
    : /forward/.test(chain)
      ? 'traffic that the machine passes on is not imported'
      : `no packet for the machine comes to the chain ${chain}`;

interface Policy {
  readonly word: 'ACCEPT' | 'DROP';
  /** Where it stands. */
  readonly line: SourceLine;
}

/** Without a line that says it, everything else stays closed. */
function policyOf(lines: readonly SourceLine[]): Policy {
  const policies = lines.map((line): Policy => {
    const [, , word = ''] = /^(DEFAULT_INPUT_POLICY=|Default: )"?(\w+)/.exec(line.text) ?? [];
    const isOpen = /^(?:accept|allow)$/i.test(word);
    if (!isOpen && !/^(?:drop|deny|reject)$/i.test(word))
      throw new ImportError(`${placeOf(line)} is not understood: "${line.text}"`);
    return { word: isOpen ? 'ACCEPT' : 'DROP', line };
  });
  const closed = policies.find(({ word }) => word === 'DROP');
  return closed ?? policies[0] ?? { word: 'DROP', line: { file: '', line: 0, text: '' } };
}

function statusLines(file: SourceFile): readonly SourceLine[] {
  const lines = linesOf(file);
  const [first] = lines;
  if (first?.text.trim() === 'Status: inactive')
    throw new ImportError(
      `${file.name} says that ufw is inactive, so it has no rules in force: give user.rules and user6.rules`,
    );
  const start = lines.findIndex(({ text }) => /^To +Action +From$/.test(text.trim()));
  if (first?.text.trim() !== 'Status: active' || start < 0) throw new ImportError(`${file.name} ${UNKNOWN}`);
  if (!lines.some(({ text }) => text.startsWith('Default: ')))
    throw new ImportError(
      `${file.name} does not say what happens to other traffic: give the output of ufw status verbose`,
    );
  return lines.slice(start + 2).filter(({ text }) => text.trim() !== '');
}

function tablesOf(lines: readonly SourceLine[], policy: Policy, notes: Notes): readonly Table[] {
  const rules = lines.map((line) => ({ line, ...rulesOf(line) }));
  for (const { line, left } of rules) if (left !== undefined) notes.add('left', line, left);
  const families: readonly Family[] = rules.some(({ family }) => family === 6) ? [4, 6] : [4];
  return families.map((family) => {
    const own: Rule[] = rules.flatMap((each) =>
      each.family === family ? each.words.map((words) => ({ line: each.line, words })) : [],
    );
    const input: Chain = { line: policy.line, policy: policy.word, rules: own };
    return { name: 'filter', family, chains: new Map([['INPUT', input]]) };
  });
}

/** user.rules has no chain INPUT, because ufw's own rules lead to it. */
function withInput(table: Table, { name }: SourceFile, policy: Policy): Table {
  const chain = ['ufw-user-input', 'ufw6-user-input']
    .map((each) => table.chains.get(each))
    .find((each) => each !== undefined);
  if (chain === undefined) throw new ImportError(`${name} ${UNKNOWN}: it has no chain ufw-user-input`);
  const chains = new Map([
    ...table.chains,
    ['INPUT', { ...chain, line: policy.line, policy: policy.word }] as const,
  ]);
  return { ...table, chains };
}
