/** Reads files of flows, line by line, into a tally. */
import type { Emit } from '../../flowlogs/flow.ts';
import { FlowLineError, flowReader } from '../../flowlogs/reader.ts';
import type { CommandIO } from '../io.ts';
import { displayName } from '../manifests/diagnostics.ts';
import { readLines, STDIN, UnreadableError } from '../manifests/source.ts';
import { printable } from '../printable.ts';

/** Standard error shows the progress each time so much has been read. */
const STEP_MB = 10;

const stepOf = (bytes: number): number => Math.floor(bytes / (STEP_MB * 1_000_000));

/** False where a file cannot be read. The reason is on standard error then. */
export async function readFlows(files: readonly string[], emit: Emit, io: CommandIO): Promise<boolean> {
  for (const file of files.length === 0 ? [STDIN] : files) {
    try {
      await readOne(file, emit, io);
    } catch (error) {
      if (!(error instanceof FlowLineError || error instanceof UnreadableError)) throw error;
      const line = error instanceof FlowLineError ? `:${String(error.line)}` : '';
      io.stderr(`${displayName(file)}${line}: ${printable(error.message)}\n`);
      return false;
    }
  }
  return true;
}

async function readOne(file: string, emit: Emit, io: CommandIO): Promise<void> {
  const reader = flowReader(emit);
  let read = 0;
  const onRead = (bytes: number): void => {
    const before = stepOf(read);
    read += bytes;
    if (stepOf(read) > before) io.stderr(`${displayName(file)}: ${String(stepOf(read) * STEP_MB)} MB read\n`);
  };
  for await (const lines of readLines(file, io.stdinParts, onRead))
    for (const line of lines) reader.line(line.endsWith('\r') ? line.slice(0, -1) : line);
  reader.end();
}
