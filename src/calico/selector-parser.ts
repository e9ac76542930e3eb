/**
 * Parses Calico's selector language, and accepts exactly the texts that Calico accepts
 * (libcalico-go/lib/selector: tokenizer.go, parser.go), within bounds that people's selectors keep.
 */
import type { Selector } from './selector.ts';
import { SelectorError, all, and, eq, global, has, isIn, not, notIn, or } from './selector.ts';

/** Longer or deeper texts of others would overflow the stack. */
const MAX_LENGTH = 65_536;
const MAX_DEPTH = 100;

/**
 * Parses a text into a selector in the canonical form of the constructors. An empty text matches everything.
 * @param everything what the term `all()` means. Calico replaces it by another term in some selectors.
 * @throws SelectorError with the position (counted in characters from 1) for a text that Calico would refuse
 */
export function parseSelector(text: string, everything: Selector = all()): Selector {
  if (text.length > MAX_LENGTH)
    throw new SelectorError(`a selector has more than ${String(MAX_LENGTH)} characters`);
  const cursor = new Cursor(text, everything);
  if (cursor.atEnd()) return all();
  const selector = parseOr(cursor);
  if (!cursor.atEnd()) throw cursor.expected('&&, || or the end');
  return selector;
}

/**
 * A position in the text, which moves past the text that it takes. Only spaces and tabs are white space. A
 * line break is an error.
 */
class Cursor {
  readonly everything: Selector;
  readonly #text: string;
  #at = 0;
  #depth = 0;

  constructor(text: string, everything: Selector) {
    this.#text = text;
    this.everything = everything;
  }

  /**
   * Returns the first group of a sticky pattern, or the whole match. When the pattern does not match here, it
   * returns undefined and does not move.
   */
  take(pattern: RegExp): string | undefined {
    this.#skipSpace();
    pattern.lastIndex = this.#at;
    const match = pattern.exec(this.#text);
    if (match === null) return undefined;
    this.#at = pattern.lastIndex;
    return match[1] ?? match[0];
  }

  atEnd(): boolean {
    this.#skipSpace();
    return this.#at === this.#text.length;
  }

  /** @throws SelectorError when it is too deep */
  deeper<T>(parse: () => T): T {
    this.#depth += 1;
    if (this.#depth > MAX_DEPTH)
      throw new SelectorError(`a selector has more than ${String(MAX_DEPTH)} levels of ! and parentheses`);
    const parsed = parse();
    this.#depth -= 1;
    return parsed;
  }

  expected(what: string): SelectorError {
    return new SelectorError(
      `"${this.#text}" is not a selector: expected ${what} at character ${String(this.#at + 1)}`,
    );
  }

  #skipSpace(): void {
    while (this.#text[this.#at] === ' ' || this.#text[this.#at] === '\t') this.#at++;
  }
}

function parseOr(cursor: Cursor): Selector {
  const operands = [parseAnd(cursor)];
  while (cursor.take(/\|\|/y) !== undefined) operands.push(parseAnd(cursor));
  return or(...operands);
}

function parseAnd(cursor: Cursor): Selector {
  const operands = [parseTerm(cursor)];
  while (cursor.take(/&&/y) !== undefined) operands.push(parseTerm(cursor));
  return and(...operands);
}

function parseTerm(cursor: Cursor): Selector {
  if (cursor.take(/!/y) !== undefined) return not(cursor.deeper(() => parseTerm(cursor)));
  if (cursor.take(/\(/y) !== undefined) return cursor.deeper(() => parseGroup(cursor));
  // No space before these parentheses: `has (a)` is the label "has", and then a syntax error.
  if (cursor.take(/all\([ \t]*\)/y) !== undefined) return cursor.everything;
  if (cursor.take(/global\([ \t]*\)/y) !== undefined) return global();
  const present = cursor.take(/has\([ \t]*([\w./-]{1,512})[ \t]*\)/y);
  if (present !== undefined) return has(present);
  return parseComparison(cursor);
}

function parseGroup(cursor: Cursor): Selector {
  const selector = parseOr(cursor);
  if (cursor.take(/\)/y) === undefined) throw cursor.expected(')');
  return selector;
}

/**
 * The operators after a label. A word ends where no label character follows. Calico accepts `notin` and
 * `startswith` as well.
 */
const OPERATOR = /==|!=|(?:contains|starts[ \t]*with|ends[ \t]*with|not[ \t]*in|in)(?![\w./-])/y;

function parseComparison(cursor: Cursor): Selector {
  const key = cursor.take(/[\w./-]{1,512}(?![\w./-])/y);
  if (key === undefined)
    throw cursor.expected('a label of at most 512 characters, has(…), all(), global(), ! or (');
  const operator = cursor.take(OPERATOR)?.replace(/[ \t]/g, '');
  switch (operator) {
    case '==':
      return eq(key, parseString(cursor));
    case '!=':
      return not(eq(key, parseString(cursor)));
    case 'contains':
      return { kind: 'contains', key, value: parseString(cursor) };
    case 'startswith':
      return { kind: 'startsWith', key, value: parseString(cursor) };
    case 'endswith':
      return { kind: 'endsWith', key, value: parseString(cursor) };
    case 'in':
      return isIn(key, parseSet(cursor));
    case 'notin':
      return notIn(key, parseSet(cursor));
    default:
      throw cursor.expected('==, !=, in, not in, contains, starts with or ends with');
  }
}

function parseString(cursor: Cursor): string {
  const literal = cursor.take(/'[^']*'|"[^"]*"/y);
  if (literal === undefined) throw cursor.expected('a text in quotes');
  return literal.slice(1, -1);
}

/** Calico accepts `{}`, and a comma after the last value. */
function parseSet(cursor: Cursor): string[] {
  if (cursor.take(/\{/y) === undefined) throw cursor.expected('{');
  const values: string[] = [];
  while (cursor.take(/\}/y) === undefined) {
    values.push(parseString(cursor));
    if (cursor.take(/,/y) !== undefined) continue;
    if (cursor.take(/\}/y) === undefined) throw cursor.expected(', or }');
    break;
  }
  return values;
}
