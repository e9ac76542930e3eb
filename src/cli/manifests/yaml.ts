/** YAML documents with the lines of their parts. JSON is YAML, too. */
import {
  EVENT_ID,
  type Event,
  YAMLException,
  constructFromEvents,
  getScalarValue,
  parseEvents,
} from 'js-yaml';
import type { Path } from '../../api/path.ts';
import { KUBECTL_YAML } from './dialect.ts';

export interface YamlDocument {
  readonly value: unknown;
  /** The line, from 1, of the part at the path, or of its nearest existing parent. */
  readonly lineOf: (path: Path) => number;
}

/** The text is not YAML. */
export class YamlSyntaxError extends Error {
  override readonly name = 'YamlSyntaxError';
  /** From 1. */
  readonly line: number;

  constructor(message: string, line: number) {
    super(message);
    this.line = line;
  }
}

/**
 * Splits a stream into documents. A document without content has the value null.
 * @throws YamlSyntaxError, also for a mapping that contains a key twice
 */
export function parseYaml(source: string): YamlDocument[] {
  try {
    const events = parseEvents(source, {});
    const values = constructFromEvents(events, { source, schema: KUBECTL_YAML });
    const lineAt = lineIndex(source);
    return new TreeBuilder(events, source).documents().map((root, index) => ({
      value: values[index],
      lineOf: (path) => lineAt(offsetOf(root, path)),
    }));
  } catch (error) {
    if (!(error instanceof YAMLException)) throw error;
    throw new YamlSyntaxError(`is not valid YAML: ${error.reason}`, (error.mark?.line ?? 0) + 1);
  }
}

/** `offset` is where a reader looks for the part. The value of a mapping entry is found at its key. */
type Part = { readonly offset: number } & (
  | { readonly kind: 'leaf' }
  | { readonly kind: 'sequence'; readonly items: readonly Part[] }
  | { readonly kind: 'mapping'; readonly entries: ReadonlyMap<string, Entry> }
);

interface Entry {
  readonly keyOffset: number;
  readonly part: Part;
}

function offsetOf(root: Part, path: Path): number {
  let part = root;
  let offset = root.offset;
  for (const segment of path) {
    if (part.kind === 'mapping') {
      const entry = part.entries.get(String(segment));
      if (entry === undefined) return offset;
      offset = entry.keyOffset;
      part = entry.part;
    } else if (part.kind === 'sequence') {
      const item = part.items[Number(segment)];
      if (item === undefined) return offset;
      offset = item.offset;
      part = item;
    } else return offset;
  }
  return offset;
}

/** The events are a depth-first walk. This class walks them back into trees. */
class TreeBuilder {
  readonly #events: readonly Event[];
  readonly #source: string;
  #next = 0;
  /** End of the last scalar, which is where an empty value is. */
  #reached = 0;
  readonly #anchors = new Map<string, Part>();

  constructor(events: readonly Event[], source: string) {
    this.#events = events;
    this.#source = source;
  }

  documents(): Part[] {
    const roots: Part[] = [];
    while (this.#peek() !== undefined) {
      this.#next++;
      roots.push(this.#peek()?.type === EVENT_ID.POP ? this.#leaf(-1) : this.#part());
      this.#next++;
    }
    return roots;
  }

  #peek(): Event | undefined {
    return this.#events[this.#next];
  }

  #part(): Part {
    const event = this.#peek();
    this.#next++;
    switch (event?.type) {
      case EVENT_ID.MAPPING:
        return this.#anchored(event, { kind: 'mapping', offset: event.start, entries: this.#entries() });
      case EVENT_ID.SEQUENCE:
        return this.#anchored(event, { kind: 'sequence', offset: event.start, items: this.#items() });
      case EVENT_ID.SCALAR:
        this.#reached = Math.max(this.#reached, event.valueEnd);
        return this.#anchored(event, this.#leaf(event.valueStart));
      case EVENT_ID.ALIAS: {
        const target = this.#anchors.get(this.#source.slice(event.anchorStart, event.anchorEnd));
        return { ...(target ?? { kind: 'leaf' }), offset: event.anchorStart };
      }
      default:
        return this.#leaf(-1);
    }
  }

  #items(): Part[] {
    const items: Part[] = [];
    while (this.#more()) items.push(this.#part());
    return items;
  }

  #entries(): Map<string, Entry> {
    const entries = new Map<string, Entry>();
    while (this.#more()) {
      const keyEvent = this.#peek();
      const key = keyEvent?.type === EVENT_ID.SCALAR ? getScalarValue(this.#source, keyEvent) : '';
      const keyOffset = this.#part().offset;
      entries.set(key, { keyOffset, part: this.#part() });
    }
    return entries;
  }

  /** Consumes the end of a collection. */
  #more(): boolean {
    const event = this.#peek();
    if (event !== undefined && event.type !== EVENT_ID.POP) return true;
    this.#next++;
    return false;
  }

  #anchored(event: { readonly anchorStart: number; readonly anchorEnd: number }, part: Part): Part {
    if (event.anchorStart >= 0) {
      this.#anchors.set(this.#source.slice(event.anchorStart, event.anchorEnd), part);
    }
    return part;
  }

  #leaf(offset: number): Part {
    return { kind: 'leaf', offset: offset < 0 ? this.#reached : offset };
  }
}

function lineIndex(source: string): (offset: number) => number {
  const starts = [0];
  for (const match of source.matchAll(/\r\n|\r|\n/g)) starts.push(match.index + match[0].length);
  /**
   * The number of lines that begin at the offset or before it, by halving: a file may have as many problems
   * as lines.
   */
  return (offset) => {
    let [low, high] = [0, starts.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((starts[middle] ?? 0) > offset) high = middle;
      else low = middle + 1;
    }
    return low;
  };
}
