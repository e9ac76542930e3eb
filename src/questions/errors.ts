/** The question cannot be asked. The message names the argument and lists what there is. */
export class QuestionError extends Error {
  override readonly name = 'QuestionError';
}

const MOST_NAMES = 12;

/** `a, b, c and 17 more`. */
export const listed = (names: readonly string[], most = MOST_NAMES): string =>
  names.length <= most
    ? names.join(', ')
    : `${names.slice(0, most).join(', ')} and ${String(names.length - most)} more`;

/** A table of more pairs is none that a person reads, and takes minutes. */
const MOST_PAIRS = 400_000;

/** @throws QuestionError */
export function refuseTooMany(sources: number, destinations: number): void {
  const pairs = sources * destinations;
  if (pairs > MOST_PAIRS)
    throw new QuestionError(
      `these are ${pairs.toLocaleString('en')} pairs of ends that something tells apart, and the most is ${MOST_PAIRS.toLocaleString('en')}: choose some with --from and --to, or compare smaller changes`,
    );
}
