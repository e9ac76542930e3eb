const MANY = 5;

/** The first names of a list, as text. */
export const listed = (names: readonly string[]): string =>
  names.length <= MANY
    ? names.join(', ')
    : `${names.slice(0, MANY).join(', ')} and ${String(names.length - MANY)} more`;
