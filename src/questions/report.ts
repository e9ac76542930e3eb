/** The verdict about every packet between the parties of a world, and the rules behind it. */
import type { Cell } from '../simulator/cells.ts';
import { Connectivity, type Judged } from '../simulator/connectivity.ts';
import { Pairs, type Placement } from '../simulator/pairs.ts';
import { DELIVERED, LEFT, type Decision, type Verdict } from '../simulator/decision.ts';
import { partiesOf, type Party } from '../simulator/parties.ts';
import type { Prepared } from '../simulator/prepared.ts';
import { causeOf, type Cause } from './cause.ts';
import { EVERYTHING_ELSE, portsText } from './cell-text.ts';
import { refuseTooMany } from './errors.ts';
import { Numbers } from './numbers.ts';
import type { Provenance } from './provenance.ts';
import type { Filter } from './reach.ts';

/** A place, and why it decided as it did. */
export interface Why {
  readonly layer: Judged['layer'];
  readonly cause: Cause;
}

/** Packets with one verdict for one reason. */
export interface Flow {
  readonly placement: Placement;
  readonly families: readonly (4 | 6)[];
  readonly verdict: Verdict;
  /** Texts such as `80/TCP`; `EVERYTHING_ELSE` for most of what is refused. */
  readonly ports: readonly string[];
  /** Indexes of `Report.reasons`: every rule on the way that lets it pass, or the place that refuses it. */
  readonly why: readonly number[];
}

/** Pairs that many cells of the table share are said once. */
export interface Report {
  /** Every end of the world, whether asked about or not. */
  readonly parties: readonly Party[];
  readonly sources: readonly Party[];
  readonly destinations: readonly Party[];
  readonly reasons: readonly Why[];
  /** Contents of cells of the table. One without flows is that of a party with itself, or of two outside. */
  readonly contents: readonly (readonly Flow[])[];
  /** For each source an index of `contents` for each destination. */
  readonly table: readonly (readonly number[])[];
}

/** @param progress called after each source, with the number of those that are done, and of all */
export function reportOf(
  { prepared, provenance }: { readonly prepared: Prepared; readonly provenance: Provenance },
  filter: Filter,
  progress: (done: number, all: number) => void,
): Report {
  const { all, cells } = partiesOf([prepared]);
  const connectivity = new Connectivity(prepared, cells);
  const [sources, destinations] = [all.filter(filter.from), all.filter(filter.to)];
  refuseTooMany(sources.length, destinations.length);
  const reasons = new Reasons(provenance);
  const pairs = new Pairs(prepared);
  const describe = describer(cells, reasons);
  const contents = new Numbers<readonly Flow[]>();
  const table = sources.map((from, row) => {
    const numbers = destinations.map((to) =>
      contents.of(
        anywhere(
          pairs.of(from, to).map((pair) =>
            bothFamilies(
              ([4, 6] as const).map((family) => {
                const ways = connectivity.ways(pair.from, pair.to, family);
                return ways === undefined ? [] : describe(ways, family, pair.placement);
              }),
            ),
          ),
        ),
      ),
    );
    progress(row + 1, sources.length);
    return numbers;
  });
  return { parties: all, sources, destinations, reasons: reasons.all, contents: contents.all, table };
}

/** Decisions are few and shared, and many of them say the same. */
class Reasons {
  readonly #provenance: Provenance;
  readonly #interned = new Numbers<Why>();
  readonly #known = new Map<Judged['layer'], WeakMap<Decision, number>>();

  constructor(provenance: Provenance) {
    this.#provenance = provenance;
  }

  get all(): readonly Why[] {
    return this.#interned.all;
  }

