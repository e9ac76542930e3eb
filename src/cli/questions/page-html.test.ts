import { inflateRawSync } from 'node:zlib';
import { expect, test } from '@jest/globals';
import type { PageData, PageParty } from '../../page/data.ts';
import { unpacked, type PackedData } from '../../page/differences.ts';
import { pageOf } from './page-html.ts';

const CLASSES = 500;
const FLOWS = 20;
const count = (size: number): readonly number[] => [...Array(size).keys()];

/** The same numbers in each run. */
let seed = 7;
const random = (below: number): number => {
  seed = (seed * 48_271) % 2_147_483_647;
  return seed % below;
};

/** Every class has rules of its own for what leaves it and for what comes in, so that no two cells are alike. */
function worstCase(): PageData {
  const party = (index: number): PageParty => ({
    kind: 'pods',
    name: `team-${String(index)}/app=program-${String(index % 7)}`,
    members: [`team-${String(index)}/program-${String(index * 7919)}`],
  });
  const reasons = (direction: string, offset: number) =>
    count(CLASSES).map(
      (index) =>
        `${direction} the pod: allowed by the rule default/team-${String(index)}/${direction}/r. It is at firewall.yaml:${String(index * 9 + offset)}, spec.namespaces[${String(index)}].${direction}[0].`,
    );
  const cells = count(CLASSES).flatMap((row) => count(CLASSES).map((column) => [row, column] as const));
  return {
    about: [],
    gaps: [],
    sources: count(CLASSES).map(party),
    destinations: count(CLASSES).map(party),
    reasons: [...reasons('egress', 3), ...reasons('ingress', 5), 'into the pod: the default deny closes it'],
    flows: count(FLOWS).map((port) => ({ verdict: 'Allowed', ports: [`${String(port)}/TCP`], where: '' })),
    contents: cells.map(([row, column]) => [
      [random(FLOWS), row, CLASSES + column],
      [random(FLOWS), row, 2 * CLASSES],
      [random(FLOWS), CLASSES + column],
    ]),
    table: count(CLASSES).map((row) => count(CLASSES).map((column) => row * CLASSES + column)),
  };
}

test('a page of 500 classes has less than 2 MB even where no two cells are alike, and nothing is lost', () => {
  const data = worstCase();
  const html = pageOf(data);
  expect(html.length).toBeLessThan(2e6);
  const compressed = /id="data">([^<]*)</.exec(html)?.[1] ?? '';
  const text = inflateRawSync(Buffer.from(compressed, 'base64')).toString();
  // A comparison by fields of 250,000 cells takes minutes.
  expect(JSON.stringify(unpacked(JSON.parse(text) as PackedData)) === JSON.stringify(data)).toBe(true);
});
