/** Sets of addresses, as `ipset save` prints them (ipset(8)). */
import { ImportError, placeOf, type SourceLine } from '../result.ts';
import { type Spans, union } from '../spans.ts';
import { linesOf, type SourceFile, words } from '../text.ts';
import { ofCidr } from '../addresses.ts';
import { MatchError, rangeOf, readNetwork } from './networks.ts';

/** The addresses of each set by its name, or why they are not known. */
export type Sets = ReadonlyMap<string, Spans | string>;

export const isSetDump = ({ text }: SourceFile): boolean =>
  /^(?:create|add) \S+ /m.test(text) && !/^\*\w/m.test(text);

/** @throws ImportError for a line that is none of `ipset save` */
export function readSets(files: readonly SourceFile[]): Sets {
  const sets = new Map<string, Spans | string>();
  for (const line of files.flatMap(linesOf)) {
    const [command = '', name = '', value = '', ...rest] = words(line.text);
    if (command === '' || command.startsWith('#')) continue;
    if (command === 'create') sets.set(name, startOf(value, rest));
    else if (command === 'add') sets.set(name, added(sets.get(name), line, name, value, rest));
    else throw new ImportError(`${placeOf(line)} is no line of ipset save: "${line.text}"`);
  }
  return sets;
}

/** Entries with a timeout are there for a while, so the set has no addresses to rely on. */
function startOf(type: string, options: readonly string[]): Spans | string {
  if (!['hash:ip', 'hash:net', 'bitmap:ip'].includes(type)) return `its type ${type} has more than addresses`;
  return options.includes('timeout') ? 'its addresses expire' : [];
}

function added(
  set: Spans | string | undefined,
  line: SourceLine,
  name: string,
  value: string,
  options: readonly string[],
): Spans | string {
  if (set === undefined)
    throw new ImportError(`${placeOf(line)} adds to ${name}, which was not created. Give the whole output`);
  if (typeof set === 'string') return set;
  try {
    const addresses = value.includes('-') ? rangeOf(value) : ofCidr(readNetwork(value));
    return options.includes('nomatch') ? 'it has exceptions (nomatch)' : union(set, addresses);
  } catch (error) {
    if (!(error instanceof MatchError)) throw error;
    throw new ImportError(`${placeOf(line)}: ${error.message}`);
  }
}
