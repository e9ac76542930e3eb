import { partyText } from '../questions/party-text.ts';
import { reach as reachAll } from '../questions/reach.ts';
import type { CommandIO, ExitCode } from './io.ts';
import { askTable, type TableFlags } from './questions/ask-table.ts';
import { REACH_FORMATS, type ReachRow } from './questions/reach-formats.ts';

export interface ReachInput extends TableFlags {
  readonly output: keyof typeof REACH_FORMATS;
}

/** Prints everything that is allowed between classes of ends. */
export const reach = (input: ReachInput, io: CommandIO): Promise<ExitCode> =>
  askTable(input, io, ({ setting: { prepared } }, filter) => {
    const found = reachAll(prepared, filter);
    const rows = found.rows.map((row): ReachRow => ({
      ...row,
      from: partyText(row.from, prepared, found.parties),
      to: partyText(row.to, prepared, found.parties),
    }));
    io.stdout(REACH_FORMATS[input.output](rows));
    return rows.some(({ unknown }) => unknown.length > 0);
  });
