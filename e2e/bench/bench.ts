/**
 * `make bench`: measures the figures of docs/benchmarks.md and prints them. `ONLY=a,e` chooses parts.
 * `UPDATE=1` also writes the table into that page.
 */
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { measureCompile } from './compile.ts';
import { measureConverge } from './converge.ts';
import { measureDrift } from './drift.ts';
import { machine } from './machine.ts';
import { measureLarge } from './large.ts';
import { measureMemory } from './memory.ts';
import { measureNamespaces } from './namespaces.ts';
import { measureNodeRules } from './node-rules.ts';
import { measureNodeWrites } from './node-writes.ts';
import { measurePackets } from './packets.ts';
import type { Part } from './parts.ts';
import { measureQuestions } from './questions.ts';
import { measureTenants } from './tenants.ts';
import { measureSteady } from './steady.ts';
import { duration } from './statistics.ts';
import { markdownTable, plainTable, type Row } from './table.ts';

/** (g) is measured with (e), on the same load. */
const PARTS: Readonly<Record<string, Part>> = {
  a: measureCompile,
  b: measureConverge,
  c: measureSteady,
  d: measureNamespaces,
  e: measureMemory,
  f: measureDrift,
  h: measurePackets,
  l: measureLarge,
  s: measureQuestions,
  t: measureTenants,
  n: async (context) => [...(await measureNodeWrites(context)), ...(await measureNodeRules(context))],
};

const PAGE = path.resolve(import.meta.dirname, '../../docs/benchmarks.md');
const TABLE = /(<!-- results -->\n)[^]*(\n<!-- end of results -->)/;

const note = (text: string): void => {
  process.stderr.write(`${text}\n`);
};

function chosen(): readonly [string, Part][] {
  const only = (process.env['ONLY'] ?? '').split(',').filter((each) => each !== '');
  const wanted = new Set(only.map((each) => (each === 'g' ? 'e' : each)));
  const unknown = [...wanted].filter((each) => !(each in PARTS));
  if (unknown.length > 0)
    throw new Error(`ONLY: no part ${unknown.join(', ')}; there are a to h, l, n, s and t`);
  return Object.entries(PARTS).filter(([letter]) => wanted.size === 0 || wanted.has(letter));
}

async function updatePage(about: string, rows: readonly Row[]): Promise<void> {
  const page = await readFile(PAGE, 'utf8');
  if (!TABLE.test(page)) throw new Error(`${PAGE} has no place for the results`);
  await writeFile(PAGE, page.replace(TABLE, `$1\n${about}\n\n${markdownTable(rows)}\n$2`));
}

const began = performance.now();
const about = await machine();
const rows: Row[] = [];
const failed: string[] = [];
for (const [letter, part] of chosen()) {
  try {
    rows.push(...(await part({ note })));
  } catch (error) {
    failed.push(letter);
    console.error(`(${letter}) could not be measured:`, error);
  }
}
process.stdout.write(`${about}\n\n${plainTable(rows)}\n\n`);
note(`measured in ${duration(performance.now() - began)}`);
if (process.env['UPDATE'] === '1' && failed.length === 0) await updatePage(about, rows);
if (failed.length > 0) process.exitCode = 1;
