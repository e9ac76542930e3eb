/**
 * The way of docs/migrate.md from own HostEndpoints and policies, with packets. Flows that are allowed before
 * and after lose nothing on the way. Flows that are refused before and after never pass.
 */
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { apply, conditions } from '../harness/firewall.ts';
import { complaints } from './felix-logs.ts';
import { flows } from './flows.ts';
import { inMode } from './nodes/changes.ts';
import { BY_RULE, KEPT } from './nodes/flows.ts';
import { enforced } from './nodes/node-state.ts';
import { oldEndpoints, oldPolicies } from './nodes/old-firewall.ts';
import { apply as write, remove } from './nodes/objects.ts';
import { startNodePlay, type NodePlay } from './nodes/play.ts';
import { START_WITHIN } from './nodes/stage.ts';
import { ownManifest, readManifest } from './story.ts';
import { refused } from '../harness/rows.ts';

const WITHIN = 600_000;

/** Refused by the old firewall and by the new one, each at the addresses that the old one judges. */
const REFUSED = [
  ...flows(refused(['world'], ['edge', 'worker'], [9999])),
  ...flows(refused(['world'], ['edge'], ['9998/UDP']), { family: 6 }),
  ...flows(refused(['world'], ['edge', 'worker'], [30080])),
  ...flows(refused(['world'], ['edge', 'worker'], [8443])),
  ...flows(refused(['blocked'], ['worker'], [443])),
];

let started: NodePlay | undefined;
const all = (): NodePlay => {
  if (started === undefined) throw new Error('the stage did not start: see the first error');
  return started;
};

beforeAll(async () => {
  started = await startNodePlay({});
}, START_WITHIN);

afterAll(async () => {
  await started?.[Symbol.asyncDispose]();
}, START_WITHIN);

test(
  'the way from own HostEndpoints and policies has no gap',
  async () => {
    const { stage, director } = all();
    const { cluster } = stage;
    const policies = oldPolicies(true);
    const manifest = await readManifest(ownManifest('node-changes.yaml'));
    const endpoints = oldEndpoints(cluster);
    const accepted = endpoints.map(({ metadata }) => `HostEndpoint/${metadata.name}`);
    const accepting = `${manifest}  acceptForeign: ${JSON.stringify(accepted)}\n`;
    const step = (
      what: string,
      begin: () => Promise<unknown>,
      end: () => Promise<unknown> = () => cluster.policiesProgrammed(),
    ): Promise<void> => director.change(what, begin, end);

    await write(cluster, [...oldPolicies(false), ...endpoints]);
    await cluster.policiesProgrammed();
    await director.flowing([...KEPT, ...BY_RULE, ...REFUSED], async () => {
      await step('1. the policies keep to their endpoints', () => write(cluster, policies));
      await step(
        '2. Observe',
        () => apply(cluster, inMode('Observe')(accepting)),
        () => conditions(cluster, 'default', { Ready: 'True' }),
      );
      await step(
        '3. Enforce',
        () => apply(cluster, accepting),
        () => enforced(cluster, '3/3'),
      );
      for (const endpoint of endpoints)
        await step(`4. without ${endpoint.metadata.name}`, () => remove(cluster, [endpoint]));
      await step('5. without the policies', () => remove(cluster, policies));
      await step(
        '5. nothing of others is accepted',
        () => apply(cluster, manifest),
        () => enforced(cluster, '3/3'),
      );
    });
  },
  WITHIN,
);

test('Felix programmed everything at the first attempt', async () => {
  expect(await complaints(all().stage.cluster)).toEqual([]);
});
