/** Reads fields of stored objects of unknown shape, and names the first one that is not as it should be. */
import { isRecord } from '../../json.ts';
import { AddressError, parseAddress, type Cidr } from '../../net/cidr.ts';

/** A field that does not have the form of its API. The message names the field and what it should be. */
export class FieldError extends Error {
  override readonly name = 'FieldError';
  /** For example `spec.ingress[0].source.nets`. */
  readonly field: string;
  readonly why: string;

  constructor(field: string, why: string) {
    super(`${field} ${why}`);
    this.field = field;
    this.why = why;
  }
}

/** An object as an API server or a file gives it. */
export interface ObjectFields {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string;
    readonly labels: Readonly<Record<string, string>>;
    readonly annotations: Readonly<Record<string, string>>;
  };
  readonly fields: Fields;
}

/** One level of an object, with its path for messages. Every getter throws a FieldError for another type. */
export class Fields {
  readonly path: string;
  readonly #values: Readonly<Record<string, unknown>>;

  constructor(value: unknown, path: string) {
    if (value !== undefined && value !== null && !isRecord(value)) throw new FieldError(path, 'is no object');
    this.path = path;
    this.#values = isRecord(value) ? value : {};
  }

  has(key: string): boolean {
    return this.#get(key) !== undefined;
  }

  at(key: string): string {
    return this.path === '' ? key : `${this.path}.${key}`;
  }

  raw(key: string): unknown {
    return this.#get(key);
  }

  /** An absent object is an empty one. */
  object(key: string): Fields {
    return new Fields(this.#get(key), this.at(key));
  }

  optional(key: string): Fields | undefined {
    return this.has(key) ? this.object(key) : undefined;
  }

  text(key: string): string {
    const value = this.#get(key);
    if (value === undefined) return '';
    if (typeof value !== 'string') throw new FieldError(this.at(key), 'is no text');
    return value;
  }

  flag(key: string): boolean {
    const value = this.#get(key);
    if (value === undefined) return false;
    if (typeof value !== 'boolean') throw new FieldError(this.at(key), 'is neither true nor false');
    return value;
  }

  number(key: string): number | undefined {
    const value = this.#get(key);
    if (value === undefined) return undefined;
    if (typeof value !== 'number' || !Number.isFinite(value))
      throw new FieldError(this.at(key), 'is no number');
    return value;
  }

  values(key: string): readonly unknown[] {
    const value = this.#get(key);
    if (value === undefined) return [];
    if (!Array.isArray(value)) throw new FieldError(this.at(key), 'is no list');
    return value as readonly unknown[];
  }

  list(key: string): readonly Fields[] {
    return this.values(key).map((value, index) => new Fields(value, `${this.at(key)}[${String(index)}]`));
  }

  texts(key: string): readonly string[] {
    return this.values(key).map((value, index) => {
      if (typeof value !== 'string') throw new FieldError(`${this.at(key)}[${String(index)}]`, 'is no text');
      return value;
    });
  }

  /** A map of texts, as labels are. */
  labels(key: string): Readonly<Record<string, string>> {
    const value = this.#get(key);
    if (value === undefined) return {};
    if (!isRecord(value) || !Object.values(value).every((each) => typeof each === 'string'))
      throw new FieldError(this.at(key), 'is no map of texts');
    return value as Readonly<Record<string, string>>;
  }

  net(key: string): Cidr {
    return readNet(this.text(key), this.at(key));
  }

  nets(key: string): readonly Cidr[] {
    return this.texts(key).map((text, index) => readNet(text, `${this.at(key)}[${String(index)}]`));
  }

  #get(key: string): unknown {
    const value = Object.hasOwn(this.#values, key) ? this.#values[key] : undefined;
    return value === null ? undefined : value;
  }
}

/** @throws FieldError for something that has no kind, apiVersion or name */
export function objectFields(value: unknown): ObjectFields {
  const fields = new Fields(value, '');
  const metadata = fields.object('metadata');
  const [kind, apiVersion, name] = [fields.text('kind'), fields.text('apiVersion'), metadata.text('name')];
  if (kind === '') throw new FieldError('kind', 'is missing');
  if (name === '') throw new FieldError('metadata.name', 'is missing');
  const namespace = metadata.text('namespace');
  return {
    apiVersion,
    kind,
    metadata: {
      name,
      ...(namespace !== '' && { namespace }),
      labels: metadata.labels('labels'),
      annotations: metadata.labels('annotations'),
    },
    fields,
  };
}

const BITS = { 4: 32, 6: 128 } as const;

/**
 * A CIDR or an address as Calico reads it (libcalico-go/lib/net, ParseCIDROrIP): host bits are dropped.
 * @throws FieldError
 */
export function readNet(text: string, field: string): Cidr {
  const [address = '', mask] = text.split('/');
  try {
    const { family, value } = parseAddress(address);
    const prefix = mask === undefined ? BITS[family] : Number(mask);
    if (!/^\d{1,3}$/.test(mask ?? '0') || prefix > BITS[family])
      throw new FieldError(field, `"${text}" has no valid mask`);
    const hostBits = BigInt(BITS[family] - prefix);
    return { family, value: (value >> hostBits) << hostBits, prefix };
  } catch (error) {
    if (error instanceof AddressError) throw new FieldError(field, `is no address or CIDR: ${error.message}`);
    throw error;
  }
}
