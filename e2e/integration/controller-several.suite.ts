/** Many ClusterFirewalls at once that come and go in any order. */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { get } from '../../src/cluster/objects/apply.ts';
import { kindResource } from '../../src/controller/objects/kinds.ts';
import { conditionOf, eventually, firewall, rule, type Rig } from './controller-harness.ts';

const COUNT = 50;
const NAMES = Array.from({ length: COUNT }, (_, index) => `team-${String(index)}`);

/** SEED=42 repeats a run. */
const seed = Number(process.env['SEED'] ?? Date.now() % 2 ** 31);

/** Repeatable numbers in [0, 1): a linear congruential generator (Numerical Recipes). */
function numbers(state: number): () => number {
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

const shuffled = <T>(items: readonly T[], random: () => number): readonly T[] =>
  items
    .map((item) => ({ item, place: random() }))
    .sort((a, b) => a.place - b.place)
    .map(({ item }) => item);

/** One rule in a namespace of the team's own, and one in a namespace in which all teams have rules. */
const team = (name: string, ruleName = 'web') =>
  firewall(
    {
      namespaces: [
        { name: 'own', namespaces: [`ns-${name}`], ingress: [rule(ruleName)] },
        { name: 'shared', namespaces: ['wordpress'], ingress: [{ ...rule(ruleName), ports: [81] }] },
      ],
    },
    name,
  );

const strangers = ['GlobalNetworkPolicy', 'NetworkPolicy'].map((kind) => ({
  apiVersion: 'projectcalico.org/v3',
  kind,
  metadata: { name: 'cfw-of-somebody-else', ...(kind === 'NetworkPolicy' && { namespace: 'wordpress' }) },
  spec: { order: 5, selector: "app == 'theirs'", types: ['Ingress'] },
}));

export const several = (rig: () => Rig): void => {
  describe(`${String(COUNT)} firewalls in addition to default, SEED=${String(seed)}`, () => {
    const random = numbers(seed);
    const alive = new Set<string>();
    beforeAll(async () => {
      await rig().apply(firewall(), ...strangers);
      await rig().ready();
    }, 60_000);
    afterAll(async () => {
      await rig().cluster.kubectl(['delete', '-f', '-'], {
        input: JSON.stringify({ apiVersion: 'v1', kind: 'List', items: strangers }),
      });
      await rig().clear();
    }, 90_000);

    /**
     * Versions of permanent objects. Bridges belong to default and come and go with changes of any firewall
     * (src/controller/plan/bridges.ts).
     */
    const versionsOf = async (name?: string): Promise<unknown> =>
      (await rig().generated(name))
        .filter(({ metadata }) => !metadata.name.includes('-defaults-bridge-'))
        .map(({ metadata }) => [metadata.name, metadata.resourceVersion]);
    const theirs = (): Promise<unknown> =>
      Promise.all(
        strangers.map(async ({ kind, metadata: { name, namespace } }) => {
          const resource = kindResource(kind === 'NetworkPolicy' ? kind : 'GlobalNetworkPolicy', namespace);
          return (await get(rig().transport, resource, name))?.metadata.resourceVersion;
        }),
      );
    const put = async (names: readonly string[], ruleName?: string): Promise<void> => {
      await rig().apply(...names.map((name) => team(name, ruleName)));
      for (const name of names) alive.add(name);
    };
    const remove = async (names: readonly string[], ...args: readonly string[]): Promise<void> => {
      await rig().cluster.kubectl(['delete', 'clusterfirewall', ...names, ...args]);
      for (const name of names) alive.delete(name);
    };
    const some = (names: Iterable<string>, count: number): readonly string[] =>
      shuffled([...names], random).slice(0, count);
    const settled = (): Promise<void> =>
      eventually(async () => {
        const all = await rig().list('clusterfirewalls');
        const names = all.map(({ metadata }) => metadata.name).filter((name) => name !== 'default');
        if (names.toSorted().join() !== [...alive].toSorted().join()) return false;
        const statuses = await Promise.all(names.map((name) => rig().status(name)));
        return (
          all.length === alive.size + 1 &&
          statuses.every((each) => each !== undefined && conditionOf(each, 'Ready')?.status === 'True')
        );
      }, 'all to be Ready, and none but those');

    test("are all programmed, while others are edited, deleted and created again, and nobody else's object is touched", async () => {
      const before = { default: await versionsOf(), theirs: await theirs() };
      const written = (await rig().writes()).length;
      await put(NAMES);
      await remove(some(alive, COUNT / 2), '--wait=false');
      await put(some(alive, 10), 'site');
      await remove(some(alive, 5), '--wait=false');
      await settled();
      await put(
        some(
          NAMES.filter((name) => !alive.has(name)),
          10,
        ),
      );
      await settled();
      expect(await versionsOf()).toEqual(before.default);
      expect(await theirs()).toEqual(before.theirs);
      const objects = (await rig().writes())
        .slice(written)
        .filter(({ target }) => target.includes('policies/'));
      expect(objects.filter(({ target }) => !/\/cfw-(team|default-defaults-bridge)-/.test(target))).toEqual(
        [],
      );
    });

    test('each have exactly the objects that their status counts', async () => {
      for (const name of some(alive, 5)) {
        const { policies } = (await rig().status(name)) ?? {};
        expect((await rig().generated(name)).length).toBe(policies?.desired);
      }
    });

    test('have no objects when default goes, and are programmed again when it returns', async () => {
      await rig().cluster.kubectl(['delete', 'clusterfirewall', 'default', '--timeout=60s']);
      const [one = ''] = alive;
      await rig().statusThat(
        (each) => conditionOf(each, 'Ready')?.reason === 'NoDefaultFirewall',
        'waits',
        one,
      );
      await eventually(async () => (await rig().generated(one)).length === 0, 'no objects');
      await rig().apply(firewall());
      await settled();
    });

    test('leave nothing behind, whatever the order of deletion', async () => {
      const before = { default: await versionsOf(), theirs: await theirs() };
      for (const name of shuffled([...alive], random)) await remove([name], '--wait=false');
      await settled();
      for (const name of NAMES) expect([name, await rig().generated(name)]).toEqual([name, []]);
      expect(await versionsOf()).toEqual(before.default);
      expect(await theirs()).toEqual(before.theirs);
    });
  });
};
