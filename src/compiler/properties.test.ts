/**
 * Compares the compiler with a second, slow opinion: testing/reading.ts says what Calico does with the
 * objects, testing/intent.ts what the firewalls mean. Neither shares code with the compiler.
 */
import { describe, expect, jest, test } from '@jest/globals';
import fc from 'fast-check';
import { type ClusterFirewall, spec } from '../api/schema.ts';
import type { GeneratedObject } from '../calico/types.ts';
import { compile } from './compile.ts';
import { type Cluster, type Flow, describeFlow } from './testing/cluster.ts';
import { firewalls } from './testing/generators.ts';
import { intentOf } from './testing/intent.ts';
import { type Verdict, readingOf } from './testing/reading.ts';
import { FEWER } from './testing/runs.ts';
import { simulatedOf } from './testing/simulated.ts';
import { flowsOf, scene } from './testing/surroundings.ts';
import {
  denyingAtTheEndOfTiers,
  forging,
  observing,
  ownLabels,
  random,
  shuffled,
  withoutGroupModes,
  withoutLocalCeilings,
  withUnknownPeer,
} from './testing/variations.ts';
import { flawsOf } from './testing/wellformed.ts';
import { knownOr } from '../inventory/known.ts';
import type { Inventory } from '../inventory/types.ts';
import type { Compile } from './types.ts';

/**
 * The selector limit is about as long as the longest selector that these firewalls need. Some fit, some must
 * be spread, some cannot be.
 */
const SMALL = { rules: 3, nets: 2, ports: 2, selector: 160 };

/** The same compiler with much smaller limits of Calico. */
const { compile: compileSmall } = await (async (): Promise<{ compile: Compile }> => {
  const actual = await import('../calico/limits.ts');
  jest.resetModules();
  jest.unstable_mockModule('../calico/limits.ts', () => ({
    ...actual,
    MAX_RULES: SMALL.rules,
    MAX_NETS: SMALL.nets,
    MAX_PORTS: SMALL.ports,
    MAX_SELECTOR: SMALL.selector,
  }));
  return import('./compile.ts');
})();

const objectsOf = (of: readonly ClusterFirewall[], inventory: Inventory): readonly GeneratedObject[] =>
  compile(of, inventory).objects.map(({ object }) => object);

type FlowVerdict = (flow: Flow) => Verdict;

/** Fails at the first flow whose two verdicts do not agree. */
function compareVerdicts(
  cluster: Cluster,
  [first, second]: readonly [FlowVerdict, FlowVerdict],
  agree: (first: boolean, second: boolean) => boolean = (a, b) => a === b,
): void {
  for (const flow of flowsOf(cluster)) {
    const [a, b] = [first(flow), second(flow)];
    if (agree(a.allowed, b.allowed)) continue;
    throw new Error(`${describeFlow(flow)}\n  first: ${describeVerdict(a)}\n  second: ${describeVerdict(b)}`);
  }
}

const describeVerdict = ({ allowed, by }: Verdict): string => `${allowed ? 'allowed' : 'denied'}: ${by}`;
/** Nothing is allowed after the change that was not allowed before it. */
const noMore = (before: boolean, after: boolean): boolean => before || !after;

describe('objects', () => {
  test('do what the firewalls say', () => {
    fc.assert(
      fc.property(firewalls, scene, (list, { cluster, inventory }) => {
        for (const firewall of list) spec.parse(firewall.spec);
        compareVerdicts(cluster, [
          intentOf(list, inventory, cluster),
          readingOf(objectsOf(list, inventory), cluster),
        ]);
      }),
      FEWER,
    );
  });

  test('do what the firewalls say, in the opinion of the simulator, which is compared with Felix', () => {
    fc.assert(
      fc.property(firewalls, scene, (list, { cluster, inventory }) => {
        compareVerdicts(cluster, [
          intentOf(list, inventory, cluster),
          simulatedOf(objectsOf(list, inventory), cluster),
        ]);
      }),
      FEWER,
    );
  });

  test('are accepted by Calico, and contain nothing unintended', () => {
    fc.assert(
      fc.property(firewalls, scene, (list, { inventory }) => {
        expect(flawsOf(objectsOf(list, inventory))).toEqual([]);
      }),
      FEWER,
    );
  });

  test('are the same bytes whatever the order of lists and keys', () => {
    fc.assert(
      fc.property(firewalls, scene, random, (list, { inventory }, chance) => {
        const other = compile(shuffled(list, chance), shuffled(inventory, chance));
        expect(JSON.stringify(other.objects)).toBe(JSON.stringify(compile(list, inventory).objects));
      }),
      FEWER,
    );
  });

  // Felix treats a missing tier as one that denies at its end. Every policy of the tier therefore ends in a
  // Pass of its own.
  test('do the same whatever the tier does at its end', () => {
    fc.assert(
      fc.property(firewalls, scene, (list, { cluster, inventory }) => {
        const objects = objectsOf(list, inventory);
        compareVerdicts(cluster, [
          readingOf(objects, cluster),
          readingOf(denyingAtTheEndOfTiers(objects), cluster),
        ]);
      }),
      FEWER,
    );
  });

  test('drop nothing while every firewall observes', () => {
    fc.assert(
      fc.property(firewalls, scene, (list, { cluster, inventory }) => {
        compareVerdicts(cluster, [
          readingOf([], cluster),
          readingOf(objectsOf(observing(list), inventory), cluster),
        ]);
      }),
      FEWER,
    );
  });
});

