/** Felix's verdict, by the simulator, about packets to a node that has the rules of an import. */
import type { Spec } from '../../../api/schema.ts';
import { PROTOCOL } from '../../../calico/read/protocols.ts';
import { compile } from '../../../compiler/compile.ts';
import type { Inventory } from '../../../inventory/types.ts';
import { familyOf } from '../../../simulator/packet.ts';
import { Prepared } from '../../../simulator/prepared.ts';
import { readWorld } from '../../../simulator/snapshot.ts';
import { walk } from '../../../simulator/walk.ts';
import { machines } from './machines.ts';

const NODES = [
  {
    name: 'cp1',
    labels: { 'node-role.kubernetes.io/control-plane': '' },
    addresses: ['10.99.0.11', 'fd00:99::11'],
  },
  { name: 'w1', labels: {}, addresses: ['10.99.0.12', 'fd00:99::12'] },
] as const;
const PODS = ['10.244.0.0/16', 'fd00:244::/48'];
const POD = ['10.244.1.10', 'fd00:244::1:10'];

const INVENTORY: Inventory = {
  namespaces: [{ name: 'apps', labels: {} }],
  nodes: NODES,
  apiServerEndpoints: ['10.99.0.11'],
  ipPools: PODS,
  automaticHostEndpoints: false,
};

/** The options of `import` that tell this cluster. */
export const CLUSTER_FLAGS = [
  '--pods',
  PODS.join(),
  '--nodes',
  '10.99.0.11/32,10.99.0.12/32,fd00:99::11/128,fd00:99::12/128',
];

const SURROUNDINGS: readonly object[] = [
  { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'apps' } },
  ...machines(NODES, PODS),
  {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { namespace: 'apps', name: 'web', labels: {} },
    spec: { nodeName: 'w1', containers: [] },
    status: { phase: 'Running', podIPs: POD.map((ip) => ({ ip })) },
  },
  // Failsafes hide what rules say.
  {
    apiVersion: 'projectcalico.org/v3',
    kind: 'FelixConfiguration',
    metadata: { name: 'default' },
    spec: { failsafeInboundHostPorts: [], defaultEndpointToHostAction: 'Accept' },
  },
];

interface Question {
  /** An address, `pod` or `node`. */
  readonly from: string;
  readonly protocol: number;
  readonly port: number;
  readonly destination?: string;
  readonly family?: 4 | 6;
}

/** True where the packet comes through at w1. */
export function judgeOf(imported: Spec): (question: Question) => boolean {
  const { nodes } = imported;
  if (nodes === undefined) throw new Error('no rules for nodes');
  const spec: Spec = { ...imported, mode: 'Enforce', nodes: { ...nodes, mode: 'Enforce' } };
  const compilation = compile([{ metadata: { name: 'default' }, spec }], INVENTORY);
  const [problem] = compilation.problems.filter(({ severity }) => severity === 'problem');
  if (problem !== undefined) throw new Error(problem.message);
  const world = readWorld([...SURROUNDINGS, ...compilation.objects.map(({ object }) => object)]);
  if (world.problems.length > 0) throw new Error(JSON.stringify(world.problems));
  const prepared = new Prepared(world);
  return (question) => answer(prepared, question);
}

function answer(
  prepared: Prepared,
  { from, protocol, port, destination: to, family: wanted }: Question,
): boolean {
  const family = wanted ?? (from.includes(':') ? 6 : 4);
  const index = family === 4 ? 0 : 1;
  const destination = to ?? NODES[1].addresses[index];
  const [pod, own, other] = [prepared.pod('apps/web'), prepared.node('w1'), prepared.node('cp1')];
  if (pod === undefined || own === undefined || other === undefined)
    throw new Error('the cluster is incomplete');
  const origin =
    from === 'pod'
      ? ({ kind: 'pod', pod } as const)
      : from === 'node'
        ? ({ kind: 'node', node: other } as const)
        : ({ kind: 'outside', at: own } as const);
  const source = from === 'pod' ? (POD[index] ?? '') : from === 'node' ? '' : from;
  const outcome = walk(
    prepared,
    origin,
    {
      family: familyOf(destination),
      protocol,
      sourcePort: 40_000,
      port,
      icmpType: 8,
      icmpCode: 0,
      state: 'new',
    },
    { source, destination, port },
  );
  if (outcome.verdict === 'Unknown') throw new Error(JSON.stringify(outcome.decisive.decision.by));
  return outcome.verdict === 'Allowed';
}

/** @param text `FROM -> [ADDRESS] PROTOCOL[/PORT]`, and `(v6)` for a pod or node that uses IPv6 */
export function parseQuestion(text: string): Question {
  const [, from = '', destination, name = '', port = '0', v6] =
    /^(\S+) -> (?:(\S+) )?([A-Za-z0-9]+)(?:\/(\d+))?( \(v6\))?$/.exec(text) ?? [];
  const known = new Map(Object.entries(PROTOCOL).map(([key, number]) => [key.toUpperCase(), number]));
  const protocol = known.get(name.toUpperCase()) ?? Number(name);
  if (from === '' || Number.isNaN(protocol)) throw new Error(`no question: ${text}`);
  return {
    from,
    protocol,
    port: Number(port),
    ...(destination !== undefined && { destination }),
    ...(v6 !== undefined && { family: 6 as const }),
  };
}
