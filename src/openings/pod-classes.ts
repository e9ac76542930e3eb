/** Pods that may be there, as classes of those that no selector tells apart. Nobody need watch pods for that. */
import { ANY_VALUE, mayMatch } from '../calico/partial-match.ts';
import type { Selector } from '../calico/selector.ts';
import type { LabelIndex, View } from '../simulator/labelled.ts';
import type { Namespace } from '../simulator/world.ts';
import type { Budget } from './budget.ts';
import { residualOf, termsOf, type Residual } from './residual.ts';

type Labels = Readonly<Record<string, string>>;

/** One pod of a class, which stands for all of them. */
export interface PossiblePod {
  readonly namespace: string;
  /** Those that its author may choose. */
  readonly labels: Labels;
  readonly view: View;
}

/** A namespace with the labels that its pods have from it. */
interface Home {
  readonly name: string;
  readonly given: Labels;
}

/** The part of a selector that is left in each namespace. */
interface Rest {
  /** One for each namespace. Equal numbers: the same is left. */
  readonly numbers: readonly number[];
  readonly residuals: readonly Residual[];
}

/** Namespaces by what is left of several selectors there. */
interface Partition {
  readonly rests: readonly Rest[];
  /** One for each namespace. Equal numbers: the same is left of all of them. */
  readonly numbers: readonly number[];
}

export class PodClasses {
  readonly #homes: readonly Home[];
  readonly #rests = new Map<Selector, Rest>();
  readonly #restsByText = new Map<string, Rest>();
  readonly #partitions = new WeakMap<readonly Selector[], Partition>();

  constructor(labels: LabelIndex, namespaces: readonly Namespace[]) {
    this.#homes = namespaces.map(({ name }) => ({
      name,
      given: labels.viewOf({ namespace: name, labels: {}, serviceAccount: '' }).labels,
    }));
  }

  /**
   * One pod of each class. Its ServiceAccount is a label like any other, because nobody knows their names.
   * @param wanted only pods that it matches
   * @throws BudgetSpent where there are too many, or where a selector looks into values
   */
  *of(selectors: readonly Selector[], wanted: Selector | undefined, budget: Budget): Iterable<PossiblePod> {
    const { rests, numbers } = this.#partitionOf(selectors);
    const filter = wanted === undefined ? undefined : this.#restOf(wanted);
    const classes = filter === undefined ? numbers : refined(numbers, filter);
    for (const first of firstsOf(classes)) {
      const home = this.#homes[first];
      const matches = filter === undefined ? true : residualAt(filter, first);
      if (home === undefined || matches === false) continue;
      const residuals = rests.map((rest) => residualAt(rest, first));
      for (const labels of labellings(residuals, matches, budget)) {
        const view: View = { index: -1, labels: { ...home.given, ...labels }, answers: new Uint8Array(0) };
        yield { namespace: home.name, labels, view };
      }
    }
  }

  #partitionOf(selectors: readonly Selector[]): Partition {
    const known = this.#partitions.get(selectors);
    if (known !== undefined) return known;
    const rests = [...new Set(selectors.map((selector) => this.#restOf(selector)))];
    const start: readonly number[] = this.#homes.map(() => 0);
    const partition = { rests, numbers: rests.reduce(refined, start) };
    this.#partitions.set(selectors, partition);
    return partition;
  }

  #restOf(selector: Selector): Rest {
    const known = this.#rests.get(selector);
    if (known !== undefined) return known;
    const text = JSON.stringify(selector);
    const rest = this.#restsByText.get(text) ?? this.#findRest(selector);
    this.#restsByText.set(text, rest);
    this.#rests.set(selector, rest);
    return rest;
  }

  #findRest(selector: Selector): Rest {
    const byText = new Map<string, number>();
    const residuals: Residual[] = [];
    const numbers = this.#homes.map(({ given }) => {
      const residual = residualOf(selector, given);
      const text = JSON.stringify(residual);
      const number = byText.get(text) ?? residuals.push(residual) - 1;
      byText.set(text, number);
      return number;
    });
    return { numbers, residuals };
  }
}

const residualAt = ({ numbers, residuals }: Rest, home: number): Residual =>
  residuals[numbers[home] ?? 0] ?? false;

/** Numbers that are equal where both were equal. */
function refined(classes: readonly number[], { numbers, residuals }: Rest): readonly number[] {
  if (residuals.length < 2) return classes;
  const known = new Map<number, number>();
  return classes.map((each, home) => {
    const pair = each * residuals.length + (numbers[home] ?? 0);
    const number = known.get(pair) ?? known.size;
    known.set(pair, number);
    return number;
  });
}

/** The first place of each number. */
function firstsOf(classes: readonly number[]): readonly number[] {
  const firsts = new Map<number, number>();
  for (const [home, each] of classes.entries()) if (!firsts.has(each)) firsts.set(each, home);
  return [...firsts.values()];
}

/** Every way in which the labels may differ: each is absent, has one of the values, or another one. */
function* labellings(
  residuals: readonly Residual[],
  filter: Residual,
  budget: Budget,
): Iterable<Readonly<Record<string, string>>> {
  const terms = new Map<string, Set<string>>();
  for (const residual of [filter, ...residuals])
    if (typeof residual !== 'boolean' && termsOf(residual, terms) === 'text') budget.exceed();
  const keys = [...terms].map(([key, values]) => [key, [undefined, ...values, otherThan(values)]] as const);
  yield* assigned(keys, {}, filter, budget);
}

type Key = readonly [string, readonly (string | undefined)[]];

function* assigned(
  keys: readonly Key[],
  labels: Readonly<Record<string, string>>,
  filter: Residual,
  budget: Budget,
): Iterable<Readonly<Record<string, string>>> {
  budget.spend();
  const [next, ...rest] = keys;
  const open = new Set(keys.map(([key]) => key));
  const labelOf = (key: string) => (open.has(key) ? ANY_VALUE : labels[key]);
  if (filter === false || (filter !== true && !mayMatch(filter, labelOf))) return;
  if (next === undefined) {
    yield labels;
    return;
  }
  const [key, values] = next;
  for (const value of values)
    yield* assigned(rest, value === undefined ? labels : { ...labels, [key]: value }, filter, budget);
}

function otherThan(values: ReadonlySet<string>): string {
  for (let number = 0; ; number += 1) {
    const text = `other${number === 0 ? '' : `-${String(number)}`}`;
    if (!values.has(text)) return text;
  }
}
