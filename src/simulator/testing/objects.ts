/** Stored objects of a small cluster, for tests. */

/** Two nodes, three pods in two namespaces, one IPPool with natOutgoing. */
export function cluster(): readonly object[] {
  return [
    namespace('shop', { team: 'a' }),
    namespace('bank', { team: 'b' }),
    node('node1', '10.99.0.11'),
    node('node2', '10.99.0.12'),
    pod('shop', 'web', { node: 'node1', address: '10.244.1.2', serviceAccount: 'robot' }),
    pod('shop', 'db', { node: 'node2', address: '10.244.2.2' }),
    pod('bank', 'far', { node: 'node2', address: '10.244.2.3' }),
    calico('IPPool', 'pool', { cidr: '10.244.0.0/16', natOutgoing: true }),
  ];
}

const ADDRESSES: Readonly<Record<string, string>> = {
  'shop/web': '10.244.1.2',
  'shop/db': '10.244.2.2',
  'bank/far': '10.244.2.3',
};

export const addressOf = (name: string): string => ADDRESSES[name] ?? '';

export const namespace = (name: string, labels: object = {}): object => ({
  apiVersion: 'v1',
  kind: 'Namespace',
  metadata: { name, labels },
});

export const node = (name: string, address: string): object => ({
  apiVersion: 'v1',
  kind: 'Node',
  metadata: { name, annotations: { 'projectcalico.org/IPv4Address': `${address}/24` } },
  status: { addresses: [{ type: 'InternalIP', address }] },
});

interface PodSpec {
  readonly node: string;
  readonly address: string;
  readonly serviceAccount?: string;
  readonly ports?: readonly object[];
}

/** It has the label `app` with its own name. */
export function pod(of: string, name: string, spec: PodSpec): object {
  const { ports = [{ name: 'http', containerPort: 80 }] } = spec;
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { namespace: of, name, labels: { app: name } },
    spec: {
      nodeName: spec.node,
      serviceAccountName: spec.serviceAccount ?? 'default',
      containers: [{ ports }],
    },
    status: { phase: 'Running', podIPs: [{ ip: spec.address }] },
  };
}

/** An object without namespace and labels. */
export const calico = (kind: string, name: string, spec: object): object => ({
  apiVersion: 'projectcalico.org/v3',
  kind,
  metadata: { name },
  spec,
});

export const policy = (name: string, spec: object): object => calico('GlobalNetworkPolicy', name, spec);

interface ServiceSpec {
  /** Address and node of each. */
  readonly backends: readonly (readonly [string, string])[];
  readonly nodePort?: number;
  readonly external?: 'Local';
  readonly internal?: 'Local';
}

/** In the namespace shop, with the cluster IP 10.96.0.10; port 81 leads to port 80. */
export function service(
  name: string,
  { backends, nodePort, external, internal }: ServiceSpec,
): readonly object[] {
  const metadata = { namespace: 'shop', name };
  return [
    {
      apiVersion: 'v1',
      kind: 'Service',
      metadata,
      spec: {
        clusterIPs: ['10.96.0.10'],
        ports: [{ name: 'main', port: 81, nodePort }],
        externalTrafficPolicy: external ?? 'Cluster',
        internalTrafficPolicy: internal ?? 'Cluster',
      },
    },
    {
      apiVersion: 'discovery.k8s.io/v1',
      kind: 'EndpointSlice',
      metadata: { ...metadata, labels: { 'kubernetes.io/service-name': name } },
      addressType: 'IPv4',
      ports: [{ name: 'main', port: 80 }],
      endpoints: backends.map(([address, nodeName]) => ({ addresses: [address], nodeName })),
    },
  ];
}
