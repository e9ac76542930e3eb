import { expect, test } from '@jest/globals';
import { cellOf } from '../../../src/simulator/cells.ts';
import { Connectivity } from '../../../src/simulator/connectivity.ts';
import { Pairs, type Member } from '../../../src/simulator/pairs.ts';
import { partiesOf, type Party } from '../../../src/simulator/parties.ts';
import { Prepared } from '../../../src/simulator/prepared.ts';
import { readWorld } from '../../../src/simulator/snapshot.ts';
import { podName, type World } from '../../../src/simulator/world.ts';
import { formatAddress } from '../../../src/net/cidr.ts';
import { seeded, type Random } from '../../harness/random.ts';
import { generate } from '../generate.ts';
import { offline } from '../offline.ts';
import { randomHeader } from './headers.ts';

const CLUSTERS = Number(process.env['FUZZ_RUNS'] ?? '40');
const PACKETS = 120;

/** Half of the clusters have no host endpoints, where verdicts between pods take a shorter way. */
function worldOf(random: Random, seed: number): World {
  const world = readWorld(offline(generate(random)).stored);
  return seed % 2 === 0 ? { ...world, hostEndpoints: [] } : world;
}

function randomMember(
  random: Random,
  { pods, nodes }: World,
  outside: readonly Party[],
  family: 4 | 6,
): Member {
  const kind = random.pick(['pod', 'pod', 'pod', 'node', 'outside'] as const);
  if (kind === 'pod') return { kind, name: podName(random.pick(pods)) };
  if (kind === 'node') return { kind, name: random.pick(nodes).name };
  const classes = outside.flatMap((party) =>
    party.kind === 'outside' && party.class.family === family ? [party.class] : [],
  );
  const { from, to } = random.pick(random.pick(classes).ranges);
  const value = random.pick([from, to, (from + to) / 2n]);
  return { kind, address: formatAddress({ family, value, prefix: family === 4 ? 32 : 128 }) };
}

function partyOf(parties: readonly Party[], member: Member, prepared: Prepared): Party {
  const found = parties.find((party) => {
    if (party.kind !== 'outside')
      return (
        member.kind !== 'outside' && party.kind === `${member.kind}s` && party.names.includes(member.name)
      );
    if (member.kind !== 'outside') return false;
    const { family, value } = prepared.party(member.address);
    return (
      party.class.family === family && party.class.ranges.some(({ from, to }) => from <= value && value <= to)
    );
  });
  if (found === undefined) throw new Error(`no party of ${JSON.stringify(member)}`);
  return found;
}

const nodeOf = (prepared: Prepared, member: Member): string =>
  member.kind === 'pod' ? (prepared.pod(member.name)?.node ?? '') : member.kind === 'node' ? member.name : '';

test('the verdict about two parties is the verdict about every packet between any two of their members', () => {
  let checked = 0;
  for (let seed = 1; seed <= CLUSTERS; seed++) {
    const random = seeded(seed * 6007);
    const [world, other] = [worldOf(random, seed), worldOf(random, seed)];
    const prepared = new Prepared(world);
    // Parties of two worlds are finer than those of each, and as true for both.
    const { all, cells } = partiesOf([
      prepared,
      new Prepared({ ...other, pods: world.pods, nodes: world.nodes }),
    ]);
    const connectivity = new Connectivity(prepared, cells);
    for (let number = 0; number < PACKETS; number++) {
      const family = random.pick([4, 6] as const);
      const header = randomHeader(random, family);
      const from = randomMember(random, world, all, family);
      const to = randomMember(random, world, all, family);
      const expected = connectivity.follow({ from, to }, header)?.verdict;
      const isSame = JSON.stringify(from) === JSON.stringify(to);
      if (isSame || (from.kind === 'outside' && to.kind === 'outside') || expected === undefined) continue;
      const isNear = nodeOf(prepared, from) === nodeOf(prepared, to);
      const found = new Pairs(prepared)
        .of(partyOf(all, from, prepared), partyOf(all, to, prepared))
        .find(({ placement }) => placement === 'anywhere' || (placement === 'same node') === isNear);
      const where = JSON.stringify({ seed, header, from, to });
      const index = cells[family].indexOf(cellOf(cells[family], header));
      const verdicts = found && connectivity.verdicts(found.from, found.to, family);
      expect([where, verdicts?.[index]]).toEqual([where, expected]);
      checked++;
    }
  }
  expect(checked).toBeGreaterThan(CLUSTERS * 60);
});
