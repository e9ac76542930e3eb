/** The flows that a change opens and closes, between ends that are there before and after. */
import type { Cell } from '../simulator/cells.ts';
import { Connectivity } from '../simulator/connectivity.ts';
import { Pairs, type Pair, type Placement } from '../simulator/pairs.ts';
import type { Verdict } from '../simulator/decision.ts';
import { partiesOf, type Party } from '../simulator/parties.ts';
import type { Prepared } from '../simulator/prepared.ts';
import type { Step } from '../simulator/trail.ts';
import { podName } from '../simulator/world.ts';
import { affectedParties } from './affected.ts';
import { causeOf, type Cause } from './cause.ts';
import { portsText } from './cell-text.ts';
import { refuseTooMany } from './errors.ts';
import type { Provenance } from './provenance.ts';

export type ChangeKind = 'opens' | 'closes' | 'unknown';

export interface Change {
  readonly kind: ChangeKind;
  readonly from: Party;
  readonly to: Party;
  readonly placement: Placement;
  readonly family: 4 | 6;
  readonly ports: readonly string[];
  /** Why the first of these packets has its new verdict. */
  readonly cause: Cause;
}

export interface Side {
  readonly prepared: Prepared;
  readonly provenance: Provenance;
}

export interface Difference {
  readonly parties: readonly Party[];
  readonly changes: readonly Change[];
  /** Pods and nodes of one side alone, which are not compared. */
  readonly onlyOld: readonly string[];
  readonly onlyNew: readonly string[];
}

export function difference(old: Side, now: Side): Difference {
  const worlds = [old.prepared, now.prepared];
  const { all, cells } = partiesOf(worlds);
  const before = new Connectivity(old.prepared, cells);
  const after = new Connectivity(now.prepared, cells);
  const pairs = new Pairs(placing(worlds) ?? now.prepared);
  const isAffected = affectedParties(old.prepared, now.prepared) ?? (() => true);
  const affected = new Set(all.filter(isAffected));
  refuseTooMany(affected.size, all.length);
  const changes = all.flatMap((from) =>
    (affected.has(from) ? all : [...affected]).flatMap((to) =>
      pairs.of(from, to).flatMap((pair) =>
        ([4, 6] as const).flatMap((family) => {
          const own = cells[family];
          const [a, b] = [
            before.verdicts(pair.from, pair.to, family),
            after.verdicts(pair.from, pair.to, family),
          ];
          if (a === undefined || b === undefined) return [];
          return KINDS.flatMap((kind): readonly Change[] => {
            const isOne = (index: number): boolean => kindOf(a[index], b[index]) === kind;
            const first = own.findIndex((_, index) => isOne(index));
            const cell = own[first];
            if (cell === undefined) return [];
            const decided = decidingStep(after, pair, cell.header);
            const ports = portsText(own, isOne);
            const ends = { kind, from, to, placement: pair.placement, family, ports };
            return decided === undefined ? [] : [{ ...ends, cause: causeOf(decided, now.provenance) }];
          });
        }),
      ),
    ),
  );
  return { parties: all, changes, ...onlyIn(old.prepared, now.prepared) };
}

const KINDS: readonly ChangeKind[] = ['opens', 'unknown', 'closes'];

function kindOf(before: Verdict | undefined, after: Verdict | undefined): ChangeKind | undefined {
  if (before === after) return undefined;
  if (after === 'Unknown' || before === 'Unknown') return 'unknown';
  return after === 'Allowed' ? 'opens' : 'closes';
}

/** Host endpoints in one of the worlds make the placement matter in both. */
const placing = (worlds: readonly Prepared[]): Prepared | undefined =>
  worlds.find(({ world }) => world.hostEndpoints.length > 0) ?? worlds[0];

/** The denial, or the last rule on the way. */
function decidingStep(connectivity: Connectivity, pair: Pair, header: Cell['header']): Step | undefined {
  const outcome = connectivity.follow(pair, header);
  if (outcome?.verdict !== 'Allowed') return outcome?.decisive;
  return outcome.steps.findLast(({ decision }) => decision.by.kind === 'rule') ?? outcome.decisive;
}

function onlyIn(old: Prepared, now: Prepared): Pick<Difference, 'onlyOld' | 'onlyNew'> {
  const namesIn = ({ world }: Prepared): readonly string[] => [
    ...world.pods.map(podName),
    ...world.nodes.map(({ name }) => `node ${name}`),
  ];
  const [before, after] = [new Set(namesIn(old)), new Set(namesIn(now))];
  return {
    onlyOld: [...before].filter((name) => !after.has(name)),
    onlyNew: [...after].filter((name) => !before.has(name)),
  };
}
