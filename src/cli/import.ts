import { dump } from 'js-yaml';
import { API_VERSION, DEFAULT_FIREWALL, KIND } from '../api/schema.ts';
import type { Known } from '../importing/addresses.ts';
import { importRules, type Origin } from '../importing/import.ts';
import {
  type Difference,
  ImportError,
  type Imported,
  type Note,
  type SourceLine,
} from '../importing/result.ts';
import type { SourceDocument } from '../importing/policies/read.ts';
import type { SourceFile } from '../importing/text.ts';
import { columns } from './columns.ts';
import type { CommandIO, ExitCode } from './io.ts';
import { unfold } from './manifests/load.ts';
import { STDIN, UnreadableError, readText } from './manifests/source.ts';
import { parseYaml, YamlSyntaxError } from './manifests/yaml.ts';
import { printable } from './printable.ts';

interface ImportInput {
  readonly from: Origin;
  readonly known: Known;
}

/**
 * Prints a ClusterFirewall, and on standard error what became of each line of the files. Exit code 3 where a line was
 * left out.
 */
export async function importFiles(
  names: readonly string[],
  { from, known }: ImportInput,
  io: CommandIO,
): Promise<ExitCode> {
  try {
    const files: SourceFile[] = [];
    for (const name of names) files.push({ name, text: await textOf(name, io) });
    const imported = importRules(from, files, known, documentsOf);
    io.stdout(`${manifestOf(imported).trimEnd()}\n`);
    io.stderr(reportOf(imported));
    return imported.notes.some(({ fate }) => fate === 'left') ? 3 : 0;
  } catch (error) {
    if (!(error instanceof ImportError)) throw error;
    io.stderr(`${printable(error.message)}\n`);
    return 2;
  }
}

async function textOf(name: string, io: CommandIO): Promise<string> {
  try {
    return await readText(name, io.stdin);
  } catch (error) {
    if (!(error instanceof UnreadableError)) throw error;
    throw new ImportError(`${name === STDIN ? 'standard input' : name} ${error.message}`);
  }
}

/** @throws ImportError for a text that is no YAML, with its line */
export function documentsOf({ name, text }: SourceFile): readonly SourceDocument[] {
  if (/\{\{/.test(text))
    throw new ImportError(`${name} has placeholders of a template: give what helm template prints`);
  try {
    return parseYaml(text)
      .map((document, before) => ({ ...document, file: name, index: before + 1, within: [] }))
      .filter(({ value }) => value !== null)
      .flatMap(unfold);
  } catch (error) {
    if (!(error instanceof YamlSyntaxError)) throw error;
    throw new ImportError(`${name}:${String(error.line)} is no whole YAML: ${error.message}`);
  }
}

/** The lines behind each zone, rule and peer stand above it. */
function manifestOf({ spec, behind }: Imported): string {
  const firewall = { apiVersion: API_VERSION, kind: KIND, metadata: { name: DEFAULT_FIREWALL }, spec };
  return dump(firewall, { lineWidth: -1, noRefs: true }).replaceAll(
    /^( *)- name: (\S+)$/gm,
    (item: string, indent: string, name: string) => {
      const lines = behind.get(name) ?? [];
      return lines.length === 0 ? item : `${indent}# ${printable(placesOf(lines))}\n${item}`;
    },
  );
}

/** `rules.v4:12, 14, 20-25`. */
function placesOf(lines: readonly SourceLine[]): string {
  const files = Map.groupBy(lines, ({ file }) => file);
  return [...files]
    .map(([file, own]) => `${file}:${runsOf(own.map(({ line }) => line)).join(', ')}`)
    .join('; ');
}

function runsOf(numbers: readonly number[]): readonly string[] {
  const runs: [number, number][] = [];
  for (const number of [...new Set(numbers)].sort((a, b) => a - b)) {
    const last = runs.at(-1);
    if (last !== undefined && number === last[1] + 1) last[1] = number;
    else runs.push([number, number]);
  }
  return runs.map(([from, to]) => (from === to ? String(from) : `${String(from)}-${String(to)}`));
}

function reportOf({ notes, differences }: Imported): string {
  const left = notes.filter(({ fate }) => fate === 'left');
  return [
    left.length === 0 ? 'every line was taken over\n' : `not taken over: ${String(left.length)} lines\n`,
    ...byReason(left).flatMap(([why, own]) => [
      `  ${why}\n`,
      ...own.map(
        ({ line }) => `    ${printable(`${line.file}:${String(line.line)}  ${line.text.trim()}`)}\n`,
      ),
    ]),
    ...summary(
      'not needed',
      notes.filter(({ fate }) => fate === 'builtIn'),
    ),
    ...summary(
      'without effect',
      notes.filter(({ fate }) => fate === 'idle'),
    ),
    '\njudged differently on purpose\n',
    columns([['TRAFFIC', 'BEFORE', 'NOW'], ...differences.map(rowOf)]),
  ].join('');
}

const rowOf = ({ what, before, after }: Difference): readonly string[] => [what, before, after];

const summary = (title: string, notes: readonly Note[]): readonly string[] =>
  notes.length === 0
    ? []
    : [
        `${title}: ${String(notes.length)} lines\n`,
        ...byReason(notes).map(
          ([why, own]) => `  ${printable(placesOf(own.map(({ line }) => line)))}  ${why}\n`,
        ),
      ];

const byReason = (notes: readonly Note[]): readonly (readonly [string, readonly Note[]])[] => [
  ...Map.groupBy(notes, ({ why }) => why),
];
