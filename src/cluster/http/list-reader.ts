/**
 * Reads a long list while it arrives. Neither its whole text nor all of its objects are ever in memory at
 * once.
 */
import { isRecord } from '../../json.ts';

/**
 * Characters of one object. etcd takes 1.5 MiB, and JSON writes a byte with six characters at most. A larger
 * text is not an object of an API server.
 */
export const MAX_OBJECT = 16 * 1024 * 1024;

interface Limits {
  readonly object: number;
  /** Characters outside `items`: kind, version and a continue token. */
  readonly envelope: number;
  /**
   * Characters of the whole answer. Calico's API server ignores the page size, so this is about a hundred
   * thousand policies of 5 kB.
   */
  readonly answer: number;
}

const LIMITS: Limits = { object: MAX_OBJECT, envelope: 1024 * 1024, answer: 512 * 1024 * 1024 };

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
  readonly #limits: Limits;
  readonly #items: unknown[] = [];
  /** The text outside `items`. */
  #envelope = '';
  /** The beginning of an element that is not complete yet. */
  #element = '';
  #inItems = false;
  #depth = 0;
  #inString = false;
  #escaped = false;
  #length = 0;

  constructor(item: (value: unknown) => unknown, limits = LIMITS) {
    this.#item = item;
    this.#limits = limits;
  }

  /** @throws RangeError when an object, the rest of the list, or the list is too large */
  push(text: string): void {
    this.#length += text.length;
    refuseBeyond(this.#limits.answer, this.#length, 'the list');
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
    refuseBeyond(this.#limits.object, this.#element.length, 'an object in the list');
    refuseBeyond(this.#limits.envelope, this.#envelope.length, 'the list without its objects');
  }
}

/** @throws RangeError */
export function refuseBeyond(most: number, length: number, what: string): void {
  if (length > most) throw new RangeError(`${what} has more than ${String(most)} characters`);
}
