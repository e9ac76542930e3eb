/**
 * The fields of a kubeconfig that are used here, and their types. A message names the field and the remedy,
 * and never repeats what the file contains: any field may hold a credential by mistake.
 */
import { isRecord } from '../../json.ts';

/** @throws Error that names the place `at` if the value is not what it must be there */
type Check = (value: unknown, at: string) => void;

/** The type of a field that may be absent. Kubernetes takes null for absent. */
const of =
  (expected: string, accepts: (value: unknown) => boolean): Check =>
  (value, at) => {
    if (value !== undefined && value !== null && !accepts(value)) {
      throw new Error(`${at} must be ${expected}`);
    }
  };

const text = of('a string; quote a number or a word such as yes', (value) => typeof value === 'string');
const flag = of('true or false, without quotes', (value) => typeof value === 'boolean');
const base64 = of('base64, on one line', (value) => typeof value === 'string' && isBase64(value));
const server = of(
  'a URL such as https://HOST:6443, without a user name or a password',
  (value) => typeof value === 'string' && isServer(value),
);

const list =
  (item: Check): Check =>
  (value, at) => {
    of('a list', Array.isArray)(value, at);
    const items: readonly unknown[] = Array.isArray(value) ? value : [];
    for (const [index, entry] of items.entries()) item(entry, `${at}[${index}]`);
  };

const fields =
  (checks: Readonly<Record<string, Check>>): Check =>
  (value, at) => {
    of('a mapping', isRecord)(value, at);
    if (!isRecord(value)) return;
    for (const [name, check] of Object.entries(checks))
      check(value[name], at.endsWith(': ') ? `${at}${name}` : `${at}.${name}`);
  };

const required =
  (check: Check): Check =>
  (value, at) => {
    if (value === undefined || value === null || value === '') throw new Error(`${at} is missing`);
    check(value, at);
  };

const cluster = fields({
  server: required(server),
  'certificate-authority': text,
  'certificate-authority-data': base64,
  'insecure-skip-tls-verify': flag,
  'tls-server-name': text,
  'proxy-url': text,
});

const command = fields({
  apiVersion: text,
  command: required(text),
  args: list(required(text)),
  env: list(fields({ name: required(text), value: text })),
});

const user = fields({
  token: text,
  'token-file': text,
  username: text,
  password: text,
  as: text,
  'client-certificate': text,
  'client-certificate-data': base64,
  'client-key': text,
  'client-key-data': base64,
  exec: command,
  'auth-provider': fields({ name: text, config: fields({}) }),
});

const context = fields({ cluster: required(text), user: text, namespace: text });

const kubeConfig = fields({
  clusters: list(required(fields({ name: required(text), cluster: required(cluster) }))),
  users: list(required(fields({ name: required(text), user }))),
  contexts: list(required(fields({ name: required(text), context: required(context) }))),
  'current-context': text,
});

/**
 * Checks the fields that are used here. Others are ignored.
 * @param name - names the file in messages
 * @throws Error that names the field which is missing or has the wrong type
 */
export function checkKubeConfig(value: unknown, name: string): void {
  if (!isRecord(value)) throw new Error(`${name} is not a mapping with clusters, users and contexts`);
  kubeConfig(value, `${name}: `);
}

/** Go's decoder skips line breaks and nothing else. */
function isBase64(value: string): boolean {
  const digits = value.replace(/[\r\n]/g, '');
  return digits.length % 4 === 0 && /^[A-Za-z0-9+/]*={0,2}$/.test(digits);
}

function isServer(value: string): boolean {
  const url = URL.parse(value);
  return url !== null && /^https?:$/.test(url.protocol) && url.username === '' && url.password === '';
}
