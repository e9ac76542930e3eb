/** Asks the simulator about the flows between two ends. */
import { PROTOCOL } from '../calico/read/protocols.ts';
import { familyOf, type Header } from '../simulator/packet.ts';
import type { Prepared, PreparedNode } from '../simulator/prepared.ts';
import type { Hop, Outcome } from '../simulator/trail.ts';
import { walk, type Origin } from '../simulator/walk.ts';
import type { Service } from '../simulator/world.ts';
import type { EndText } from './end-text.ts';
import { endsOf, type End, type Names } from './ends.ts';
import { listed, QuestionError } from './errors.ts';
import { parseWanted, portByName, portText, type Wanted } from './packet-text.ts';

export interface Question {
  readonly from: EndText;
  readonly to: EndText;
  /** Absent where `to` has it. */
  readonly port?: string;
}

export interface Answer {
  readonly from: End;
  readonly to: End;
  readonly header: Header;
  /** The addresses and port with which the packet is sent. */
  readonly sent: Hop;
  readonly outcome: Outcome;
  /** The node at which a packet from outside comes in. */
  readonly entry?: string;
}

/** More flows are no answer that a person reads. */
const MOST = 400;

/**
 * One answer for each pair of ends and each family that both have. A packet from outside to a Service has a
 * second one where it ends otherwise through a node without a pod of the Service. @throws QuestionError
 */
export function ask(prepared: Prepared, question: Question, names: Names): readonly Answer[] {
  const [froms, tos] = [endsOf(prepared, question.from, names), endsOf(prepared, question.to, names)];
  if (froms.length * tos.length > MOST)
    throw new QuestionError(
      `these are ${String(froms.length)} sources and ${String(tos.length)} destinations: name one of them in full. The sources begin with ${listed(froms.map(({ name }) => name))}`,
    );
  const wanted = wantedOf(question);
  const answers = froms.flatMap((from) => tos.flatMap((to) => askPair(prepared, { from, to, wanted })));
  const [from, to] = [froms[0], tos[0]];
  if (answers.length === 0 && from !== undefined && to !== undefined)
    throw new QuestionError(`${from.name} and ${to.name} have no addresses of one IP family`);
  return answers;
}

/** The port of the question. */
function wantedOf({ to, port }: Question): Wanted | undefined {
  const own = 'port' in to ? to.port : undefined;
  if (own !== undefined && port !== undefined && own !== port)
    throw new QuestionError(`the port is given twice, as ${own} and as ${port}: give one`);
  const text = own ?? port;
  return text === undefined ? undefined : parseWanted(text);
}

/** Two ends, and the port at the second one. */
export interface Pair {
  readonly from: End;
  readonly to: End;
  readonly wanted: Wanted | undefined;
}

/** One answer for each family that both have, and for each way in: see ask. @throws QuestionError */
export function askPair(prepared: Prepared, { from, to, wanted }: Pair): readonly Answer[] {
  if (from.kind === 'service')
    throw new QuestionError(`${from.name} opens no connection: give the pods behind it as the source`);
  if (from.kind === 'outside' && to.kind === 'outside')
    throw new QuestionError('neither end is in the cluster: one of them must be a pod, a node or a Service');
  return ([4, 6] as const).flatMap((family) => {
    const source = from.kind === 'node' ? '' : addressIn(from, family);
    const destination = addressIn(to, family);
    if (source === undefined || destination === undefined || addressIn(from, family) === undefined) return [];
    const header = headerOf(wanted, to, family);
    const sent = { source, destination, port: header.port };
    const answers = entriesOf(prepared, from, to).map((entry) => {
      const outcome = walk(prepared, originOf(from, entry), header, sent, { explain: true });
      const at = from.kind === 'outside' && { entry: entry.node.name };
      return { from, to, header, sent, outcome, ...at };
    });
    return answers.filter(
      ({ outcome }, index) => index === 0 || outcome.verdict !== answers[0]?.outcome.verdict,
    );
  });
}

