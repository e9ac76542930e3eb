import { describe, expect, test } from '@jest/globals';
import type { Metadata, StoredObject } from '../../cluster/resource.ts';
import type { DesiredObject } from '../../compiler/types.ts';
import { allow, deny, open, storedObject } from '../testing/objects.ts';
import { Authorship } from './authorship.ts';
import { desiredHash } from './content-hash.ts';
import { projectLive, type LiveObject } from './live.ts';
import { SIGNATURE } from './ownership.ts';

const web = allow({ name: 'cfw-web', namespace: 'shop', rules: ['default/shop/ingress/web'] });

/** The stored form of what `author` writes. */
const written = (author: Authorship, desired: DesiredObject = web): StoredObject =>
  storedObject({ ...desired, object: author.signed(desired.object) });
const live = (object: StoredObject): LiveObject => projectLive('NetworkPolicy', new Set())(object);
const isOurs = (author: Authorship, object: LiveObject): boolean =>
  author.judged([object]).every((each) => each.ours && !each.isOpen);
/** A process that knows the keys of others. */
function successor(...others: readonly Authorship[]): Authorship {
  const author = new Authorship();
  for (const { keys } of others) author.learn(keys);
  return author;
}
const altered = ({ metadata, ...rest }: StoredObject, change: Partial<Metadata>): StoredObject => ({
  ...rest,
  metadata: { ...metadata, ...change },
});

describe('a policy of a namespace', () => {
  test('is ours where this process has signed it, or an earlier one', () => {
    const first = new Authorship();
    const stored = live(written(first));
    expect(isOurs(first, stored)).toBe(true);
    expect(isOurs(successor(first), stored)).toBe(true);
    expect(isOurs(successor(successor(first)), stored)).toBe(true);
    expect(isOurs(new Authorship(), stored)).toBe(false);
  });

  test('is not ours by its name, labels and annotations', () => {
    expect(isOurs(new Authorship(), open(web))).toBe(false);
  });

  test.each<[what: string, forge: (ours: StoredObject) => StoredObject]>([
    ['another content', (ours) => ({ ...ours, spec: { ...web.object.spec, selector: 'has(x)' } })],
    [
      'another rule',
      (ours) => altered(ours, { annotations: { ...ours.metadata.annotations, [RULES]: 'x/y' } }),
    ],
    [
      'another firewall',
      (ours) => altered(ours, { labels: { ...ours.metadata.labels, [FIREWALL]: 'team' } }),
    ],
    ['another name', (ours) => altered(ours, { name: 'cfw-other' })],
    ['another namespace', (ours) => altered(ours, { namespace: 'evil' })],
    ['no signature', (ours) => signed(ours, undefined)],
    ['no key', (ours) => signed(ours, '.abc')],
    ['no text', (ours) => signed(ours, (ours.metadata.annotations?.[SIGNATURE] ?? '').slice(0, 9))],
    ['an empty signature', (ours) => signed(ours, '')],
  ])('is not ours with the signature of one of ours and %s', (_, forge) => {
    const author = new Authorship();
    const forged = live(forge(written(author)));
    expect(isOurs(author, forged)).toBe(false);
    expect(isOurs(successor(author), forged)).toBe(false);
  });

  test('is not ours with the signature of its staged twin', () => {
    const author = new Authorship();
    const staged = projectLive('StagedNetworkPolicy', new Set())(written(author));
    expect(isOurs(author, staged)).toBe(false);
  });

  test('is ours where it was as desired, whoever wrote it, until its content changes', () => {
    const author = new Authorship();
    const copy = open(web);
    if (!copy.ours) throw new Error('it wears our labels');
    author.vouch(copy);
    expect(isOurs(author, copy)).toBe(true);
    expect(isOurs(author, { ...copy, resourceVersion: '2' })).toBe(true);
    expect(isOurs(author, { ...copy, hash: 'other' })).toBe(false);
  });

  test('is looked at again when the key of its author comes late', () => {
    const [author, reader] = [new Authorship(), new Authorship()];
    const stored = live(written(author));
    expect(isOurs(reader, stored)).toBe(false);
    reader.learn(author.keys);
    expect(isOurs(reader, stored)).toBe(true);
  });

  test('is not ours where it came back after we had removed it, until we write it again', () => {
    const author = new Authorship();
    const first = written(author);
    const stored = live(first);
    const again = live(altered(first, { uid: 'again' }));
    if (!stored.ours) throw new Error('it is ours');
    author.removed(stored);
    expect(isOurs(author, stored)).toBe(true);
    expect(isOurs(author, again)).toBe(false);
    author.signed(web.object);
    expect(isOurs(author, again)).toBe(true);
  });

  test('is remembered as removed while it is among the latest ten thousand', () => {
    const author = new Authorship();
    const first = written(author);
    const stored = live(first);
    if (!stored.ours) throw new Error('it is ours');
    const again = live(altered(first, { uid: 'again' }));
    const remove = (times: number): void => {
      for (let index = 0; index < times; index += 1)
        author.removed({ ...stored, id: `NetworkPolicy/shop/${String(index)}` as typeof stored.id });
    };
    author.removed(stored);
    remove(9999);
    expect(isOurs(author, again)).toBe(false);
    remove(10_000);
    expect(isOurs(author, again)).toBe(true);
  });

  test('has the content of a signature from one process to the next', () => {
    const [a, b] = [new Authorship(), new Authorship()];
    expect(a.signed(web.object)).not.toEqual(b.signed(web.object));
    expect(desiredHash(a.signed(web.object))).toBe(desiredHash(web.object));
  });
});