  /** Those behind the verdict about one packet. */
  of(way: readonly Judged[]): readonly number[] {
    const last = way.slice(-1);
    if (last[0]?.decision.verdict !== 'Allowed') return last.map((each) => this.#numberOf(each));
    const telling = way.filter(isTelling).map((each) => this.#numberOf(each));
    return telling.length > 0 ? [...new Set(telling)] : [this.#interned.of(OPEN)];
  }

  #numberOf({ layer, decision }: Judged): number {
    const own = this.#known.get(layer) ?? new WeakMap<Decision, number>();
    this.#known.set(layer, own);
    const number =
      own.get(decision) ??
      this.#interned.of({ layer, cause: causeOf({ layer, decision }, this.#provenance) });
    own.set(decision, number);
    return number;
  }
}

/** Nothing on the way has refused it, and no rule allows it. */
const OPEN: Why = {
  layer: 'delivery',
  cause: { verdict: 'Allowed', text: 'no policy closes it', policies: [], denial: 'none' },
};

/** False for a place that had no say. */
const isTelling = ({ decision }: Judged): boolean =>
  ['rule', 'failsafe', 'builtIn'].includes(decision.by.kind) && decision !== DELIVERED && decision !== LEFT;

type Described = Omit<Flow, 'placement' | 'families'>;

/** Turns the ways of the packets of each cell into flows. It remembers those that pairs share. */
function describer(
  cells: Readonly<Record<4 | 6, readonly Cell[]>>,
  reasons: Reasons,
): (ways: readonly (readonly Judged[])[], family: 4 | 6, placement: Placement) => readonly Flow[] {
  const known = new WeakMap<readonly (readonly Judged[])[], readonly Described[]>();
  const texts = new Map<string, readonly string[]>();
  const portsOf = (family: 4 | 6, chosen: ReadonlySet<number>): readonly string[] => {
    const key = `${String(family)} ${[...chosen].join()}`;
    const text = texts.get(key) ?? portsText(cells[family], (index) => chosen.has(index));
    texts.set(key, text);
    return text;
  };
  const describe = (ways: readonly (readonly Judged[])[], family: 4 | 6): readonly Described[] => {
    const groups = Map.groupBy(ways.keys(), (index) => {
      const way = ways[index] ?? [];
      return `${way.at(-1)?.decision.verdict ?? 'Unknown'} ${reasons.of(way).join()}`;
    });
    const rest = [...groups.keys()]
      .filter((key) => key.startsWith('Denied'))
      .reduce((most, key) => (sizeOf(groups, key) > sizeOf(groups, most) ? key : most), '');
    const keys = [...groups.keys()].filter((key) => key !== rest);
    return [...keys, ...(rest === '' ? [] : [rest])].map((key) => {
      const indexes = groups.get(key) ?? [];
      const way = ways[indexes[0] ?? 0] ?? [];
      return {
        verdict: way.at(-1)?.decision.verdict ?? 'Unknown',
        ports: key === rest && groups.size > 1 ? [EVERYTHING_ELSE] : portsOf(family, new Set(indexes)),
        why: reasons.of(way),
      };
    });
  };
  return (ways, family, placement) => {
    const flows = known.get(ways) ?? describe(ways, family);
    known.set(ways, flows);
    return flows
      .toSorted((a, b) => RANK[a.verdict] - RANK[b.verdict])
      .map((flow) => ({ placement, families: [family], ...flow }));
  };
}

const RANK: Readonly<Record<Verdict, number>> = { Allowed: 0, Unknown: 1, Denied: 2 };

const sizeOf = (groups: ReadonlyMap<string, readonly number[]>, key: string): number =>
  groups.get(key)?.length ?? 0;

/** One list where both families have the same flows. */
function bothFamilies([four = [], six = []]: readonly (readonly Flow[])[]): readonly Flow[] {
  const isSame = textWithout(four, 'families') === textWithout(six, 'families');
  return isSame ? four.map((flow) => ({ ...flow, families: [4, 6] })) : [...four, ...six];
}

/** One list where both placements have the same flows. */
function anywhere([one = [], other, ...more]: readonly (readonly Flow[])[]): readonly Flow[] {
  if (other === undefined) return one;
  const isSame = textWithout(one, 'placement') === textWithout(other, 'placement');
  return isSame ? one.map((flow) => ({ ...flow, placement: 'anywhere' })) : [one, other, ...more].flat();
}

const textWithout = (flows: readonly Flow[], field: keyof Flow): string =>
  JSON.stringify(flows, (key, value: unknown) => (key === field ? undefined : value));
