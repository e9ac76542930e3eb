/** The flows that rules are suggested for, each split into ends that a rule can name. */
import { PROTOCOL } from '../calico/read/protocols.ts';
import { lastingLabels } from '../questions/pod-labels.ts';
import type { Prepared, PreparedNode } from '../simulator/prepared.ts';
import { podName, type Labels, type Pod } from '../simulator/world.ts';
import type { End, Located } from '../traffic/ends.ts';
import type { Judged } from '../traffic/observed.ts';
import { PROTOCOL_NAMES } from '../questions/packet-text.ts';

/** One end, in the words of a rule. */
export type Party =
  | { readonly kind: 'pods'; readonly namespace: string; readonly labels: Labels }
  | { readonly kind: 'node'; readonly name: string; readonly labels: Labels }
  | { readonly kind: 'addresses'; readonly addresses: readonly string[]; readonly isMany: boolean };

export interface Need {
  readonly flow: Judged;
  readonly from: Party;
  readonly to: Party;
  /** `5432`, `53/UDP` or `ICMP`. */
  readonly port: number | string;
  /** The port of a node that led to the pod. */
  readonly nodePort?: NodePort;
  /** The destination is an endpoint of the API server. */
  readonly isApiServer: boolean;
}

interface NodePort {
  readonly list: 'nodePorts' | 'hostPorts';
  readonly port: number | string;
  /** kube-proxy may lead to a pod of another node, which then sees the address of the first one. */
  readonly masquerades: boolean;
}

/** A text: why no rule can be suggested. */
export function needOf(prepared: Prepared, flow: Judged): Need | string {
  const port = portOf(flow.protocol, flow.port);
  if (port === undefined) return 'rules of pods have no such protocol';
  const [source, destination] = [partyOf(flow.from, flow), partyOf(flow.to, flow)];
  if (typeof source === 'string') return source;
  if (typeof destination === 'string') return destination;
  const nodePort = nodePortOf(prepared, flow);
  const isApiServer = destination.kind === 'node' && apiServerHas(prepared, flow);
  return {
    flow,
    from: source,
    to: destination,
    port,
    isApiServer,
    ...(nodePort !== undefined && { nodePort }),
  };
}

function portOf(protocol: number, port: number): number | string | undefined {
  const name = PROTOCOL_NAMES.get(protocol) ?? '';
  if (name === 'TCP') return port;
  if (name.startsWith('ICMP')) return 'ICMP';
  return name === 'UDP' || name === 'SCTP' ? `${String(port)}/${name}` : undefined;
}

function partyOf(end: End, flow: Judged): Party | string {
  const [first] = end.candidates;
  switch (first.kind) {
    case 'pod':
      return podsOf(end.candidates, first.pod);
    case 'node':
      return end.candidates.length > 1
        ? `the flow log does not say which node "${end.name}" is`
        : nodeOf(first.node);
    case 'outside':
      if (end.address === undefined) return `the flow log leaves the address of "${end.name}" out`;
      return {
        kind: 'addresses',
        addresses: [...flow.addresses.keys()].sort(),
        isMany: flow.hasMoreAddresses,
      };
  }
}

/** A rule about {} would be one about every pod of the namespace. */
function podsOf(candidates: readonly Located[], pod: Pod): Party | string {
  const labels = lastingLabels(pod);
  if (Object.keys(labels).length === 0) return `the pod ${podName(pod)} has no label that a rule could name`;
  const isOne = candidates.every(
    (each) => each.kind === 'pod' && JSON.stringify(lastingLabels(each.pod)) === JSON.stringify(labels),
  );
  return isOne
    ? { kind: 'pods', namespace: pod.namespace, labels }
    : `pods of this name have different labels, as ${podName(pod)}`;
}

const nodeOf = ({ node }: PreparedNode): Party => ({ kind: 'node', name: node.name, labels: node.labels });

function nodePortOf(prepared: Prepared, flow: Judged): NodePort | undefined {
  const { sent, protocol } = flow;
  if (sent === undefined || prepared.placeOf(sent.address)?.kind !== 'node') return undefined;
  const port = portOf(protocol, sent.port);
  if (port === undefined || flow.to.candidates[0].kind !== 'pod') return undefined;
  const entry = prepared.services.nodePort(protocol, sent.port);
  const masquerades = entry !== undefined && !entry.service.externalLocal;
  return { list: entry === undefined ? 'hostPorts' : 'nodePorts', port, masquerades };
}

function apiServerHas(prepared: Prepared, { protocol, port, to }: Judged): boolean {
  const [at] = to.candidates;
  if (protocol !== PROTOCOL.TCP || at.kind !== 'node') return false;
  const addresses = prepared.services.addressesBehind('default/kubernetes');
  const slices = prepared.world.slices.filter(({ service }) => service === 'default/kubernetes');
  const ports = slices.flatMap(({ backends }) => backends.map((backend) => backend.port));
  return addresses.includes(at.address ?? '') && ports.includes(port);
}
