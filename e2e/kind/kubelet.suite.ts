import { expect, test } from '@jest/globals';
import { program } from '../harness/firewall.ts';
import { readManifest } from '../scenarios/story.ts';
import { waitFor } from '../wait.ts';
import { inNamespace, type KindStage } from './stage.ts';

const WITHIN = 300_000;
const READY = ['--for=condition=Ready', '--timeout=60s'];
/** The address of the Service kube-dns, by kubeadm's rule: the tenth of the Service network. */
const DNS_SERVICE = '10.96.0.10';

export function kubeletSuite(stage: () => KindStage): void {
  test(
    'two replicas of the operator are ready, on different nodes, with a read-only root',
    async () => {
      const { cluster, identity } = stage();
      const pods = JSON.parse(
        await inNamespace(cluster, identity, ['get', 'pods', '--output', 'json']),
      ) as Pods;
      const seen = pods.items.map(({ spec, status }) => ({
        root: spec.containers[0].securityContext.readOnlyRootFilesystem,
        ready: status.containerStatuses[0].ready,
        restarts: status.containerStatuses[0].restartCount,
      }));
      expect(seen).toEqual(Array.from({ length: 2 }, () => ({ root: true, ready: true, restarts: 0 })));
      expect(new Set(pods.items.map(({ spec }) => spec.nodeName)).size).toBe(2);
    },
    WITHIN,
  );

  test(
    'kubelet probes pods under a default deny, and starts new ones',
    async () => {
      const { cluster } = stage();
      await program(cluster, await readManifest('config/samples/s01-default-deny.yaml'));
      const pod = await cluster.createPod({ namespace: 'wordpress', name: 'late', ports: [{ port: 80 }] });
      try {
        await cluster.kubectl(['wait', ...READY, '--namespace', 'wordpress', 'pods', '--all']);
        // The program that kubelet probes must answer, so that "ready" means something.
        await cluster.run(pod, ['ip', 'link', 'set', 'eth0', 'down']);
        await cluster.kubectl([
          ...['wait', '--for=condition=Ready=false', '--timeout=60s'],
          ...['--namespace', 'wordpress', 'pod/late'],
        ]);
      } finally {
        await pod.delete();
      }
    },
    WITHIN,
  );

  test(
    'pods under a default deny find Services by name',
    async () => {
      const { cluster } = stage();
      await program(cluster, await readManifest('config/samples/s01-default-deny.yaml'));
      const script = `new (require('node:dns').promises.Resolver)({ timeout: 2000, tries: 3 })`;
      const ask = `const r = ${script}; r.setServers(['${DNS_SERVICE}']); r.resolve4('kubernetes.default.svc.cluster.local').then((a) => console.log(a.join()))`;
      await waitFor(
        async () =>
          (await cluster.run(stage().endpoint('wordpress/job'), [process.execPath, '-e', ask])).trim() ===
            '10.96.0.1' || undefined,
        { what: 'CoreDNS to answer', within: 60_000 },
      );
    },
    WITHIN,
  );
}

interface Pods {
  readonly items: readonly {
    readonly spec: {
      readonly nodeName: string;
      readonly containers: readonly [
        { readonly securityContext: { readonly readOnlyRootFilesystem: boolean } },
      ];
    };
    readonly status: {
      readonly containerStatuses: readonly [{ readonly ready: boolean; readonly restartCount: number }];
    };
  }[];
}
