/**
 * The product on nodes with a real kubelet: the operator in pods, as the chart installs it, and packets
 * between pods that kubelet started.
 */
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { clearAway } from '../harness/firewall.ts';
import { webhooks } from '../scenarios/stories/d17-webhooks.ts';
import { defaultDeny } from '../scenarios/stories/s01-default-deny.ts';
import { dns } from '../scenarios/stories/s02-dns.ts';
import { insideNamespace } from '../scenarios/stories/s03-namespace.ts';
import { egress } from '../scenarios/stories/s04-egress.ts';
import { ingress } from '../scenarios/stories/s05-ingress.ts';
import { metrics } from '../scenarios/stories/s06-metrics.ts';
import { database } from '../scenarios/stories/s07-database.ts';
import { metadata } from '../scenarios/stories/s15-metadata.ts';
import { kubeletSuite } from './kubelet.suite.ts';
import { nodesSuite } from './nodes.suite.ts';
import { operatorSuite } from './operator.suite.ts';
import { startKindStage, type KindStage } from './stage.ts';

/** Programs are built first where they are not in the cache. */
const START_WITHIN = 2_400_000;
const WITHIN = 300_000;

describe('on nodes with a kubelet', () => {
  let started: KindStage | undefined;
  const stage = (): KindStage => {
    if (started === undefined) throw new Error('the stage did not start: see the first error');
    return started;
  };

  beforeAll(async () => {
    started = await startKindStage();
  }, START_WITHIN);

  afterEach(async () => {
    if (started !== undefined) await clearAway(started.cluster);
  }, WITHIN);

  afterAll(async () => {
    await started?.[Symbol.asyncDispose]();
  }, WITHIN);

  kubeletSuite(stage);

  test.each([defaultDeny, dns, insideNamespace, egress, ingress, metrics, database, metadata, webhooks])(
    '$id $title',
    (story) => story.play(stage()),
    WITHIN,
  );

  nodesSuite(stage);
  operatorSuite(stage);

  test('no pod of the operator was restarted, and every pod of the cast is still ready', async () => {
    const { cluster } = stage();
    const unready =
      'jsonpath={range .items[?(@.status.containerStatuses[0].ready==false)]}{.metadata.name} {end}';
    expect(await cluster.kubectl(['get', 'pods', '--all-namespaces', '--output', unready])).toBe('');
    const restarts = 'jsonpath={.items[*].status.containerStatuses[0].restartCount}';
    const pods = ['get', 'pods', '--namespace', stage().identity.namespace, '--output', restarts];
    expect(new Set((await cluster.kubectl(pods)).split(' '))).toEqual(new Set(['0']));
  });
});