describe('splitting at the limits of Calico', () => {
  test('keeps the limits and changes no verdict, except for rules that cannot be split', () => {
    fc.assert(
      fc.property(firewalls, scene, (list, { cluster, inventory }) => {
        const small = compileSmall(list, inventory);
        const objects = small.objects.map(({ object }) => object);
        expect(flawsOf(objects, SMALL)).toEqual([]);
        const unsplit = small.problems
          .filter(({ reason }) => reason === 'TooManyNames' || reason === 'SelectorTooLong')
          .map(({ rule }) => rule);
        // A deny that cannot be written leaves its traffic open. An allow that cannot be written opens
        // nothing.
        fc.pre(!unsplit.some((rule) => /^default\/(defaults|guardrails)\//.test(rule)));
        compareVerdicts(
          cluster,
          [readingOf(objectsOf(list, inventory), cluster), readingOf(objects, cluster)],
          unsplit.length > 0 ? noMore : undefined,
        );
      }),
      FEWER,
    );
  });
});

describe('a rule with a problem', () => {
  const WHOLE_RULE: readonly string[] = [
    'UnknownPeer',
    'EntityUnresolved',
    'ResolvesToNothing',
    'NamedPortNeedsPods',
    'PortsNotAllowed',
    'TooManyNames',
    'SelectorTooLong',
  ];

  test('is in no object except a guardrail’s stand-in, and its stored objects are frozen', () => {
    fc.assert(
      fc.property(firewalls, scene, (list, { inventory }) => {
        const { objects, problems, frozen } = compileSmall(list, inventory);
        for (const { rule, reason } of problems.filter((each) => WHOLE_RULE.includes(each.reason))) {
          const isMeant = (id: string) => id === rule || id.startsWith(`${rule}/`);
          const carrying = objects.filter(({ rules, standIn }) => rules.some(isMeant) && standIn !== true);
          expect({ rule, reason, objects: carrying.map(({ object }) => object.metadata.name) }).toEqual({
            rule,
            reason,
            objects: [],
          });
          // The problem is reported once for all Services. Only the enforced ones are frozen.
          if (!rule.endsWith('/apiServerToPods')) expect(frozen).toContainEqual({ rule });
        }
      }),
      FEWER,
    );
  });
});

describe('nothing more is allowed', () => {
  test('by an entry with an unknown peer', () => {
    fc.assert(
      fc.property(firewalls, scene, random, (list, { cluster, inventory }, chance) => {
        const more = withUnknownPeer(list, chance);
        compareVerdicts(
          cluster,
          [readingOf(objectsOf(list, inventory), cluster), readingOf(objectsOf(more, inventory), cluster)],
          noMore,
        );
      }),
      FEWER,
    );
  });

  // Overlapping groups that disagree on a mode are distinguished by the names of namespaces, so the compiler
  // must know the names first.
  test('in a namespace that the compiler does not know yet', () => {
    fc.assert(
      fc.property(firewalls, scene, (list, { cluster, inventory }) => {
        const agreeing = withoutLocalCeilings(withoutGroupModes(list));
        const before = knownOr(inventory.namespaces, []).filter(({ name }) => name !== 'b');
        compareVerdicts(
          cluster,
          [
            readingOf(objectsOf(agreeing, inventory), cluster),
            readingOf(objectsOf(agreeing, { ...inventory, namespaces: before }), cluster),
          ],
          noMore,
        );
      }),
      FEWER,
    );
  });

  test("nor less, by a tenant's pod and NetworkSet with our labels", () => {
    fc.assert(
      fc.property(firewalls, scene, (list, { cluster, inventory }) => {
        // With small limits, peers become sets too.
        const objects = compileSmall(list, inventory).objects.map(({ object }) => object);
        compareVerdicts(cluster, [
          readingOf(objects, cluster),
          readingOf(objects, forging(cluster, ownLabels(objects))),
        ]);
      }),
      FEWER,
    );
  });
});
