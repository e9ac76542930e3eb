/**
 * Compares the node firewall with a second, slow opinion: testing/node-reading.ts with
 * testing/node-intent.ts.
 */
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { spec } from '../../api/schema.ts';
import { compile } from '../compile.ts';
import type { Cluster, Flow } from '../testing/cluster.ts';
import { describeFlow, endpointsOf } from '../testing/cluster.ts';
import { firewalls } from '../testing/generators.ts';
import { withNodes } from '../testing/node-generators.ts';
import { nodeIntentOf } from '../testing/node-intent.ts';
import { nodeReadingOf } from '../testing/node-reading.ts';
import { simulatedNodesOf } from '../testing/simulated.ts';
import { scene } from '../testing/surroundings.ts';
import { random, shuffled } from '../testing/variations.ts';
import { flawsOf } from '../testing/wellformed.ts';
import { UNKNOWN } from '../../inventory/known.ts';
import type { Inventory } from '../../inventory/types.ts';

const lists = firewalls.chain(withNodes);

const PROBES: readonly Pick<Flow, 'protocol' | 'port'>[] = [
  ...[22, 53, 80, 179, 2379, 5000, 5473, 6443, 9345, 9443, 10250, 10251, 10256, 10259, 30080].map((port) => ({
    protocol: 'TCP' as const,
    port,
  })),
  ...[53, 68, 546, 4789, 30053, 51820].map((port) => ({ protocol: 'UDP' as const, port })),
  { protocol: 'SCTP', port: 81 },
  { protocol: 'ICMP' },
  { protocol: 'GRE' },
];

const flowsOf = (cluster: Cluster): readonly Flow[] => {
  const ends = endpointsOf(cluster);
  return ends.flatMap((from) =>
    ends.flatMap((to) =>
      ([4, 6] as const)
        .filter(
          (ipVersion) =>
            from !== to && from.addresses[ipVersion] !== undefined && to.addresses[ipVersion] !== undefined,
        )
        .flatMap((ipVersion) => PROBES.map((probe) => ({ from, to, ipVersion, ...probe }))),
    ),
  );
};

const managed = (inventory: Inventory): Inventory => ({ ...inventory, automaticHostEndpoints: false });

/** An example takes about ten milliseconds. */
const SOME = { numRuns: Number(process.env['FUZZ_RUNS'] ?? 40) };

describe('objects of nodes', () => {
  // The second one is compared with Felix by packets (e2e/fuzz-felix).
  test.each([
    ['the slow reading', nodeReadingOf],
    ['the simulator', simulatedNodesOf],
  ])('let in at every node what the firewalls allow, in the opinion of %s', (_, opinion) => {
    let compared = 0;
    fc.assert(
      fc.property(lists, scene, (list, { cluster, inventory }) => {
        const known = managed(inventory);
        const { objects, problems } = compile(list, known);
        // Rules with a problem have tests of their own. Without nodes there is no endpoint.
        fc.pre(!problems.some(({ severity }) => severity === 'problem') && known.nodes !== UNKNOWN);
        const read = opinion(
          objects.map(({ object }) => object),
          cluster,
        );
        const meant = nodeIntentOf(list, known, cluster);
        const flows = flowsOf(cluster);
        for (const at of cluster.nodes) {
          for (const flow of flows) {
            for (const layer of ['ports', 'host'] as const) {
              if (layer === 'host' && flow.to !== at) continue;
              if (flow.from === at) continue;
              const verdicts = [read(at, layer, flow), meant(at, layer, flow)];
              compared += 1;
              if (verdicts[0] !== verdicts[1])
                throw new Error(
                  `${at.id} ${layer} ${describeFlow(flow)}: ${String(verdicts[0])}, meant ${String(verdicts[1])}`,
                );
            }
          }
        }
      }),
      { numRuns: Number(process.env['FUZZ_RUNS'] ?? 8) },
    );
    expect(compared).toBeGreaterThan(0);
  });

  test('are accepted by Calico', () => {
    fc.assert(
      fc.property(lists, scene, fc.boolean(), (list, { inventory }, automatic) => {
        for (const firewall of list) spec.parse(firewall.spec);
        const { objects } = compile(list, { ...inventory, automaticHostEndpoints: automatic });
        expect(flawsOf(objects.map(({ object }) => object))).toEqual([]);
      }),
      SOME,
    );
  });

  test('are the same bytes whatever the order of lists and keys', () => {
    fc.assert(
      fc.property(lists, scene, random, (list, { inventory }, chance) => {
        const other = compile(shuffled(list, chance), shuffled(managed(inventory), chance));
        const one = compile(list, managed(inventory));
        expect(JSON.stringify(other.objects)).toBe(JSON.stringify(one.objects));
        expect(other.labelledNodes).toEqual(one.labelledNodes);
      }),
      SOME,
    );
  });
});
