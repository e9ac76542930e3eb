/**
 * A second parser of Calico's selector language: a recursive descent straight to a predicate. It shares no
 * code with the printer of selectors. Rules: libcalico-go/lib/selector/parser.
 */
export type GetLabel = (key: string) => string | undefined;
export type Predicate = (label: GetLabel) => boolean;

export interface SelectorContext {
  /** Put before every key: `pcns.` in a namespaceSelector. */
  readonly prefix?: string;
  readonly all: Predicate;
  /** Absent where Calico refuses `global()`. */
  readonly global?: Predicate;
}

/** @throws Error for text that is no selector. */
export const predicateOf = (text: string, context: SelectorContext): Predicate =>
  new Descent(text, context).read();

const TOKEN =
  /\s*(?:(?<punctuation>&&|\|\||==|!=|!|\(|\)|\{|\}|,)|'(?<single>[^']*)'|"(?<double>[^"]*)"|(?<operator>not\s+in\b|starts\s+with\b|ends\s+with\b)|(?<word>[A-Za-z0-9_./-]+))/y;

interface Token {
  readonly kind: 'punctuation' | 'string' | 'word' | 'end';
  readonly text: string;
}

function* tokenize(text: string): Generator<Token> {
  const end = text.trimEnd().length;
  TOKEN.lastIndex = 0;
  for (let at = 0; at < end; at = TOKEN.lastIndex) {
    TOKEN.lastIndex = at;
    const found = TOKEN.exec(text)?.groups;
    if (found === undefined) throw new Error(`not a selector, at character ${at}: ${text}`);
    const { punctuation, single, double, operator, word } = found;
    const string = single ?? double;
    if (punctuation !== undefined) yield { kind: 'punctuation', text: punctuation };
    else if (string !== undefined) yield { kind: 'string', text: string };
    else yield { kind: 'word', text: (operator ?? word ?? '').replaceAll(/\s+/g, ' ') };
  }
}

const END: Token = { kind: 'end', text: 'the end' };

class Descent {
  readonly #text: string;
  readonly #context: SelectorContext;
  readonly #tokens: readonly Token[];
  #next = 0;

  constructor(text: string, context: SelectorContext) {
    this.#text = text;
    this.#context = context;
    this.#tokens = [...tokenize(text)];
  }

  read(): Predicate {
    const predicate = this.#either();
    if (this.#token !== END) this.#refuse();
    return predicate;
  }

  get #token(): Token {
    return this.#tokens[this.#next] ?? END;
  }

  #refuse(): never {
    throw new Error(`not a selector, at ${this.#token.text}: ${this.#text}`);
  }

  #take(kind: Token['kind'], text?: string): string {
    const token = this.#token;
    if (token.kind !== kind || (text !== undefined && token.text !== text)) this.#refuse();
    this.#next += 1;
    return token.text;
  }

  #sees(punctuation: string): boolean {
    return this.#token.kind === 'punctuation' && this.#token.text === punctuation;
  }

  #takes(punctuation: string): boolean {
    const seen = this.#sees(punctuation);
    if (seen) this.#next += 1;
    return seen;
  }

  #either(): Predicate {
    const of = [this.#both()];
    while (this.#takes('||')) of.push(this.#both());
    return (label) => of.some((each) => each(label));
  }

  #both(): Predicate {
    const of = [this.#single()];
    while (this.#takes('&&')) of.push(this.#single());
    return (label) => of.every((each) => each(label));
  }

  #single(): Predicate {
    if (this.#takes('!')) {
      const of = this.#single();
      return (label) => !of(label);
    }
    if (!this.#takes('(')) return this.#term();
    const inner = this.#either();
    this.#take('punctuation', ')');
    return inner;
  }

  #term(): Predicate {
    const word = this.#take('word');
    if (this.#takes('(')) return this.#call(word);
    const key = (this.#context.prefix ?? '') + word;
    const operator = this.#take(this.#token.kind === 'word' ? 'word' : 'punctuation');
    if (operator !== 'in' && operator !== 'not in') return this.#comparison(key, operator);
    const values = this.#values();
    return (label) => {
      const value = label(key);
      return (value !== undefined && values.includes(value)) === (operator === 'in');
    };
  }

  #call(name: string): Predicate {
    const key = name === 'has' ? (this.#context.prefix ?? '') + this.#take('word') : '';
    this.#take('punctuation', ')');
    if (name === 'has') return (label) => label(key) !== undefined;
    if (name === 'all') return this.#context.all;
    const alone = this.#tokens.length === 3;
    if (name === 'global' && this.#context.global !== undefined && alone) return this.#context.global;
    throw new Error(`${name}() is not allowed here: ${this.#text}`);
  }

  #values(): readonly string[] {
    const values: string[] = [];
    this.#take('punctuation', '{');
    while (!this.#sees('}')) {
      if (values.length > 0) this.#take('punctuation', ',');
      values.push(this.#take('string'));
    }
    this.#take('punctuation', '}');
    return values;
  }

  #comparison(key: string, operator: string): Predicate {
    const wanted = this.#take('string');
    // For an absent label, `!=` is true and every other comparison is false.
    if (operator === '!=') return (label) => label(key) !== wanted;
    const holds = COMPARISONS[operator];
    if (holds === undefined) throw new Error(`unknown operator ${operator}: ${this.#text}`);
    return (label) => {
      const value = label(key);
      return value !== undefined && holds(value, wanted);
    };
  }
}

const COMPARISONS: Readonly<Record<string, (value: string, wanted: string) => boolean>> = {
  '==': (value, wanted) => value === wanted,
  contains: (value, wanted) => value.includes(wanted),
  'starts with': (value, wanted) => value.startsWith(wanted),
  'ends with': (value, wanted) => value.endsWith(wanted),
};