describe('an object of the cluster', () => {
  const closing = deny({ name: 'deny' });

  test('carries no signature, and is ours by its labels', () => {
    const author = new Authorship();
    expect(author.signed(closing.object)).toBe(closing.object);
    expect(author.judged([open(closing)])).toEqual([open(closing)]);
    expect(open(closing)).toMatchObject({ ours: true, isOpen: false });
    expect(author.wrote('GlobalNetworkPolicy', storedObject(closing))).toBe(true);
  });
});

test('a whole policy is ours as it was when it was judged, and not with another content', () => {
  const author = new Authorship();
  const stored = written(author);
  expect(author.wrote('NetworkPolicy', stored)).toBe(false);
  author.judged([live(stored)]);
  expect(author.wrote('NetworkPolicy', stored)).toBe(true);
  expect(author.wrote('NetworkPolicy', { ...stored, spec: {} })).toBe(false);
  author.judged([]);
  expect(author.wrote('NetworkPolicy', stored)).toBe(false);
});

describe('the keys', () => {
  test('of the latest hundred processes are kept, this one among them', () => {
    const authors = Array.from({ length: 101 }, () => new Authorship());
    const last = successor(...authors);
    const { keys } = last;
    expect(keys.split(',')).toHaveLength(100);
    expect(isOurs(successor(last), live(written(authors[1] ?? last)))).toBe(false);
    expect(isOurs(successor(last), live(written(authors[2] ?? last)))).toBe(true);
    expect(isOurs(successor(last), live(written(last)))).toBe(true);
  });

  test('of a longer text, the last hundred are learned', () => {
    const [first, last] = [new Authorship(), new Authorship()];
    const others = Array.from({ length: 99 }, () => new Authorship().keys);
    const reader = new Authorship();
    reader.learn([first.keys, ...others, last.keys].join());
    expect(isOurs(reader, live(written(first)))).toBe(false);
    expect(isOurs(reader, live(written(last)))).toBe(true);
  });

  test.each([undefined, '', ',', 'x', 'clusterfirewall', `${'x'.repeat(43)},é`])(
    'that are none are ignored: %s',
    (text) => {
      const author = new Authorship();
      author.learn(text);
      expect(isOurs(author, live(written(author)))).toBe(true);
    },
  );
});

const RULES = 'clusterfirewall.io/rules';
const FIREWALL = 'clusterfirewall.io/firewall';

function signed(ours: StoredObject, signature: string | undefined): StoredObject {
  const others = Object.entries(ours.metadata.annotations ?? {}).filter(([key]) => key !== SIGNATURE);
  const own = signature === undefined ? [] : [[SIGNATURE, signature] as const];
  return altered(ours, { annotations: Object.fromEntries([...others, ...own]) });
}
