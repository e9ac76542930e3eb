import { partyText, type PartyText } from '../questions/party-text.ts';
import { reach as reachAll } from '../questions/reach.ts';
import type { Party } from '../simulator/parties.ts';
import type { CommandIO, ExitCode } from './io.ts';
import { askTable, type TableFlags } from './questions/ask-table.ts';
import { progressTo } from './questions/progress.ts';
import { REACH_FORMATS, type ReachRow } from './questions/reach-formats.ts';

export interface ReachInput extends TableFlags {
  readonly output: keyof typeof REACH_FORMATS;
}

/** Prints everything that is allowed between classes of ends, source by source. */
export const reach = (input: ReachInput, io: CommandIO): Promise<ExitCode> =>
  askTable(input, io, ({ setting: { prepared } }, filter) => {
    const found = reachAll(prepared, filter);
    const texts = new Map<Party, PartyText>();
    const textOf = (party: Party): PartyText => {
      const text = texts.get(party) ?? partyText(party, prepared, found.parties);
      texts.set(party, text);
      return text;
    };
    const progress = progressTo(io);
    let isUnknown = false;
    let done = 0;
    const sources = found.sources.map((party) => ({
      from: textOf(party),
      rows: () => {
        const rows = found.rowsOf(party);
        isUnknown ||= rows.some(({ unknown }) => unknown.length > 0);
        progress(++done, found.sources.length);
        return rows.map((row): ReachRow => ({ ...row, from: textOf(row.from), to: textOf(row.to) }));
      },
    }));
    let text = '';
    for (const part of REACH_FORMATS[input.output](sources)) {
      text += part;
      if (text.length < ENOUGH) continue;
      io.stdout(text);
      text = '';
    }
    io.stdout(text);
    return isUnknown;
  });

/** Characters that are printed together. */
const ENOUGH = 65_536;
