/** Everything that is allowed between the parties of a world, with the ports. */
import { Connectivity, pairsOf, type Placement } from '../simulator/connectivity.ts';
import { partiesOf, type Party } from '../simulator/parties.ts';
import type { Prepared } from '../simulator/prepared.ts';
import type { Verdict } from '../simulator/decision.ts';
import { portsText } from './cell-text.ts';
import { refuseTooMany } from './errors.ts';

export interface Reached {
  readonly from: Party;
  readonly to: Party;
  readonly placement: Placement;
  readonly families: readonly (4 | 6)[];
  /** As `80/TCP`, `1024-65535/UDP`, `every packet`. */
  readonly allowed: readonly string[];
  readonly unknown: readonly string[];
}

export interface Filter {
  /** True for parties that are asked about as sources, and as destinations. */
  readonly from: (party: Party) => boolean;
  readonly to: (party: Party) => boolean;
}

/** Pairs between which nothing is allowed and nothing is Unknown are left out. */
export function reach(
  prepared: Prepared,
  { from: isFrom, to: isTo }: Filter,
): { readonly parties: readonly Party[]; readonly rows: readonly Reached[] } {
  const { all, cells } = partiesOf([prepared]);
  const connectivity = new Connectivity(prepared, cells);
  const texts = new Map<string, Pick<Reached, 'allowed' | 'unknown'>>();
  const describe = (family: 4 | 6, verdicts: readonly Verdict[]): Pick<Reached, 'allowed' | 'unknown'> => {
    const key = `${String(family)} ${verdicts.map((each) => each[0]).join('')}`;
    const known = texts.get(key);
    if (known !== undefined) return known;
    const text = {
      allowed: portsText(cells[family], (index) => verdicts[index] === 'Allowed'),
      unknown: portsText(cells[family], (index) => verdicts[index] === 'Unknown'),
    };
    texts.set(key, text);
    return text;
  };
  const [sources, targets] = [all.filter(isFrom), all.filter(isTo)];
  refuseTooMany(sources.length, targets.length);
  const rows = sources.flatMap((from) =>
    targets.flatMap((to) =>
      pairsOf(prepared, from, to).flatMap(({ placement, pair }) => {
        const found = ([4, 6] as const).flatMap((family): readonly Reached[] => {
          const verdicts = connectivity.verdicts(pair, family);
          if (verdicts === undefined || verdicts.every((each) => each === 'Denied')) return [];
          return [{ from, to, placement, families: [family], ...describe(family, verdicts) }];
        });
        return bothFamilies(found);
      }),
    ),
  );
  return { parties: all, rows };
}

/** One row where both families have the same ports. */
function bothFamilies(rows: readonly Reached[]): readonly Reached[] {
  const [four, six] = rows;
  if (four === undefined || six === undefined) return rows;
  const isSame = four.allowed.join() === six.allowed.join() && four.unknown.join() === six.unknown.join();
  return isSame ? [{ ...four, families: [4, 6] }] : rows;
}
