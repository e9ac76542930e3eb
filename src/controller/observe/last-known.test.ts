import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { recordingLogger } from '../../cluster/testing/logs.ts';
import type { StoredObject } from '../../cluster/resource.ts';
import { readIPPool } from '../../inventory/calico.ts';
import { both, LastKnown } from './last-known.ts';

const A = '10.1.0.0/16';
const B = '10.2.0.0/16';
const ODD = '10.3.0.1/16';

const pool = (cidr: string, uid = 'u'): StoredObject => ({
  metadata: { name: 'pool', uid, resourceVersion: '1' },
  spec: { cidr },
});

function setup() {
  const log = recordingLogger();
  const lastKnown = new LastKnown<readonly string[]>({ read: readIPPool, keep: both, log });
  const read = (cidr: string, { uid = 'u', hasSynced = true } = {}) => {
    const { value, unreadable } = lastKnown.project(pool(cidr, uid), hasSynced);
    return { value, lost: unreadable.map(({ isLost }) => isLost) };
  };
  return { lastKnown, log, read };
}

describe('an object that cannot be read any more', () => {
  test('keeps what it had, until it can be read again', () => {
    const { read } = setup();
    expect(read(A)).toEqual({ value: [A], lost: [] });
    expect(read(ODD)).toEqual({ value: [A], lost: [false] });
    expect(read('rubbish')).toEqual({ value: [A], lost: [false] });
    expect(read(B)).toEqual({ value: [B], lost: [] });
    expect(read(ODD)).toEqual({ value: [B], lost: [false] });
  });

  test('is forgotten when it is gone, and its successor inherits nothing', () => {
    const { lastKnown, read } = setup();
    const old = lastKnown.project(pool(A), true);
    lastKnown.note({ type: 'deleted', key: 'pool', old });
    expect(read(ODD).value).toEqual([]);
    expect(read(A, { uid: 'v' }).value).toEqual([A]);
    expect(read(ODD, { uid: 'w' }).value).toEqual([]);
  });

  test('is lost if nobody knows it from before, in every version until it can be read', () => {
    const { read } = setup();
    expect(read(ODD, { hasSynced: false })).toEqual({ value: [], lost: [true] });
    expect(read('rubbish')).toEqual({ value: [], lost: [true] });
    expect(read(A)).toEqual({ value: [A], lost: [] });
    expect(read(ODD)).toEqual({ value: [A], lost: [false] });
  });

  test('has lost nothing if it was made like that', () => {
    const { read } = setup();
    expect(read(ODD)).toEqual({ value: [], lost: [false] });
    expect(read(ODD)).toEqual({ value: [], lost: [false] });
  });

  test('is in the log once for each flaw', () => {
    const { log, read } = setup();
    for (const cidr of [ODD, ODD, A, ODD, 'rubbish']) read(cidr);
    expect(log.lines.map(({ level, fields }) => [level, (fields as { field: string }).field])).toEqual(
      new Array(3).fill(['warn', 'spec.cidr']),
    );
  });
});

test('versions that are read twice, as by a list after a broken list, change nothing', () => {
  const version = fc.record({ cidr: fc.constantFrom(A, B, ODD, 'rubbish'), hasSynced: fc.boolean() });
  fc.assert(
    fc.property(fc.array(version, { minLength: 1 }), fc.array(fc.nat(3)), (versions, repeats) => {
      const inOrder = versions.toSorted((a, b) => Number(a.hasSynced) - Number(b.hasSynced));
      const once = setup();
      const often = setup();
      inOrder.forEach(({ cidr, hasSynced }, index) => {
        const wanted = once.read(cidr, { hasSynced });
        for (let again = 0; again <= (repeats[index] ?? 0); again += 1)
          expect(often.read(cidr, { hasSynced })).toEqual(wanted);
        if (inOrder.slice(0, index).some((before) => [A, B].includes(before.cidr)))
          expect(wanted.value).not.toEqual([]);
      });
    }),
  );
});
