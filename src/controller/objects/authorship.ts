/**
 * Which stored policies of namespaces the operator has written. Whoever may write policies in one namespace can
 * give them our names, labels, annotations and field manager, so none of these proves anything. The operator
 * signs what it writes there (docs/decisions/0018-authorship.md).
 */
import { createPublicKey, generateKeyPairSync, sign, verify, type KeyObject } from 'node:crypto';
import type { GeneratedKind, GeneratedObject } from '../../calico/types.ts';
import type { KubernetesObject, Metadata } from '../../cluster/resource.ts';
import { contentHash, desiredHash } from './content-hash.ts';
import { GENERATED_KINDS, objectId, type ObjectId } from './kinds.ts';
import type { LiveObject, OwnedObject } from './live.ts';
import { SIGNATURE } from './ownership.ts';

/** Processes whose signatures count, the latest ones. Their keys make an annotation of 4 kB. */
const MAX_KEYS = 100;
/** Removed objects that are remembered, the latest ones. Their author may bring back an older one once. */
const MAX_REMOVED = 10_000;
/** Characters of a public key that name it in a signature. */
const KEY_NAME = 8;
/** An Ed25519 public key in base64url (RFC 8037). */
const PUBLIC_KEY = /^[\w-]{43}$/;

/**
 * Signs policies of namespaces, and knows again what this process or an earlier one has signed.
 *
 * Each process has a private key that never leaves its memory, so nobody needs a right on Secrets. The public
 * keys are an annotation of the operator's Lease, which no tenant can write.
 */
export class Authorship {
  readonly #privateKey: KeyObject;
  /** In the order in which they were learned. */
  readonly #publicKeys = new Map<string, KeyObject>();
  readonly #ownKey: string;
  /** By uid: the content with which an object was signed, or was seen to be as desired. */
  #proven = new Map<string, string>();
  /** Objects whose signature does not count, so it is not checked in each round. */
  #refuted = new WeakSet<OwnedObject>();
  readonly #ours = new WeakMap<OwnedObject, OwnedObject>();
  /** Uids by ids of objects that this process has removed and not written since. */
  readonly #removed = new Map<ObjectId, string>();

  constructor() {
    const { publicKey, privateKey } = generateKeyPairSync('ed25519');
    this.#privateKey = privateKey;
    this.#ownKey = publicKey.export({ format: 'jwk' }).x ?? '';
    this.#publicKeys.set(this.#ownKey, publicKey);
  }

  /** The public keys that are known, this process's own last: see `learn`. */
  get keys(): string {
    const others = [...this.#publicKeys.keys()].filter((key) => key !== this.#ownKey);
    return [...others.slice(1 - MAX_KEYS), this.#ownKey].join(',');
  }

  /**
   * Learns the public keys of other processes.
   * @param keys a text that `keys` returned, of which the last hundred count; other texts are ignored
   */
  learn(keys = ''): void {
    const news = keys
      .split(',')
      .slice(-MAX_KEYS)
      .filter((key) => PUBLIC_KEY.test(key) && !this.#publicKeys.has(key));
    for (const x of news)
      this.#publicKeys.set(x, createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x }, format: 'jwk' }));
    if (news.length > 0) this.#refuted = new WeakSet();
  }

  /** The object with our signature, where it is in a namespace. It is going to be written. */
  signed(object: GeneratedObject): GeneratedObject {
    const { kind, metadata } = object;
    if (!GENERATED_KINDS[kind].namespaced) return object;
    this.#removed.delete(objectId(kind, metadata));
    const bytes = sign(null, textOf(kind, metadata, desiredHash(object)), this.#privateKey);
    const signature = `${this.#ownKey.slice(0, KEY_NAME)}.${bytes.toString('base64url')}`;
    const annotations = { ...metadata.annotations, [SIGNATURE]: signature };
    return { ...object, metadata: { ...metadata, annotations } };
  }

  /** Says of each object in a namespace whether it is ours. The others are ours by their labels. */
  judged(objects: readonly LiveObject[]): readonly LiveObject[] {
    const proven = new Map<string, string>();
    const judged = objects.map((object) => {
      if (!object.ours || !object.isOpen || !this.#isProven(object)) return object;
      proven.set(object.uid, object.hash);
      return this.#proved(object);
    });
    this.#proven = proven;
    return judged;
  }

  /** Notes an object that is stored as we would have made it, whoever wrote it. */
  vouch({ uid, hash }: Pick<OwnedObject, 'uid' | 'hash'>): void {
    this.#proven.set(uid, hash);
  }

  /**
   * Notes an object that was removed. A copy of it under another uid is not ours, although its signature is:
   * otherwise its author could have us remove it for ever.
   */
  removed({ id, uid }: OwnedObject): void {
    this.#removed.delete(id);
    this.#removed.set(id, uid);
    const [oldest] = this.#removed.keys();
    if (this.#removed.size > MAX_REMOVED && oldest !== undefined) this.#removed.delete(oldest);
  }

  /** True for a whole object that is ours. It has to be stored as it was when it was judged last. */
  wrote(kind: GeneratedKind, object: KubernetesObject): boolean {
    const { uid = '' } = object.metadata;
    return !GENERATED_KINDS[kind].namespaced || this.#proven.get(uid) === contentHash(object);
  }

  #isProven(object: OwnedObject): boolean {
    const { id, uid, hash } = object;
    if ((this.#removed.get(id) ?? uid) !== uid) return false;
    if (this.#proven.get(uid) === hash) return true;
    if (this.#refuted.has(object)) return false;
    const isSigned = this.#isSigned(object);
    if (!isSigned) this.#refuted.add(object);
    return isSigned;
  }

  #isSigned({ kind, name, namespace = '', hash, signature = '' }: OwnedObject): boolean {
    const [keyName = '', text = ''] = signature.split('.');
    const [, key] = [...this.#publicKeys].find(([each]) => each.slice(0, KEY_NAME) === keyName) ?? [];
    const signed = textOf(kind, { name, namespace }, hash);
    return key !== undefined && verify(null, signed, key, Buffer.from(text, 'base64url'));
  }

  #proved(object: OwnedObject): OwnedObject {
    const proved = this.#ours.get(object) ?? { ...object, isOpen: false };
    this.#ours.set(object, proved);
    return proved;
  }
}

/** No part of it can contain a line break. */
const textOf = (kind: GeneratedKind, { name, namespace }: Metadata, hash: string): Buffer =>
  Buffer.from([kind, namespace, name, hash].join('\n'));
