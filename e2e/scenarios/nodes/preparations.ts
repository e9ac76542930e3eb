/** Preparations of samples. Each resolves to a function that undoes it. */
import type { NodeStage } from './stage.ts';

/** The registration of metrics-server's own manifest. Nothing answers it here. */
export async function serveMetrics({ cluster }: NodeStage): Promise<() => Promise<void>> {
  const [name, namespace] = ['metrics-server', 'kube-system'];
  const service = {
    ...{ apiVersion: 'v1', kind: 'Service', metadata: { name, namespace } },
    spec: { selector: { app: name }, ports: [{ port: 443, targetPort: 8080 }] },
  };
  const api = {
    ...{ apiVersion: 'apiregistration.k8s.io/v1', kind: 'APIService' },
    metadata: { name: 'v1beta1.metrics.k8s.io' },
    spec: {
      ...{ group: 'metrics.k8s.io', version: 'v1beta1', service: { name, namespace } },
      ...{ insecureSkipTLSVerify: true, groupPriorityMinimum: 100, versionPriority: 100 },
    },
  };
  const input = JSON.stringify({ apiVersion: 'v1', kind: 'List', items: [service, api] });
  await cluster.kubectl(['apply', '--filename', '-'], { input });
  return async () => {
    await cluster.kubectl(['delete', '--filename', '-'], { input });
  };
}

/** The node of ingress controllers on the host network. */
export async function labelIngress({ cluster }: NodeStage): Promise<() => Promise<void>> {
  await cluster.kubectl(['label', 'node', 'edge', 'role=ingress']);
  return async () => {
    await cluster.kubectl(['label', 'node', 'edge', 'role-']);
  };
}

/** Without failsafes that hide the rules, and with a node that bears the label of RKE2. */
export async function showJoining({ cluster }: NodeStage): Promise<() => Promise<void>> {
  const felix = (value: readonly object[] | null): Promise<string> =>
    cluster.kubectl([
      ...['patch', 'felixconfiguration.projectcalico.org', 'default', '--type=merge', '--patch'],
      JSON.stringify({ spec: { failsafeInboundHostPorts: value } }),
    ]);
  const label = (change: string): Promise<string> => cluster.kubectl(['label', 'node', 'worker', change]);
  await felix([{ protocol: 'tcp', port: 22, net: '198.51.100.0/24' }]);
  await label('node.kubernetes.io/instance-type=rke2');
  return async () => {
    await label('node.kubernetes.io/instance-type-');
    await felix(null);
  };
}
