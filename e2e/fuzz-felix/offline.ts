/** The objects of the cast without a cluster, for the simulator alone. */
import { nodeAddress, podAddress, POD_NETWORK } from '../local/addresses.ts';
import { ACCOUNTS, NAMESPACES, NODES, OUTSIDE, PODS } from './cast.ts';
import type { Round } from './generate.ts';
import type { Addresses } from './packets.ts';
import { serviceObjects } from './services.ts';
import { dataplanes } from './stage.ts';
import type { RoundObject } from './store.ts';

/** The result of `readAll` once the round is written, in the shape `routed`. */
export function offline(round: Round): {
  readonly stored: readonly RoundObject[];
  readonly addresses: Addresses;
} {
  const labelsAt = (path: string): Readonly<Record<string, string>> =>
    Object.fromEntries(
      Object.entries(round.labels[path] ?? {}).flatMap(([key, value]) =>
        value === null ? [] : [[key, value]],
      ),
    );
  const namespaces = NAMESPACES.map((name): RoundObject => {
    const labels = { ...labelsAt(`/api/v1/namespaces/${name}`), 'kubernetes.io/metadata.name': name };
    return { apiVersion: 'v1', kind: 'Namespace', metadata: { name, labels } };
  });
  const accounts = NAMESPACES.flatMap((namespace) =>
    ACCOUNTS.map((name): RoundObject => {
      const labels = labelsAt(`/api/v1/namespaces/${namespace}/serviceaccounts/${name}`);
      return { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name, namespace, labels } };
    }),
  );
  return {
    stored: [
      ...namespaces,
      ...accounts,
      ...nodes(),
      ...pods(labelsAt),
      ...pools(),
      ...felix(),
      ...serviceObjects(),
      ...round.objects,
    ],
    addresses: { of: addressesOf },
  };
}

const felix = (): readonly RoundObject[] => [
  {
    apiVersion: 'crd.projectcalico.org/v1',
    kind: 'FelixConfiguration',
    metadata: { name: 'default' },
    spec: { defaultEndpointToHostAction: 'Accept' },
  },
  ...dataplanes(),
];

const pools = (): readonly RoundObject[] =>
  [POD_NETWORK.v4, POD_NETWORK.v6].map((cidr, index) => ({
    apiVersion: 'crd.projectcalico.org/v1',
    kind: 'IPPool',
    metadata: { name: `pool${String(index)}` },
    spec: { cidr, natOutgoing: true },
  }));

function nodes(): readonly RoundObject[] {
  return NODES.map(({ name }, index): RoundObject => {
    const { v4, v6 } = nodeAddress(index + 1);
    const interfaces = [{ name: 'eth0', addresses: [v4, v6] }];
    const annotations = {
      'projectcalico.org/IPv4Address': `${v4}/24`,
      'projectcalico.org/IPv6Address': `${v6}/64`,
      'projectcalico.org/Interfaces': JSON.stringify(interfaces),
    };
    return { apiVersion: 'v1', kind: 'Node', metadata: { name, ...{ annotations } } };
  });
}

function placesOf(): ReadonlyMap<string, readonly [string, string]> {
  const counts = new Map<string, number>();
  return new Map(
    PODS.map(({ namespace, name, node }) => {
      const index = (counts.get(node) ?? 0) + 1;
      counts.set(node, index);
      const { v4, v6 } = podAddress(NODES.findIndex((each) => each.name === node) + 1, index);
      return [`${namespace}/${name}`, [v4, v6]];
    }),
  );
}

function pods(labelsAt: (path: string) => Readonly<Record<string, string>>): readonly RoundObject[] {
  const places = placesOf();
  return PODS.map(({ namespace, name, node, serviceAccount, ports }) => ({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { namespace, name, labels: labelsAt(`/api/v1/namespaces/${namespace}/pods/${name}`) },
    spec: {
      nodeName: node,
      serviceAccountName: serviceAccount,
      containers: [
        { ports: ports.map(({ port, protocol, name: of }) => ({ containerPort: port, protocol, name: of })) },
      ],
    },
    status: { phase: 'Running', podIPs: (places.get(`${namespace}/${name}`) ?? []).map((ip) => ({ ip })) },
  }));
}

function addressesOf(name: string): readonly string[] {
  const [kind, rest = ''] = name.split(' ');
  if (kind === 'pod') return placesOf().get(rest) ?? [];
  if (kind === 'outside') return OUTSIDE.find((each) => each.name === rest)?.addresses ?? [];
  const { v4, v6 } = nodeAddress(NODES.findIndex((each) => each.name === rest) + 1);
  return [v4, v6];
}
