import { expect, test } from '@jest/globals';
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { Prepared } from '../../../src/simulator/prepared.ts';
import { readWorld } from '../../../src/simulator/snapshot.ts';
import { simulate } from '../packets.ts';
import type { Fixture } from '../shrink.ts';

const FOLDER = path.resolve(import.meta.dirname, '../fixtures');

/** Each was a disagreement once, made small on a cluster. */
test.each(readdirSync(FOLDER).filter((name) => name.endsWith('.json')))('%s ends as on Felix', (name) => {
  const { stored, packet, sources, felix, source } = JSON.parse(
    readFileSync(path.join(FOLDER, name), 'utf8'),
  ) as Fixture;
  const outcome = simulate(new Prepared(readWorld(stored)), packet, sources);
  expect(outcome.verdict).toBe(felix);
  if (source !== undefined) expect(outcome.decisive.source).toBe(source);
});
