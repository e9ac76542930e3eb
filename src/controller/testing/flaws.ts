/** A small cluster, and all that is wrong with a change in it: on the way, and at the end. */
import type { GeneratedObject } from '../../calico/types.ts';
import {
  describeFlow,
  type Cluster,
  type Flow,
  type OutsideHost,
  type Pod,
} from '../../compiler/testing/cluster.ts';
import { readingOf } from '../../compiler/testing/reading.ts';
import { flowsOf } from '../../compiler/testing/surroundings.ts';
import type { Inventory } from '../../inventory/types.ts';
import type { Role } from '../objects/role.ts';
import { describeNodeFlow, nodeReadingOf, type NodeFlow } from './node-reading.ts';
import { contentOf } from './objects.ts';
import { byId, change, compiledFrom, type Disturbance, type Objects, type Situation } from './one-change.ts';

const pod = (id: string, namespace: string, last: number): Pod => ({
  kind: 'pod',
  id,
  namespace,
  labels: {},
  addresses: { 4: `10.244.0.${String(last)}` },
  node: 'a',
  ports: [],
});
const outside = (id: string, address: string): OutsideHost => ({
  kind: 'outside',
  id,
  addresses: { 4: address },
});
const namespaces = ['blog', 'edge', 'shop'].map((name) => ({
  name,
  labels: { 'kubernetes.io/metadata.name': name },
}));

const CLUSTER: Cluster = {
  namespaces,
  pods: [pod('web', 'blog', 2), pod('db', 'blog', 3), pod('proxy', 'edge', 4), pod('cart', 'shop', 5)],
  nodes: [
    { kind: 'node', id: 'cp', labels: {}, addresses: { 4: '10.99.0.11' } },
    { kind: 'node', id: 'a', labels: { edge: 'true' }, addresses: { 4: '10.99.0.12' } },
  ],
  outside: [outside('office', '198.51.100.10'), outside('stranger', '203.0.113.50')],
  hostEndpoints: false,
  apiServer: [],
  tenantSets: [],
  tenantPolicies: [],
};

/** A second address of node `a`. The inventory has it only where a case says so. */
export const SECOND_ADDRESS = '10.99.0.22';

export const inventory = {
  namespaces,
  nodes: [
    { name: 'cp', labels: { 'node-role.kubernetes.io/control-plane': '' }, addresses: ['10.99.0.11'] },
    { name: 'a', labels: { edge: 'true' }, addresses: ['10.99.0.12'] },
  ],
  apiServerEndpoints: ['10.99.0.11'],
  ipPools: ['10.244.0.0/16'],
  automaticHostEndpoints: false,
} satisfies Inventory;

/** At the pods' ends only, as behind natOutgoing: a node on the way to another one cannot tell pods apart. */
const POD_FLOWS: readonly Flow[] = [
  ...flowsOf(CLUSTER).filter(({ protocol, from }) => protocol === 'TCP' && from.kind !== 'node'),
  ...CLUSTER.pods.flatMap((from) =>
    CLUSTER.nodes.flatMap((to) =>
      [9100, 10250].map((port): Flow => ({ from, to, port, protocol: 'TCP', ipVersion: 4 })),
    ),
  ),
];
const NODE_FLOWS: readonly NodeFlow[] = [...CLUSTER.pods, ...CLUSTER.nodes, ...CLUSTER.outside].flatMap(
  (from) =>
    [
      { node: 'cp', address: '10.99.0.11' },
      { node: 'a', address: '10.99.0.12' },
      { node: 'a', address: SECOND_ADDRESS },
    ].flatMap((to) => [22, 8080, 9100].map((port) => ({ from, ...to, port, forwarded: port === 8080 }))),
);

/** The reason why each flow is refused; undefined: it passes. */
function verdicts(objects: Objects): ReadonlyMap<string, string | undefined> {
  const list = [...objects.values()];
  const [atPods, atNodes] = [readingOf(list, CLUSTER), nodeReadingOf(list, CLUSTER)];
  return new Map([
    ...POD_FLOWS.map((flow): [string, string | undefined] => {
      const { allowed, by } = atPods(flow);
      return [describeFlow(flow), allowed ? undefined : by];
    }),
    ...NODE_FLOWS.map((flow): [string, string | undefined] => [describeNodeFlow(flow), atNodes(flow)]),
  ]);
}

export interface Case {
  readonly before: Situation;
  /** A change that the operator begins before the one that is looked at, and does not finish. */
  readonly begun?: { readonly to: Situation; readonly until: Role };
  /** Another client's edit of the stored objects. */
  readonly edit?: (object: GeneratedObject) => GeneratedObject;
  readonly after: Situation;
}

/**
 * Objects that are wrong at the end. If there are none: flows with one verdict before and after, and another
 * one on the way.
 */
export function flaws({ before, begun, edit, after }: Case, disturbance?: Disturbance): readonly string[] {
  const old = byId(compiledFrom(before));
  const stopped = begun === undefined ? old : (change(old, begun.to, { until: begun.until }).at(-1) ?? old);
  const from = edit === undefined ? stopped : byId([...stopped.values()].map(edit));
  const states = change(from, after, disturbance === undefined ? {} : { disturbance });
  const wrong = wrongAtTheEnd([...(states.at(-1) ?? from).values()], compiledFrom(after));
  return wrong.length > 0 ? wrong : wrongOnTheWay(states);
}

function wrongAtTheEnd(
  is: readonly GeneratedObject[],
  wanted: readonly GeneratedObject[],
): readonly string[] {
  const [contents, wantedContents] = [contentOf(is), contentOf(wanted)];
  return [
    ...wantedContents.filter((each) => !contents.includes(each)).map((each) => `missing: ${each}`),
    ...contents.filter((each) => !wantedContents.includes(each)).map((each) => `left over: ${each}`),
  ];
}

function wrongOnTheWay(states: readonly Objects[]): readonly string[] {
  const [before, ...later] = states.map(verdicts);
  const after = later.at(-1);
  const passes = (state: typeof before, flow: string): boolean => state?.get(flow) === undefined;
  return [...(before?.keys() ?? [])].filter(
    (flow) =>
      passes(before, flow) === passes(after, flow) &&
      later.some((state) => passes(state, flow) !== passes(before, flow)),
  );
}
