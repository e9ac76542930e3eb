/**
 * What nodes allow before and after a change is never dropped in between, and what they refuse never passes. The node `edge` is in iptables,
 * `worker` in nftables.
 */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { StartedNode } from '../cluster.ts';
import { waitFor } from '../local/wait.ts';
import { installManifests, startOperator, type StartedOperator } from '../operator-process.ts';
import { program, removeAll } from './firewall.ts';
import { whileFlowing, type FlowRow, type Ground, type Watch } from './flows.ts';
import { complaints } from './felix-logs.ts';
import { BY_RULE, KEPT, nodeGround, REFUSED } from './nodes/flows.ts';
import { startNodeStage, type NodeStage } from './nodes/stage.ts';
import { ownManifest, readManifest } from './story.ts';

const START_WITHIN = 1_200_000; // kube-proxy and Calico's kube-controllers are built first where they were not yet
const WITHIN = 600_000;

interface Change {
  readonly what: string;
  readonly of: (manifest: string) => string;
}

const MORE = `      - name: more
        from: [{ peer: office }]
        allow: { services: [node-exporter] }
`;
const WEB_BY_PORT = `      - name: front
        from: [{ entity: World }]
        allow: { services: [http] }
      - name: tls
        from: [{ entity: World }]
        allow: { services: [https] }
`;
const SWAPPED: Readonly<Record<string, string>> = { front: 'ops', ops: 'front' };
const zone = (name: string): RegExp => new RegExp(` {6}- name: ${name}\n {8}from.*\n {8}allow.*\n`);

/** One after the other, each of what the one before it left. What the flows need stays in all of them. */
const CHANGES: readonly Change[] = [
  { what: 'a zone is added', of: (text) => text + MORE },
  { what: 'a zone is renamed', of: (text) => text.replace('name: public', 'name: front') },
  { what: 'a zone is split by port', of: (text) => text.replace(zone('front'), WEB_BY_PORT) },
  {
    what: 'two zones swap their names',
    of: (text) =>
      text.replace(/(?<= {6}- name: )(front|ops)(?=\n {8}from)/g, (name) => SWAPPED[name] ?? name),
  },
  {
    what: 'a zone loses ports to a new one',
    of: (text) =>
      `${text.replace('[9990-9999, 9998/UDP]', '[9990-9999]')}${MORE.replace('more', 'datagrams').replace('office', 'ops').replace('services: [node-exporter]', 'ports: [9998/UDP]')}`,
  },
  {
    what: 'more is blocked',
    of: (text) => text.replace('    zones:', '      - ipBlock: { cidr: 198.18.0.0/15 }\n    zones:'),
  },
  {
    what: 'addresses of nodes are added',
    of: (text) =>
      text.replace('    blocked:', "    extraAddresses: [172.31.0.12/31, 'fd00:99::100/127']\n    blocked:"),
  },
  { what: 'a zone is removed', of: (text) => text.replace(zone('more'), '') },
];

const inMode = (manifest: string, mode: string): string =>
  manifest.replace('nodes:\n    mode: Enforce', `nodes:\n    mode: ${mode}`);

const CANARY = "Enforce\n    nodeSelector: { matchLabels: { edge: 'true' } }";

/** Plays one thing to all flows that run. */
function director(ground: Ground) {
  const watching = new Set<Watch>();
  const tables: string[] = [];
  return {
    now: (what: string): void => {
      for (const watch of watching) watch.now(what);
    },
    flowing: async (rows: readonly FlowRow[], play: (watch: Watch) => Promise<void>): Promise<void> => {
      const table = await whileFlowing(ground, rows, async (watch) => {
        watching.add(watch);
        await play(watch).finally(() => watching.delete(watch));
      });
      tables.push(table);
    },
    report: (): string => tables.join('\n\n'),
  };
}

/** As a person reads it: `[12:720] … --comment` in iptables, `counter packets 12 … comment` in nftables. */
async function countsWhatItWouldDrop(node: StartedNode): Promise<void> {
  await waitFor(
    async () => {
      const lines = (await node.packetFilter())
        .split('\n')
        .filter((line) => line.includes('default/nodes/deny'));
      return lines.some((line) => /^\[[1-9]|packets [1-9]/.test(line)) || undefined;
    },
    { what: `a counter of default/nodes/deny on ${node.name}`, within: 30_000 },
  );
}

describe('a node firewall', () => {
  let stage: NodeStage | undefined;
  let operator: StartedOperator | undefined;
  const theStage = (): NodeStage => {
    if (stage === undefined) throw new Error('the stage did not start: see the first error');
    return stage;
  };

  beforeAll(async () => {
    stage = await startNodeStage('iptables');
    await stage.node('worker').mapHostPort({ hostPort: 8443, port: 8080, pod: stage.endpoint('shop/far') });
    operator = await startOperator(stage.cluster, await installManifests(stage.cluster));
  }, START_WITHIN);

  afterAll(async () => {
    await operator?.stop();
    await stage?.[Symbol.asyncDispose]();
  }, START_WITHIN);

  test(
    'drops nothing that is allowed before and after: the first Enforce, every change of zones and mode, and the way back',
    async () => {
      const { cluster } = theStage();
      const { now, flowing, report } = director(await nodeGround(theStage()));
      let manifest = await readManifest(ownManifest('node-changes.yaml'));
      const change = async (what: string, next: string): Promise<void> => {
        now(what);
        await program(cluster, next);
      };
      await flowing(KEPT, async () => {
        await flowing(BY_RULE, async () => {
          await change('the first Enforce', manifest);
          await flowing(REFUSED, async ({ mayPass }) => {
            for (const { what, of } of CHANGES) {
              const next = of(manifest);
              if (next === manifest) throw new Error(`nothing changes although ${what}`);
              await change(what, next);
              manifest = next;
            }
            mayPass();
            await change('Observe', inMode(manifest, 'Observe'));
            for (const node of ['edge', 'worker']) await countsWhatItWouldDrop(cluster.node(node));
          });
          await change('Enforce after Observe', manifest);
        });
        await flowing(REFUSED, async ({ mayPass }) => {
          await change('a zone is added again', manifest + MORE);
          mayPass();
          await change('Disabled', inMode(manifest, 'Disabled'));
        });
        await change('Enforce on one node', inMode(manifest, CANARY));
        await change('Enforce on every node', manifest);
        await flowing(BY_RULE, async () => {
          now('the removal');
          await removeAll(cluster);
        });
      });
      process.stderr.write(`\n${report()}\n`);
    },
    WITHIN,
  );

  test('all of it was programmed at the first attempt', async () => {
    expect(await complaints(theStage().cluster)).toEqual([]);
  });
});
