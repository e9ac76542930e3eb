import { expect, test } from '@jest/globals';
import { cellOf, cellsOf } from '../../../src/simulator/cells.ts';
import { Classes, pairOf } from '../../../src/simulator/classes.ts';
import type { Header } from '../../../src/simulator/packet.ts';
import { Prepared } from '../../../src/simulator/prepared.ts';
import { readWorld } from '../../../src/simulator/snapshot.ts';
import { podName, type Pod } from '../../../src/simulator/world.ts';
import { walk, type Origin } from '../../../src/simulator/walk.ts';
import { formatAddress } from '../../../src/net/cidr.ts';
import { seeded, type Random } from '../../harness/random.ts';
import { generate } from '../generate.ts';
import { offline } from '../offline.ts';
import { randomHeader } from './headers.ts';

const CLUSTERS = Number(process.env['FUZZ_RUNS'] ?? '40');
const PACKETS = 60;

const addressOf = (pod: Pod, family: 4 | 6): string =>
  pod.addresses.find((address) => address.includes(':') === (family === 6)) ?? '';

/** An address anywhere, at the edges of the CIDRs in the world. */
function randomOutside(random: Random, classes: Classes, family: 4 | 6): string {
  const { ranges } = random.pick(classes.outside.filter((each) => each.family === family));
  const { from, to } = random.pick(ranges);
  const value = random.pick([from, to, (from + to) / 2n]);
  return formatAddress({ family, value, prefix: family === 4 ? 32 : 128 });
}

test('the verdict about a class is the verdict about each of its members', () => {
  let checked = 0;
  for (let seed = 1; seed <= CLUSTERS; seed++) {
    const random = seeded(seed * 7919);
    const prepared = new Prepared(readWorld(offline(generate(random)).stored));
    const classes = new Classes(prepared);
    const cells = { 4: cellsOf([prepared], 4), 6: cellsOf([prepared], 6) };
    for (let number = 0; number < PACKETS; number++) {
      const family = random.pick([4, 6] as const);
      const header = randomHeader(random, family);
      const cell = cellOf(cells[family], header).header;
      const [a, b] = [random.pick(prepared.world.pods), random.pick(prepared.world.pods)];
      if (a === b) continue;
      const ask = (origin: Origin, of: Header, source: string, destination: string): string =>
        walk(prepared, origin, of, { source, destination, port: of.port }).verdict;
      const between = (from: Pod, to: Pod, of: Header): string =>
        ask({ kind: 'pod', pod: from }, of, addressOf(from, family), addressOf(to, family));
      const pair = pairOf(classes.classOf(a), classes.classOf(b), a.node === b.node);
      if (pair === undefined) throw new Error(`${podName(a)} and ${podName(b)} are such a pair`);
      const where = JSON.stringify({ seed, header, a: podName(a), b: podName(b) });
      expect([where, between(...pair, cell)]).toEqual([where, between(a, b, header)]);

      const address = randomOutside(random, classes, family);
      const outside = classes.outsideClassOf(address);
      if (outside === undefined) throw new Error(`${address} is outside`);
      const first = classes.classOf(a).pods[0];
      const out = (pod: Pod, to: string, of: Header): string =>
        ask({ kind: 'pod', pod }, of, addressOf(pod, family), to);
      expect([where, address, out(first, outside.example, cell)]).toEqual([
        where,
        address,
        out(a, address, header),
      ]);
      const inward = (pod: Pod, from: string, of: Header): string => {
        const at = prepared.node(pod.node);
        if (at === undefined) throw new Error(`no node ${pod.node}`);
        return ask({ kind: 'outside', at }, of, from, addressOf(pod, family));
      };
      expect([where, address, inward(first, outside.example, cell)]).toEqual([
        where,
        address,
        inward(a, address, header),
      ]);
      checked += 3;
    }
  }
  expect(checked).toBeGreaterThan(CLUSTERS * PACKETS);
});