function originOf(from: Exclude<End, { readonly kind: 'service' }>, entry: PreparedNode): Origin {
  switch (from.kind) {
    case 'pod':
      return { kind: 'pod', pod: from.pod };
    case 'node':
      return { kind: 'node', node: from.node };
    case 'outside':
      return { kind: 'outside', at: entry };
  }
}

const addressIn = (end: End, family: 4 | 6): string | undefined =>
  addressesOf(end).find((each) => familyOf(each) === family);

function addressesOf(end: End): readonly string[] {
  switch (end.kind) {
    case 'pod':
      return end.pod.addresses;
    case 'node':
      return end.node.node.addresses;
    case 'outside':
    case 'service':
      return [end.address];
  }
}

/** Nodes at which a packet may come in: one with an endpoint of a Service, and one without. */
function entriesOf(prepared: Prepared, from: End, to: End): readonly PreparedNode[] {
  const first = entryOf(prepared, from, to);
  if (from.kind !== 'outside' || to.kind !== 'service' || !takesClientsAnywhere(to.service)) return [first];
  const behind = prepared.services.nodesBehind(to.service);
  const other = prepared.world.nodes.find(({ name }) => name !== first.node.name && !behind.includes(name));
  const second = other === undefined ? undefined : prepared.node(other.name);
  return second === undefined ? [first] : [first, second];
}

const takesClientsAnywhere = ({ externalLocal, externalIPs, ports }: Service): boolean =>
  !externalLocal && (externalIPs.length > 0 || ports.some(({ nodePort }) => nodePort !== undefined));

/** The node at which a packet from outside comes in: that of the destination, or one with an endpoint of it. */
function entryOf(prepared: Prepared, from: End, to: End): PreparedNode {
  const name =
    to.kind === 'pod'
      ? to.pod.node
      : to.kind === 'node'
        ? to.node.node.name
        : to.kind === 'service'
          ? prepared.services.nodesBehind(to.service)[0]
          : undefined;
  const [first] = prepared.world.nodes;
  const node = prepared.node(name ?? '') ?? (first === undefined ? undefined : prepared.node(first.name));
  if (node === undefined)
    throw new QuestionError(`a packet from ${from.name} needs a node to come in at, and no Nodes were given`);
  return node;
}

function headerOf(wanted: Wanted | undefined, to: End, family: 4 | 6): Header {
  const base = { family, sourcePort: 40_000, port: 0, icmpType: 0, icmpCode: 0, state: 'new' } as const;
  const { protocol, port } = numbered(wanted ?? onlyPort(to), to, family);
  const isIcmp = wanted?.kind === 'icmp';
  return isIcmp
    ? { ...base, protocol, sourcePort: 0, icmpType: family === 4 ? ECHO : ECHO_V6 }
    : { ...base, protocol, port };
}

const [ECHO, ECHO_V6] = [8, 128];

function numbered(
  wanted: Wanted,
  to: End,
  family: 4 | 6,
): { readonly protocol: number; readonly port: number } {
  switch (wanted.kind) {
    case 'icmp':
      return { protocol: family === 4 ? PROTOCOL.ICMP : PROTOCOL.ICMPv6, port: 0 };
    case 'number':
      return wanted;
    case 'name':
      return { protocol: wanted.protocol, port: portByName(wanted, namedPortsOf(to), to.name) };
  }
}

const namedPortsOf = (to: End) =>
  to.kind === 'pod' ? to.pod.ports : to.kind === 'service' ? to.service.ports : [];

/** A Service with one port needs no other word. */
function onlyPort(to: End): Wanted {
  const ports: Service['ports'] = to.kind === 'service' ? to.service.ports : [];
  const [only, ...others] = ports;
  if (only !== undefined && others.length === 0) return { kind: 'number', ...only };
  const known = namedPortsOf(to).map((port) => `${port.name} (${portText(port)})`);
  throw new QuestionError(
    `the question has no port: add one, as 5432, 53/UDP, http or ICMP${known.length === 0 ? '' : `; ${to.name} has ${listed(known)}`}`,
  );
}
