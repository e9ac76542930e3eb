/** The text itself, or as much of it as fits into `max` characters, with an ellipsis at the end. */
export const cut = (text: string, max: number): string =>
  text.length <= max ? text : `${text.slice(0, max - 1)}…`;
