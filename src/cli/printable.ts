/**
 * A text of the cluster as one line of a terminal can show it. Control characters, and characters that change
 * the direction of what follows, become escapes such as `\u{1b}`. Whoever may name an object must not write
 * into a terminal.
 */
export const printable = (text: string): string =>
  text.replace(HIDDEN, (character) => `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`);

const HIDDEN = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu;
