/** A large cluster as a snapshot: pods of four programs in each namespace, policies in half of them. */
import { snapshotLines } from '../../src/snapshot/file.ts';
import { count, namespaceName } from './load.ts';

export interface Size {
  readonly namespaces: number;
  readonly podsEach: number;
  readonly policies: number;
}

const PROGRAMS = ['web', 'api', 'db', 'job'] as const;
const NODES = 100;
const GLOBAL = 20;

const programOf = (index: number): string => PROGRAMS[index % PROGRAMS.length] ?? 'web';

export function snapshotText(size: Size, extraPort = 0): string {
  return [...snapshotLines([...objects(size, extraPort)], [])].join('');
}

function* objects({ namespaces, podsEach, policies }: Size, extraPort: number): Iterable<object> {
  for (const index of count(namespaces)) {
    const labels = { 'example.com/group': `group-${String(index % 10)}` };
    yield { apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespaceName(index), labels } };
  }
  for (const index of count(NODES)) yield node(index);
  for (const index of count(namespaces * podsEach)) yield pod(index, podsEach);
  const meta = (name: string): object => ({ metadata: { name } });
  const calico = { apiVersion: 'projectcalico.org/v3' };
  yield { ...calico, kind: 'IPPool', ...meta('pods'), spec: { cidr: '10.128.0.0/9', natOutgoing: true } };
  yield { ...calico, kind: 'Tier', ...meta('default'), spec: { order: 1_000_000, defaultAction: 'Deny' } };
  yield { ...calico, kind: 'FelixConfiguration', ...meta('default'), spec: {} };
  for (const index of count(GLOBAL)) yield globalPolicy(index);
  for (const index of count(policies - GLOBAL)) yield networkPolicy(index, extraPort);
}

function node(index: number): object {
  const address = `192.168.${String(index >> 8)}.${String((index & 255) + 1)}`;
  return {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: {
      name: `node-${String(index)}`,
      labels: { 'kubernetes.io/hostname': `node-${String(index)}` },
    },
    status: { addresses: [{ type: 'InternalIP', address }] },
  };
}

function pod(index: number, each: number): object {
  const program = programOf(index);
  const ip = `10.${String(128 + (index >> 16))}.${String((index >> 8) & 255)}.${String(index & 255)}`;
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      namespace: namespaceName(Math.floor(index / each)),
      name: `${program}-${String(index)}`,
      labels: { app: program, 'pod-template-hash': `h${String(index % 97)}` },
    },
    spec: {
      nodeName: `node-${String(index % NODES)}`,
      serviceAccountName: 'default',
      containers: [{ ports: [{ name: 'http', containerPort: 8080 }] }],
    },
    status: { phase: 'Running', podIPs: [{ ip }] },
  };
}

function globalPolicy(index: number): object {
  return {
    apiVersion: 'projectcalico.org/v3',
    kind: 'GlobalNetworkPolicy',
    metadata: { name: `platform-${String(index)}` },
    spec: {
      tier: 'default',
      order: 100 + index,
      selector: `app == '${programOf(index)}'`,
      namespaceSelector: `example.com/group == 'group-${String(index % 10)}'`,
      types: ['Ingress'],
      ingress: [
        {
          action: 'Allow',
          protocol: 'TCP',
          source: {
            selector: "app == 'web'",
            namespaceSelector: `example.com/group == 'group-${String(index % 10)}'`,
          },
          destination: { ports: [8080, 9000 + index] },
        },
      ],
    },
  };
}

/** @param extraPort opened by one of them; 0: by none */
function networkPolicy(index: number, extraPort: number): object {
  const ports = [8080, ...(index === 7 && extraPort > 0 ? [extraPort] : [])];
  return {
    apiVersion: 'networking.k8s.io/v1',
    kind: 'NetworkPolicy',
    metadata: { namespace: namespaceName(index), name: 'own' },
    spec: {
      podSelector: {},
      policyTypes: ['Ingress'],
      ingress: [
        { from: [{ podSelector: { matchLabels: { app: 'web' } } }], ports: ports.map((port) => ({ port })) },
      ],
    },
  };
}
