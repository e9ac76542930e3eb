/**
 * The promises of the samples for nodes, with packets, in both dataplanes. A test's name begins with its
 * scenario's id. Each sample replaces the one before.
 */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { Dataplane } from '../cluster.ts';
import { installManifests, startOperator, type StartedOperator } from '../harness/operator-process.ts';
import { program, removeAll } from '../harness/firewall.ts';
import { complaints } from './felix-logs.ts';
import { foreignAtNodes } from './nodes/foreign.ts';
import { expectTables } from './nodes/matrix.ts';
import { OPEN, SAMPLES } from './nodes/samples.ts';
import { START_WITHIN, startNodeStage, type NodeStage } from './nodes/stage.ts';
import { readManifest } from './story.ts';

const WITHIN = 600_000;

const same = (manifest: string): string => manifest;

describe.each<Dataplane>(['iptables', 'nftables'])('with nodes in %s', (dataplane) => {
  let stage: NodeStage | undefined;
  let operator: StartedOperator | undefined;
  const theStage = (): NodeStage => {
    if (stage === undefined) throw new Error('the stage did not start: see the first error');
    return stage;
  };

  beforeAll(async () => {
    stage = await startNodeStage(dataplane);
    operator = await startOperator(stage.cluster, await installManifests(stage.cluster));
  }, START_WITHIN);

  afterAll(async () => {
    await operator?.stop();
    await stage?.[Symbol.asyncDispose]();
  }, WITHIN);

  test.each(SAMPLES)(
    '$id $title',
    async ({ id, manifest, edit = same, tables, prepare, also }) => {
      const { cluster } = theStage();
      const end = await prepare?.(theStage());
      try {
        await program(cluster, edit(await readManifest(manifest)));
        const seen = await expectTables(theStage(), tables);
        await also?.(theStage());
        process.stderr.write(`\n${id} in ${dataplane}: ${manifest}\n${seen}\n`);
      } finally {
        await end?.();
      }
    },
    WITHIN,
  );

  test(
    'D33 an object of others that opens nodes is named, holds up further nodes, and closes none',
    async () => {
      await removeAll(theStage().cluster);
      await foreignAtNodes(theStage());
    },
    2 * WITHIN,
  );

  test(
    'opens every address again, and leaves nothing behind',
    async () => {
      await removeAll(theStage().cluster);
      await expectTables(theStage(), OPEN);
    },
    WITHIN,
  );

  test('Felix programmed everything at the first attempt', async () => {
    expect(await complaints(theStage().cluster)).toEqual([]);
  });
});
