/** There are more cases than anybody may take the time for. */
export class BudgetSpent extends Error {
  override readonly name = 'BudgetSpent';
}

/** Bounds the cases that are tried. Spending from one also spends from the one above. */
export class Budget {
  #left: number;
  readonly #above: Budget | undefined;

  constructor(cases: number, above?: Budget) {
    this.#left = cases;
    this.#above = above;
  }

  /** @throws BudgetSpent */
  spend(): void {
    this.#above?.spend();
    if (this.#left === 0) this.exceed();
    this.#left -= 1;
  }

  /** @throws BudgetSpent always */
  exceed(): never {
    throw new BudgetSpent('too many cases');
  }
}
