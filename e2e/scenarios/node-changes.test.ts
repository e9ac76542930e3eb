/**
 * Changes of node firewalls under flows. Traffic that is allowed before and after a change is never dropped
 * in between, and refused traffic never passes. This holds even where the operator is killed during the
 * change: see `KILLS` and `SEED` in nodes/kills.ts. The node `edge` is in iptables mode, `worker` in nftables
 * mode.
 */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { StartedCluster } from '../cluster.ts';
import type { NodeSpec } from '../local/network/node.ts';
import { expectQuiet } from './changes.ts';
import { complaints } from './felix-logs.ts';
import { apply, conditions, nothingLeft, program } from '../harness/firewall.ts';
import type { FlowRow, Watch } from './flows.ts';
import { inMode, MORE, onOneNode, withFailsafes, ZONE_CHANGES } from './nodes/changes.ts';
import { counted } from './nodes/counted.ts';
import { BY_RULE, JOINING, KEPT, NARROWED, NO_NODE_YET, REFUSED, refusedAt } from './nodes/flows.ts';
import { startNodePlay, type NodePlay } from './nodes/play.ts';
import { START_WITHIN } from './nodes/stage.ts';
import * as nodeState from './nodes/node-state.ts';
import { ownManifest, readManifest } from './story.ts';

const WITHIN = 600_000;

/**
 * Machines that join during a change. The one with the automatic endpoint that Felix takes first, by name,
 * joins while no operator runs.
 */
const JOINERS: readonly NodeSpec[] = [
  { name: 'spare', dataplane: 'iptables', joined: false },
  { name: 'aks-1', dataplane: 'nftables', joined: false },
];
const NODES = ['control', 'worker', 'edge'];
const CASCADES = ['background', 'foreground', 'orphan'] as const;

/** A port that is no default failsafe of Felix, so its former value shows in the later one. */
const FORMER = [
  ...[22, 6443, 9100].map((port) => ({ protocol: 'tcp', port })),
  { protocol: 'udp', port: 68 },
];

const AUTOMATIC = 'to automatic host endpoints';
const OURS = 'to host endpoints of our own';
const AUTOMATIC_AGAIN = 'to automatic host endpoints with more nodes';
const DELETED_WITH_AUTOMATIC = 'delete with automatic host endpoints';

const KINDS = {
  zones: ZONE_CHANGES.map(({ what }) => what),
  modes: ['the first Enforce', 'Observe', 'Enforce after Observe', 'Disabled', 'Enforce on one node'],
  failsafes: ['failsafes: Managed', 'failsafes: Report'],
  endpoints: [AUTOMATIC, OURS, AUTOMATIC_AGAIN],
  deletion: [...CASCADES.map((mode) => `delete --cascade=${mode}`), DELETED_WITH_AUTOMATIC],
};

