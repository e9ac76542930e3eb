const OTHER = 'other';

/**
 * Bounds the values of a label that come from outside. The first ones keep their names, and all others are
 * `other`.
 */
export class BoundedLabel {
  readonly #max: number;
  readonly #values = new Set<string>();

  constructor(max: number) {
    this.#max = max;
  }

  valueFor(value: string): string {
    if (this.#values.has(value)) return value;
    if (this.#values.size >= this.#max) return OTHER;
    this.#values.add(value);
    return value;
  }
}
