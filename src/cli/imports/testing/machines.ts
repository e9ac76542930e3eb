/** Objects of the small clusters that imports are judged in. */

interface PlainNode {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly addresses: readonly string[];
}

/** Nodes, and the pools of the addresses of pods. */
export const machines = (nodes: readonly PlainNode[], pools: readonly string[]): readonly object[] => [
  ...nodes.map(({ name, labels, addresses }) => ({
    apiVersion: 'v1',
    kind: 'Node',
    metadata: { name, labels },
    status: { addresses: addresses.map((address) => ({ type: 'InternalIP', address })) },
  })),
  ...pools.map((cidr, index) => ({
    apiVersion: 'projectcalico.org/v3',
    kind: 'IPPool',
    metadata: { name: `pods-${String(index)}` },
    spec: { cidr },
  })),
];
