import { createTarGzip } from 'nanotar';
import type { Lack } from '../snapshot/file.ts';
import { snapshotLines } from '../snapshot/file.ts';
import { withCluster, type ClusterFlags } from './commands/cluster.ts';
import type { CommandIO, Connection, ExitCode } from './io.ts';
import { readCluster } from './live/read-cluster.ts';
import { readOperator } from './live/read-operator.ts';
import { printable } from './printable.ts';
import { showCheck } from './show-check.ts';
import { showStatus } from './show-status.ts';
import { showVersion } from './show-version.ts';
import { VERSION } from './version.ts';

export interface SysdumpInput extends ClusterFlags {
  readonly file?: string;
}

/** Saves what a report of a problem needs. Exit code 3 if something could not be read; about.json names it. */
export function sysdump(input: SysdumpInput, io: CommandIO): Promise<ExitCode> {
  return withCluster(input, io, async (connection) => {
    const made = io
      .date()
      .toISOString()
      .replaceAll(/[-:]|\.\d+/g, '');
    const folder = `clusterfirewall-sysdump-${made}`;
    const file = input.file ?? `${folder}.tar.gz`;
    const { files, lacks } = await gather(input, connection, io);
    const entries = [...files].map(([name, data]) => ({ name: `${folder}/${name}`, data }));
    await io.save(file, await createTarGzip(entries, { attrs: { mtime: io.date().getTime(), mode: '644' } }));
    for (const { kind, because } of lacks)
      io.stderr(`${kind} is missing or incomplete: ${printable(because)}\n`);
    io.stdout(`${file}\n`);
    return lacks.length > 0 ? 3 : 0;
  });
}

interface Gathered {
  /** Texts by their names. */
  readonly files: ReadonlyMap<string, string>;
  readonly lacks: readonly Lack[];
}

async function gather({ namespace }: SysdumpInput, connection: Connection, io: CommandIO): Promise<Gathered> {
  const { transport } = connection;
  const cluster = await readCluster(transport, (text) => {
    io.stderr(`${text}\n`);
  });
  const operator = await readOperator(transport, namespace);
  const choice = { output: 'json', ...(namespace !== undefined && { namespace }) } as const;
  const said = [
    await heard('version.json', connection, io, (inside) => showVersion(choice, inside)),
    await heard('check.json', connection, io, (inside) => showCheck(choice, inside)),
    await heard('status.json', connection, io, (inside) => showStatus(choice, inside)),
  ];
  const lacks = [...cluster.lacks, ...operator.lacks, ...said.flatMap((each) => each.lacks)];
  const about = { made: io.date().toISOString(), version: VERSION, node: process.versions.node, lacks };
  return {
    lacks,
    files: new Map([
      ['about.json', pretty(about)],
      ...said.flatMap(({ name, text }) => (text === '' ? [] : [[name, text] as const])),
      ...Object.entries(operator.objects).map(
        ([name, objects]) => [`${name}.json`, pretty(objects)] as const,
      ),
      ...[...operator.logs].map(([pod, text]) => [`logs/${encodeURIComponent(pod)}.txt`, text] as const),
      ['cluster.json', [...snapshotLines(cluster.objects, cluster.lacks)].join('')],
    ]),
  };
}

const pretty = (value: unknown): string => `${JSON.stringify(value, undefined, 2)}\n`;

/** The output of another command on the same connection. */
async function heard(
  name: string,
  connection: Connection,
  io: CommandIO,
  command: (io: CommandIO) => Promise<ExitCode>,
): Promise<{ readonly name: string; readonly text: string; readonly lacks: readonly Lack[] }> {
  let [text, trouble] = ['', ''];
  const exitCode = await command({
    ...io,
    stdout: (more) => void (text += more),
    stderr: (more) => void (trouble += more),
    connect: () => Promise.resolve({ ...connection, close: () => Promise.resolve() }),
  });
  if (exitCode < 2) return { name, text, lacks: [] };
  const because = trouble === '' ? 'parts are unknown, and it says which' : trouble.trim();
  return { name, text, lacks: [{ kind: name, because }] };
}
