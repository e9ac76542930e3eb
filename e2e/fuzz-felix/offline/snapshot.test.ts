import { expect, test } from '@jest/globals';
import { readWorld } from '../../../src/simulator/snapshot.ts';
import { apiVersionOf, SNAPSHOT_KINDS } from '../../../src/snapshot/kinds.ts';
import { reduce } from '../../../src/snapshot/reduce.ts';
import { seeded } from '../../harness/random.ts';
import { generate } from '../generate.ts';
import { offline } from '../offline.ts';
import type { RoundObject } from '../store.ts';

const CLUSTERS = Number(process.env['FUZZ_RUNS'] ?? '60');

function reduced(object: RoundObject): unknown {
  const apiVersion = object.apiVersion.replace('crd.projectcalico.org/v1', 'projectcalico.org/v3');
  const kind = SNAPSHOT_KINDS.find((each) => each.kind === object.kind && apiVersionOf(each) === apiVersion);
  if (kind === undefined) throw new Error(`a snapshot has no ${object.apiVersion} ${object.kind}`);
  return { ...reduce(kind, object), apiVersion: object.apiVersion };
}

test('a snapshot keeps everything that the simulator reads', () => {
  for (let seed = 1; seed <= CLUSTERS; seed++) {
    const { stored } = offline(generate(seeded(seed * 104_729)));
    expect(readWorld(stored.map(reduced))).toEqual(readWorld(stored));
  }
});
