/**
 * Reads a long list while it arrives. Neither its whole text nor all of its objects are ever in memory at
 * once.
 */
import { isRecord } from '../../json.ts';

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const OPENING = new Set([0x5b, 0x7b]);
const CLOSING = new Set([0x5d, 0x7d]);
/** The text before the list of a top-level key `items`. */
const ITEMS_KEY = /(?<!\\)"items"\s*:\s*$/;

/**
 * Takes the JSON text of one object, piece by piece. It hands each element of the list `items` to `item` as
 * soon as the element is complete, and keeps the result in the element's place.
 */
export class ListReader {
  readonly #item: (value: unknown) => unknown;
  readonly #items: unknown[] = [];
  /** The text outside `items`. */
  #envelope = '';
  /** The beginning of an element that is not complete yet. */
  #element = '';
  #inItems = false;
  #depth = 0;
  #inString = false;
  #escaped = false;

  constructor(item: (value: unknown) => unknown) {
    this.#item = item;
  }

  push(text: string): void {
    let start = 0;
    for (let at = 0; at < text.length; at += 1) {
      if (this.#inString) {
        at = this.#skipString(text, at);
        continue;
      }
      const code = text.charCodeAt(at);
      if (code === QUOTE) this.#inString = true;
      else if (OPENING.has(code)) {
        this.#depth += 1;
        if (this.#depth === 2 && this.#beginsItems(text.slice(start, at))) start = at + 1;
      } else if (CLOSING.has(code)) {
        this.#depth -= 1;
        if (this.#inItems && this.#depth === 1) start = this.#endItems(text.slice(start, at), at);
      } else if (code === COMMA && this.#inItems && this.#depth === 2) {
        this.#endElement(text.slice(start, at));
        start = at + 1;
      }
    }
    this.#keep(text.slice(start));
  }

  /** The object with its other fields unchanged. @throws SyntaxError when the text is incomplete */
  end(): unknown {
    const envelope: unknown = JSON.parse(this.#envelope);
    return isRecord(envelope) && Array.isArray(envelope['items'])
      ? { ...envelope, items: this.#items }
      : envelope;
  }

  /** Index at which the string around `at` ends, or at which the text ends. */
  #skipString(text: string, at: number): number {
    for (let next = at; next < text.length; next += 1) {
      const code = text.charCodeAt(next);
      if (this.#escaped) this.#escaped = false;
      else if (code === BACKSLASH) this.#escaped = true;
      else if (code === QUOTE) {
        this.#inString = false;
        return next;
      }
    }
    return text.length;
  }

  #beginsItems(before: string): boolean {
    const envelope = this.#envelope + before;
    if (!ITEMS_KEY.test(envelope)) return false;
    this.#envelope = `${envelope}[`;
    this.#inItems = true;
    return true;
  }

  #endItems(text: string, at: number): number {
    this.#endElement(text);
    this.#inItems = false;
    return at;
  }

  #endElement(text: string): void {
    const element = this.#element + text;
    this.#element = '';
    if (element.trim() !== '') this.#items.push(this.#item(JSON.parse(element)));
  }

  #keep(text: string): void {
    if (this.#inItems) this.#element += text;
    else this.#envelope += text;
  }
}
