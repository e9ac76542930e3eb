import { expect, test } from '@jest/globals';
import { program } from '../harness/firewall.ts';
import { allowed, refused } from '../harness/rows.ts';
import { expectTable } from '../harness/sweep.ts';
import { seen } from '../integration/flow-gap.ts';
import { waitFor } from '../wait.ts';
import { CHART, inNamespace, rolledOut, type KindStage } from './stage.ts';

const WITHIN = 300_000;

/** `port` and, always, the web port of the ingress controllers. */
const firewall = (port: number): string => `
apiVersion: clusterfirewall.io/v1alpha1
kind: ClusterFirewall
metadata: { name: default }
spec:
  mode: Enforce
  peers:
    - { name: ingress, pods: { namespaceSelector: { matchLabels: { role: ingress } } } }
  namespaces:
    - name: blog
      namespaces: [wordpress]
      ingress:
        - { name: web, pods: { matchLabels: { app: wordpress } }, from: [{ peer: ingress }], ports: [80, ${String(port)}] }
`;

export function operatorSuite(stage: () => KindStage): void {
  test(
    'a drain of the leader’s node hands the firewall over, and loses no allowed packet',
    async () => {
      const { cluster, identity } = stage();
      await program(cluster, firewall(81));
      const [from, to] = [stage().endpoint('edge/proxy1'), stage().endpoint('wordpress/wp2')];
      const control = await cluster.wire(from, to);
      const flow = await from.flow({ host: to.address, port: 80, control });
      await seen([flow], 20);

      const leader = await leaderOf(stage());
      const node = (
        await inNamespace(cluster, identity, ['get', 'pod', leader, '--output', 'jsonpath={.spec.nodeName}'])
      ).trim();
      await cluster.kubectl([
        ...['drain', node, '--ignore-daemonsets', '--delete-emptydir-data', '--timeout=120s'],
        ...['--pod-selector', 'app.kubernetes.io/name=clusterfirewall'],
      ]);
      try {
        await waitFor(async () => (await leaderOf(stage())) !== leader || undefined, {
          what: 'another replica to lead',
          within: 60_000,
        });
        await program(cluster, firewall(11011));
        await expectTable(stage(), [
          ...allowed(['edge/proxy1', 'edge/proxy2'], ['wordpress/wp2'], [80, 11011]),
          ...refused(['edge/proxy1', 'edge/proxy2'], ['wordpress/wp2'], [81]),
        ]);
        // Both replicas are on the other node now.
        await rolledOut(cluster, identity);
      } finally {
        await cluster.kubectl(['uncordon', node]);
      }
      await seen([flow], 20);
      const { countedLosses, answered } = await flow.stop();
      expect(answered).toBeGreaterThan(0);
      expect(countedLosses).toBe(0);
    },
    WITHIN,
  );

  test(
    'an upgrade of the release and a rollback lose no allowed packet, and the firewall is followed after each',
    async () => {
      const { cluster, identity, release } = stage();
      await program(cluster, firewall(81));
      const [from, to] = [stage().endpoint('edge/proxy1'), stage().endpoint('wordpress/wp2')];
      const control = await cluster.wire(from, to);
      const flow = await from.flow({ host: to.address, port: 80, control });
      await seen([flow], 20);

      const before = await podsOf(stage());
      await release('upgrade', CHART, '--set', 'resources.requests.cpu=20m');
      await rolledOut(cluster, identity);
      const upgraded = await podsOf(stage());
      expect(upgraded.filter((pod) => before.includes(pod))).toEqual([]);
      await program(cluster, firewall(11011));
      await expectTable(stage(), allowed(['edge/proxy1'], ['wordpress/wp2'], [80, 11011]));

      await release('rollback', '1');
      await rolledOut(cluster, identity);
      expect((await podsOf(stage())).filter((pod) => upgraded.includes(pod))).toEqual([]);
      await program(cluster, firewall(81));
      await expectTable(stage(), [
        ...allowed(['edge/proxy1'], ['wordpress/wp2'], [80, 81]),
        ...refused(['edge/proxy1'], ['wordpress/wp2'], [11011]),
      ]);
      await seen([flow], 20);
      const { countedLosses, answered } = await flow.stop();
      expect(answered).toBeGreaterThan(0);
      expect(countedLosses).toBe(0);
    },
    WITHIN,
  );
}

/** Names of the operator's pods that are not being deleted. */
async function podsOf({ cluster, identity }: KindStage): Promise<readonly string[]> {
  const selector = ['--selector', 'app.kubernetes.io/name=clusterfirewall'];
  const text = await inNamespace(cluster, identity, ['get', 'pods', ...selector, '--output=json']);
  const { items } = JSON.parse(text) as {
    readonly items: readonly {
      readonly metadata: { readonly name: string; readonly deletionTimestamp?: string };
    }[];
  };
  return items.filter((pod) => pod.metadata.deletionTimestamp === undefined).map((pod) => pod.metadata.name);
}

/** The name of the pod that holds the Lease. */
async function leaderOf({ cluster, identity }: KindStage): Promise<string> {
  const holder = ['--output', 'jsonpath={.items[*].spec.holderIdentity}'];
  const [name = ''] = (await inNamespace(cluster, identity, ['get', 'leases', ...holder])).split('_');
  return name;
}
