/** Documents of up to 4 kB that mix valid firewalls with what nobody should write. */
import fc from 'fast-check';
import { labelText } from '../../api/testing/label-selectors.ts';
import { firewalls } from './generators.ts';
import { withNodes } from './node-generators.ts';

export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };

const BYTES = 4096;

const text = fc.oneof(
  labelText,
  fc.constantFrom(
    ...[
      '::/0',
      '0.0.0.0/0',
      '::ffff:0:0/96',
      '::/128',
      '10.0.0.1/8',
      '010.0.0.0/8',
      '1.2.3.4/33',
      '::%eth0/64',
    ],
    ...['All', 'ICMP', '1-65535', '65535-1', '80/tcp', '8_0', 'http', 'a'.repeat(400), 'default', 'nodes'],
    ...['World', 'Pods', 'SameNamespace', 'kube-system', "a' || all() || 'b", '${x}', '\ud800', 'peers'],
  ),
);
const value: fc.Arbitrary<Json> = fc.oneof(
  text,
  fc.constantFrom<Json>(null, true, false, 0, -1, 80, 1e21, 0.5, [], {}, [[]], [{}], { a: {} }),
  fc.record({ cidr: text, except: fc.array(text, { maxLength: 3 }) }),
  fc.dictionary(text, text, { maxKeys: 3 }),
);

/** A change of one part: what becomes of it and of the key that it has. */
type Change = (part: Json) => Json | undefined;

const change: fc.Arbitrary<Change> = fc.oneof(
  value.map(
    (other): Change =>
      () =>
        other,
  ),
  fc.constant<Change>(() => undefined),
  fc.tuple(text, value).map(
    ([key, other]): Change =>
      (part) =>
        isMapping(part) ? fromEntries([...Object.entries(part), [key, other]]) : other,
  ),
  // Many entries that differ, as lists of names and addresses have.
  fc.integer({ min: 2, max: 70 }).map(
    (length): Change =>
      (part) =>
        isList(part)
          ? Array.from({ length }, (_, index) => numbered(part[index % part.length] ?? null, index))
          : part,
  ),
);

const isList = (part: Json): part is readonly Json[] => Array.isArray(part);
const isMapping = (part: Json): part is Readonly<Record<string, Json>> =>
  typeof part === 'object' && part !== null && !isList(part);
/** Keeps a key `__proto__`, as JSON.parse does. */
const fromEntries = (entries: readonly (readonly [string, Json])[]): Json => Object.fromEntries(entries);

function numbered(part: Json, index: number): Json {
  if (isMapping(part) && 'name' in part) return { ...part, name: `n${String(index)}` };
  if (typeof part === 'number') return 1 + ((part + 7 * index) % 65535);
  if (typeof part === 'string' && part.includes('/'))
    return `2001:db8:${(index * 40503).toString(16).slice(-4)}::/64`;
  return typeof part === 'string' ? `${part}${String(index)}` : part;
}

const sizeOf = (part: Json): number => {
  if (isList(part)) return 1 + part.reduce((sum: number, each) => sum + sizeOf(each), 0);
  if (isMapping(part)) return 1 + Object.values(part).reduce((sum: number, each) => sum + sizeOf(each), 0);
  return 1;
};

/** Changes the part with that number, counted depth first. */
function changed(whole: Json, at: number, how: Change): Json | undefined {
  if (at === 0) return how(whole);
  let left = at - 1;
  const within = (part: Json): Json | undefined => {
    const size = sizeOf(part);
    const here = left;
    left -= size;
    return here >= 0 && here < size ? changed(part, here, how) : part;
  };
  if (isList(whole)) return whole.map(within).filter((each) => each !== undefined);
  if (!isMapping(whole)) return whole;
  return fromEntries(
    Object.entries(whole).flatMap(([key, part]) => {
      const other = within(part);
      return other === undefined ? [] : [[key, other] as const];
    }),
  );
}

const far = (index: number) => `${(1024 * (index % 64) + 1).toString(16)}::${(index + 1).toString(16)}/128`;
const range = (index: number) => `${String(1000 + 20 * index)}-${String(1010 + 20 * index)}`;
const times = <T>(count: number, make: (index: number) => T) =>
  Array.from({ length: count }, (_, i) => make(i));

/** A rule that asks for as much as so many bytes can. */
const wasteful: fc.Arbitrary<Json> = fc
  .record({
    blocks: fc.integer({ min: 1, max: 2 }),
    excepts: fc.integer({ min: 30, max: 64 }),
    ports: fc.constantFrom(1, 50, 64),
  })
  .map(({ blocks, excepts, ports }) => ({
    mode: 'Enforce',
    namespaces: [
      {
        name: 'g',
        namespaceSelector: { matchLabels: { team: 'p' } },
        egress: [
          {
            name: 'r',
            pods: {},
            to: times(blocks, (block) => ({
              ipBlock: { cidr: '::/0', except: times(excepts, (index) => far(64 * block + index)) },
            })),
            ports: times(ports, range),
          },
        ],
      },
    ],
  }));

const valid: fc.Arbitrary<Json> = firewalls
  .chain(withNodes)
  .map(([firewall]) => JSON.parse(JSON.stringify(firewall?.spec ?? null)) as Json);

/** Each is at most 4 kB of JSON. About a third of them are valid. */
export const hostileDocument: fc.Arbitrary<Json> = fc
  .record({
    spec: fc.oneof({ weight: 200, arbitrary: valid }, { weight: 1, arbitrary: wasteful }),
    name: fc.oneof({ weight: 9, arbitrary: fc.constant<Json>('default') }, { weight: 1, arbitrary: value }),
    changes: fc.array(fc.tuple(fc.nat(), change), { maxLength: 3 }),
  })
  .map(({ spec, name, changes }) => {
    let whole: Json = spec;
    for (const [at, how] of changes) whole = changed(whole, at % sizeOf(whole), how) ?? null;
    return {
      apiVersion: 'clusterfirewall.io/v1alpha1',
      kind: 'ClusterFirewall',
      metadata: { name },
      spec: whole,
    };
  })
  .filter((document) => JSON.stringify(document).length <= BYTES);
