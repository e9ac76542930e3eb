/** Numbers of equal values, in the order in which they were first seen. */
export class Numbers<T> {
  readonly all: T[] = [];
  readonly #known = new Map<string, number>();

  /** @param value of JSON */
  of(value: T): number {
    const key = JSON.stringify(value);
    const number = this.#known.get(key) ?? this.all.push(value) - 1;
    this.#known.set(key, number);
    return number;
  }
}
