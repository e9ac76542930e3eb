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
