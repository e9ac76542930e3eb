/**
 * Lists of named items: peers, guardrails, groups and their rules. Server-side apply removes items that an
 * applier owned and no longer applies. It owns the items of such a list, so nobody owns an empty list.
 */
import { expect, test } from '@jest/globals';
import { modifications, type KubernetesObject } from './argo.ts';
import { emptyLists, filledLists, firewall } from './specs.ts';
import { tracked, type GitOpsStage } from './stage.ts';

export function listTests(
  stageOf: () => GitOpsStage,
  { serverSideApply }: { readonly serverSideApply: boolean },
): void {
  const filled = tracked(firewall(filledLists));
  const empty = tracked(firewall(emptyLists));
  const leftOut = tracked(firewall());
  const waysItDiffers = async (wanted: KubernetesObject): Promise<readonly string[]> =>
    modifications(await stageOf().argo.judge([wanted])).map(({ way }) => way);

  test('empty: stored as in Git, without a difference', async () => {
    expect(await stageOf().settle(empty)).toEqual(empty.spec);
    expect(await waysItDiffers(empty)).toEqual([]);
  });

  test('empty, then left out: gone, or still empty when synced server-side; no difference', async () => {
    await stageOf().settle(empty);
    expect(await stageOf().settle(leftOut)).toEqual(serverSideApply ? empty.spec : leftOut.spec);
    expect(await waysItDiffers(leftOut)).toEqual([]);
  });

  test('with items, then left out: gone', async () => {
    await stageOf().settle(filled);
    expect(await stageOf().settle(leftOut)).toEqual(leftOut.spec);
    expect(await waysItDiffers(leftOut)).toEqual([]);
  });

  test('with items, then empty: empty after one sync, or after two server-side ones with a difference in between', async () => {
    await stageOf().settle(filled);
    const first = await stageOf().settle(empty);
    expect(first).toEqual(serverSideApply ? leftOut.spec : empty.spec);
    const ways = serverSideApply ? ['threeWay', 'structuredMerge', 'serverSide'] : [];
    expect(await waysItDiffers(empty)).toEqual(ways);
    expect(await stageOf().settle(empty)).toEqual(empty.spec);
    expect(await waysItDiffers(empty)).toEqual([]);
  });

  test('an item that another client adds: gone with the next sync, unless that is server-side, which sees no difference', async () => {
    const patch = async (peers: readonly object[] | null): Promise<void> => {
      const args = ['--type=merge', '--patch', JSON.stringify({ spec: { peers } })];
      await stageOf().cluster.kubectl(['patch', 'clusterfirewall', 'default', ...args]);
    };
    await stageOf().settle(filled);
    const peers = [...filledLists.peers, { name: 'added', cidrs: ['192.0.2.0/24'] }];
    await patch(peers);
    expect(await waysItDiffers(filled)).toEqual(['threeWay']);
    const stored = await stageOf().settle(filled);
    expect(stored).toEqual(serverSideApply ? { ...filledLists, mode: 'Enforce', peers } : filled.spec);
    await patch(null);
  });
}
