/**
 * Fields of the cluster's objects that do not have the form of their API. They are left out and named here, so
 * nothing fails later, and nobody takes a part for the whole.
 */
import { AddressError, formatAddress, formatCidr, parseAddress, parseCidr } from '../net/cidr.ts';
import type { KubernetesObject } from './object.ts';

export interface Flaw {
  readonly kind: string;
  /** `name` or `namespace/name`. */
  readonly name: string;
  /** For example `spec.cidr`. */
  readonly field: string;
  /** Says what is wrong with the field, in a few words that may quote it. */
  readonly why: string;
}

export interface Unreadable extends Flaw {
  /** True when no better version of the object is known, so addresses may be missing. */
  readonly isLost: boolean;
}

/** The readable part of an object. */
export interface Reading<T> {
  readonly value: T;
  readonly flaws: readonly Flaw[];
}

/** True when objects of one of the kinds may have more addresses than are known. */
export const isLost = (
  { unreadable = [] }: { readonly unreadable?: readonly Unreadable[] },
  ...kinds: readonly string[]
): boolean => unreadable.some((each) => each.isLost && kinds.includes(each.kind));

/** One shared empty list, because hardly any object has a flaw. */
const NONE: readonly never[] = [];
/** An object may have thousands of addresses. The first flaws are enough to find it. */
const MAX_FLAWS = 10;
/** An IPv6 address with an IPv4 ending and a mask has 49 characters. */
const MAX_TEXT = 64;

/** Reads fields of one object, and collects those that are not as they should be. */
export class FieldReader {
  readonly #kind: string;
  readonly #object: KubernetesObject;
  readonly #flaws: Flaw[] = [];

  constructor(kind: string, object: KubernetesObject) {
    this.#kind = kind;
    this.#object = object;
  }

  /** The address of a machine, canonical and without a mask. Nothing if the field is no such address. */
  address(value: unknown, field: string): readonly string[] {
    return this.#parsed(value, field, (text) => {
      const address = formatAddress(parseAddress(text));
      if (!UNSPECIFIED.has(address)) return address;
      throw new AddressError(`${text} is no address of a machine`);
    });
  }

  /** A canonical CIDR. Nothing if the field is none. */
  cidr(value: unknown, field: string): readonly string[] {
    return this.#parsed(value, field, (text) => formatCidr(parseCidr(text)));
  }

  /** A port number. Nothing if the field is none; an absent one is no flaw. */
  port(value: unknown, field: string): readonly number[] {
    if (value === undefined || value === null) return NONE;
    if (typeof value === 'number' && Number.isInteger(value) && value >= 1 && value <= 65_535) return [value];
    this.refuse(field, 'is no port number from 1 to 65535');
    return NONE;
  }

  refuse(field: string, why: string): void {
    if (this.#flaws.length >= MAX_FLAWS) return;
    const { name, namespace } = this.#object.metadata;
    const full = namespace === undefined || namespace === '' ? name : `${namespace}/${name}`;
    this.#flaws.push({ kind: this.#kind, name: full, field, why });
  }

  reading<T>(value: T): Reading<T> {
    return { value, flaws: this.#flaws.length === 0 ? NONE : this.#flaws };
  }

  #parsed(value: unknown, field: string, parse: (text: string) => string): readonly string[] {
    if (typeof value !== 'string') {
      this.refuse(field, value === undefined ? 'is missing' : 'is no text');
      return NONE;
    }
    if (value.length > MAX_TEXT) {
      this.refuse(field, `"${value.slice(0, MAX_TEXT)}…" is too long for an address`);
      return NONE;
    }
    try {
      return [parse(value)];
    } catch (error) {
      if (!(error instanceof AddressError)) throw error;
      this.refuse(field, error.message);
      return NONE;
    }
  }
}

const UNSPECIFIED: ReadonlySet<string> = new Set(['0.0.0.0', '::']);

/** True for a link-local address with its interface. No packet filter could match the interface. */
export const isLinkLocal = (address: string): boolean => /^fe80:[0-9a-f:]*%/i.test(address);