describe('a node firewall', () => {
  let started: NodePlay | undefined;
  const all = (): NodePlay => {
    if (started === undefined) throw new Error('the stage did not start: see the first error');
    return started;
  };
  const cluster = (): StartedCluster => all().stage.cluster;
  const flowing = (rows: readonly FlowRow[], play: (watch: Watch) => Promise<void>): Promise<void> =>
    all().director.flowing(rows, play);
  const change = (what: string, manifest: string): Promise<void> =>
    all().director.change(
      what,
      () => apply(cluster(), manifest),
      async () => {
        await conditions(cluster(), 'default', { Ready: 'True' });
        await cluster().policiesProgrammed();
      },
    );
  const deleted = (what: string, mode: (typeof CASCADES)[number]): Promise<void> =>
    all().director.change(
      what,
      () =>
        cluster().kubectl([
          ...['delete', 'clusterfirewall', 'default'],
          ...[`--cascade=${mode}`, '--timeout=60s'],
        ]),
      async () => {
        await nothingLeft(cluster());
        await expectQuiet(cluster());
        await cluster().policiesProgrammed();
      },
    );
  const manifest = (): Promise<string> => readManifest(ownManifest('node-changes.yaml'));

  beforeAll(async () => {
    started = await startNodePlay(KINDS, {
      nodes: JOINERS,
      controllers: ['garbage-collector-controller'],
    });
  }, START_WITHIN);

  afterAll(async () => {
    await started?.[Symbol.asyncDispose]();
  }, START_WITHIN);

  test(
    'S18 drops no packet that is allowed before and after: the first Enforce, every change of zones and mode',
    async () => {
      let current = await manifest();
      await flowing(KEPT, async () => {
        await flowing(BY_RULE, async () => {
          await change('the first Enforce', current);
          await flowing(REFUSED, async ({ mayPass }) => {
            for (const { what, of } of ZONE_CHANGES) {
              const next = of(current);
              if (next === current) throw new Error(`nothing changes although ${what}`);
              await change(what, next);
              current = next;
            }
            mayPass();
            await change('Observe', inMode('Observe')(current));
            for (const node of ['edge', 'worker'])
              await counted(cluster().node(node), { rule: 'default/nodes/deny', verdict: 'WouldDrop' });
          });
          await change('Enforce after Observe', current);
        });
        await flowing(REFUSED, async ({ mayPass }) => {
          await change('a zone is added again', current + MORE);
          mayPass();
          await change('Disabled', inMode('Disabled')(current));
        });
        await change('Enforce on one node', onOneNode(current));
        await change('Enforce on every node', current);
      });
    },
    WITHIN,
  );

  test(
    'S19 drops none when failsafes are narrowed and restored, as the status reports, and when the operator is upgraded',
    async () => {
      const { stage, director, operators } = all();
      const before = await manifest();
      const [blocked, stranger] = [
        { from: 'blocked', nodes: NODES, port: 22 },
        { from: 'world', nodes: NODES, port: 9100 },
      ];
      const stand = async (verdict: 'allowed' | 'refused'): Promise<void> => {
        await nodeState.failsafesOpen(cluster(), verdict === 'allowed');
        for (const who of [blocked, stranger]) await nodeState.reachesAll(stage, verdict, who);
      };
      const failsafes = async (value: 'Report' | 'Managed'): Promise<void> => {
        await director.change(
          `failsafes: ${value}`,
          () => apply(cluster(), withFailsafes(value)(before)),
          () => stand(value === 'Report' ? 'allowed' : 'refused'),
        );
      };
      await program(cluster(), before);
      await flowing([...KEPT, ...BY_RULE, ...REFUSED], async () => {
        director.now('failsafes of somebody');
        await nodeState.setFailsafes(cluster(), FORMER);
        await stand('allowed');
        await failsafes('Managed');
        await flowing(NARROWED, async ({ mayPass }) => {
          director.now('a zone is added while the operator is upgraded');
          await operators.upgrade(() => apply(cluster(), withFailsafes('Managed')(before) + MORE));
          await conditions(cluster(), 'default', { Ready: 'True' });
          await cluster().policiesProgrammed();
          mayPass();
          await failsafes('Report');
        });
        expect(await nodeState.failsafes(cluster())).toEqual(FORMER);
      });
    },
    WITHIN,
  );

  test(
    'drops none when host endpoints become automatic and our own again, when nodes join, and when it is deleted with automatic ones',
    async () => {
      const { stage, director, operators } = all();
      const before = await manifest();
      await program(cluster(), before);
      const switched = (what: string, kind: 'automatic' | 'ours', nodes: number): Promise<void> =>
        director.change(
          what,
          () => nodeState.switchAutomatic(cluster(), kind === 'automatic'),
          async () => {
            await nodeState.endpointsAre(cluster(), kind, nodes);
            await nodeState.enforced(cluster(), `${String(nodes)}/${String(nodes)}`);
          },
        );
      await flowing([...KEPT, ...BY_RULE, ...JOINING], async () => {
        await flowing(REFUSED, async ({ mayPass }) => {
          await switched(AUTOMATIC, 'automatic', 3);
          await change('a zone is added with automatic endpoints', before + MORE);
          director.now('a node joins');
          await cluster().joinNode('spare');
          await nodeState.enforced(cluster(), '4/4');
          await flowing(refusedAt('spare'), async () => {
            await flowing(NO_NODE_YET, async ({ mayPass: isNode }) => {
              director.now('a node joins while no operator runs');
              await operators.whileDown(async () => {
                await cluster().joinNode('aks-1');
                await nodeState.endpointsAre(cluster(), 'automatic', 5);
                await nodeState.reachesAll(stage, 'allowed', { from: 'world', nodes: ['aks-1'], port: 9999 });
                isNode();
              });
              await nodeState.enforced(cluster(), '5/5');
            });
            const others = { from: 'aks-1', nodes: ['edge', 'worker'], port: 9999 };
            await nodeState.reachesAll(stage, 'allowed', others);
          });
          await flowing(refusedAt('aks-1'), async ({ mayPass: mayPassThere }) => {
            await change('a zone is removed with automatic endpoints', before);
            // Calico removes its own endpoints whether an operator lives to replace them by ours or not.
            if (director.kills(OURS)) for (const open of [mayPass, mayPassThere]) open();
            await switched(OURS, 'ours', 5);
          });
        });
        expect(await nodeState.labelledNodes(cluster())).toEqual([]);
        await flowing([...REFUSED, ...refusedAt('aks-1')], async ({ mayPass }) => {
          await switched(AUTOMATIC_AGAIN, 'automatic', 5);
          mayPass();
          await deleted(DELETED_WITH_AUTOMATIC, 'background');
        });
        expect(await nodeState.labelledNodes(cluster())).toEqual([]);
      });
      await nodeState.switchAutomatic(cluster(), false);
    },
    WITHIN,
  );

  test(
    'drops none when it is deleted, in each cascade mode, and leaves nothing behind',
    async () => {
      const before = await manifest();
      await program(cluster(), before);
      await flowing([...KEPT, ...BY_RULE], async () => {
        for (const mode of CASCADES) {
          await flowing(REFUSED, async ({ mayPass }) => {
            mayPass();
            await deleted(`delete --cascade=${mode}`, mode);
          });
          all().director.now(`apply after ${mode}`);
          if (mode !== 'orphan') await program(cluster(), before);
        }
      });
    },
    WITHIN,
  );

  test('Felix programmed everything at the first attempt', async () => {
    expect(await complaints(cluster())).toEqual([]);
  });
});
