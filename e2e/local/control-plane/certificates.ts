import { createPrivateKey, generateKeyPairSync, randomBytes, sign, type KeyObject } from 'node:crypto';
import { isIP } from 'node:net';
import {
  bitString,
  boolean,
  explicit,
  implicit,
  integer,
  objectIdentifier,
  octetString,
  sequence,
  set,
  utcTime,
  utf8String,
} from './der.ts';

/** A certificate and its private key, both in PEM. */
export interface Certificate {
  readonly certificate: string;
  readonly key: string;
}

export interface CertificateAuthority extends Certificate {
  readonly commonName: string;
}

const COMMON_NAME = '2.5.4.3';
const ECDSA_WITH_SHA256 = sequence(objectIdentifier('1.2.840.10045.4.3.2'));
const SUBJECT_ALT_NAME = '2.5.29.17';
const BASIC_CONSTRAINTS = '2.5.29.19';
const EXTENDED_KEY_USAGE = '2.5.29.37';
const SERVER_AUTH = '1.3.6.1.5.5.7.3.1';
const CLIENT_AUTH = '1.3.6.1.5.5.7.3.2';
const DAY = 24 * 60 * 60 * 1000;
const LIFETIME = 30 * DAY;

export function createAuthority(commonName: string): CertificateAuthority {
  const { publicKey, privateKey } = generateKeyPair();
  const constraints = extension(BASIC_CONSTRAINTS, sequence(boolean(true)), true);
  const certificate = issue(commonName, privateKey, commonName, publicKey, [constraints]);
  return { commonName, certificate, key: toPem(privateKey) };
}

/** A certificate for servers and clients alike. `names` are DNS names and IP addresses. */
export function createCertificate(
  authority: CertificateAuthority,
  commonName: string,
  names: readonly string[] = [],
): Certificate {
  const { publicKey, privateKey } = generateKeyPair();
  const usage = sequence(objectIdentifier(SERVER_AUTH), objectIdentifier(CLIENT_AUTH));
  const extensions = [extension(EXTENDED_KEY_USAGE, usage)];
  if (names.length > 0) extensions.push(extension(SUBJECT_ALT_NAME, sequence(...names.map(generalName))));
  const issuerKey = createPrivateKey(authority.key);
  const certificate = issue(authority.commonName, issuerKey, commonName, publicKey, extensions);
  return { certificate, key: toPem(privateKey) };
}

/**
 * A private key for signing tokens, in the only PEM form from which kube-apiserver also reads the public
 * half.
 */
export function createSigningKey(): string {
  return generateKeyPair().privateKey.export({ type: 'sec1', format: 'pem' }).toString();
}

function generateKeyPair(): { readonly publicKey: KeyObject; readonly privateKey: KeyObject } {
  return generateKeyPairSync('ec', { namedCurve: 'P-256' });
}

function issue(
  issuer: string,
  issuerKey: KeyObject,
  subject: string,
  publicKey: KeyObject,
  extensions: readonly Buffer[],
): string {
  const now = Date.now();
  const body = sequence(
    explicit(0, integer(Buffer.from([2]))),
    integer(Buffer.concat([Buffer.from([1]), randomBytes(15)])),
    ECDSA_WITH_SHA256,
    distinguishedName(issuer),
    sequence(utcTime(new Date(now - DAY)), utcTime(new Date(now + LIFETIME))),
    distinguishedName(subject),
    publicKey.export({ type: 'spki', format: 'der' }),
    explicit(3, sequence(...extensions)),
  );
  const certificate = sequence(body, ECDSA_WITH_SHA256, bitString(sign('sha256', body, issuerKey)));
  const lines = certificate.toString('base64').match(/.{1,64}/g) ?? [];
  return ['-----BEGIN CERTIFICATE-----', ...lines, '-----END CERTIFICATE-----', ''].join('\n');
}

function distinguishedName(commonName: string): Buffer {
  return sequence(set(sequence(objectIdentifier(COMMON_NAME), utf8String(commonName))));
}

function extension(oid: string, value: Buffer, critical = false): Buffer {
  return sequence(objectIdentifier(oid), ...(critical ? [boolean(true)] : []), octetString(value));
}

function generalName(name: string): Buffer {
  if (isIP(name) === 0) return implicit(2, Buffer.from(name));
  return implicit(7, addressBytes(name));
}

/** RFC 5280 section 4.2.1.6: four or sixteen bytes in network order. */
function addressBytes(address: string): Buffer {
  if (isIP(address) === 4) return Buffer.from(address.split('.').map(Number));
  const [head = '', tail] = address.split('::');
  const groups = (part: string): readonly string[] => part.split(':').filter((group) => group !== '');
  const before = groups(head);
  const after = groups(tail ?? '');
  const zeros = Array.from({ length: 8 - before.length - after.length }, () => '0');
  return Buffer.from(
    [...before, ...zeros, ...after].flatMap((group) => {
      const value = parseInt(group, 16);
      return [value >> 8, value & 0xff];
    }),
  );
}

function toPem(key: KeyObject): string {
  return key.export({ type: 'pkcs8', format: 'pem' }).toString();
}
