/** Everything that is allowed between the parties of a world, with the ports. */
import type { Cell } from '../simulator/cells.ts';
import { Connectivity } from '../simulator/connectivity.ts';
import { Pairs, type Member, type Placement } from '../simulator/pairs.ts';
import { partiesOf, type Party } from '../simulator/parties.ts';
import type { Prepared } from '../simulator/prepared.ts';
import type { Verdict } from '../simulator/decision.ts';
import { portsText } from './cell-text.ts';

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

export interface Reach {
  /** Every end of the world, whether asked about or not. */
  readonly parties: readonly Party[];
  readonly sources: readonly Party[];
  /**
   * Works out what one source reaches, each time anew: all rows of a large cluster are too many to keep. Pairs
   * between which nothing is allowed and nothing is Unknown are left out.
   */
  readonly rowsOf: (from: Party) => readonly Reached[];
}

export function reach(prepared: Prepared, { from: isFrom, to: isTo }: Filter): Reach {
  const { all, cells } = partiesOf([prepared]);
  const connectivity = new Connectivity(prepared, cells);
  const pairs = new Pairs(prepared);
  const texts = new Map<readonly Verdict[], Described | undefined>();
  /** Undefined where every packet is refused. */
  const told = (from: Member, to: Member, family: 4 | 6): Described | undefined => {
    const verdicts = connectivity.verdicts(from, to, family);
    if (verdicts === undefined) return undefined;
    if (!texts.has(verdicts)) texts.set(verdicts, describe(verdicts, family, cells[family]));
    return texts.get(verdicts);
  };
  const targets = all.filter(isTo);
  return {
    parties: all,
    sources: all.filter(isFrom),
    rowsOf: (from) => {
      const rows: Reached[] = [];
      for (const to of targets) {
        pairs.each(from, to, (a, b, placement) => {
          const four = told(a, b, 4);
          const six = told(a, b, 6);
          const isOne = four !== undefined && six !== undefined && isSame(four, six);
          if (four !== undefined) rows.push({ from, to, placement, ...four, ...(isOne && BOTH) });
          if (six !== undefined && !isOne) rows.push({ from, to, placement, ...six });
        });
      }
      return rows;
    },
  };
}

type Described = Omit<Reached, 'from' | 'to' | 'placement'>;

const BOTH = { families: [4, 6] } as const;

const isSame = (four: Described, six: Described): boolean =>
  four.allowed.join() === six.allowed.join() && four.unknown.join() === six.unknown.join();

function describe(
  verdicts: readonly Verdict[],
  family: 4 | 6,
  cells: readonly Cell[],
): Described | undefined {
  if (verdicts.every((each) => each === 'Denied')) return undefined;
  return {
    families: [family],
    allowed: portsText(cells, (index) => verdicts[index] === 'Allowed'),
    unknown: portsText(cells, (index) => verdicts[index] === 'Unknown'),
  };
}
