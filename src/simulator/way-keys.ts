/** Finds pairs of ends whose packets go the same way through nodes, and meet the same verdicts. */
import { numberOf, type PodChains, type PodEnd } from './pod-chains.ts';
import { nodeKeyOf } from './node-keys.ts';
import type { Prepared, PreparedNode } from './prepared.ts';
import { isTunnelled } from './routes.ts';
import { aspectOf, type Aspect } from './rules.ts';

/** An end of packets with an address of their family. */
export interface End {
  readonly address: string;
  readonly family: 4 | 6;
  /** Present where the end is a node itself. */
  readonly node?: PreparedNode;
  /** `nowhere`: nobody knows the pod's node. */
  readonly inPod?: PodEnd | 'nowhere';
}

export class WayKeys {
  readonly #prepared: Prepared;
  readonly #chains: Pick<PodChains<unknown>, 'judgeOf'>;
  readonly #nodePortsLeadToPods: boolean;
  readonly #ofPods = new WeakMap<PodEnd, number>();
  /** Keys are made for every pair, so they have numbers in place of long texts. */
  readonly #numbers = new Map<string, number>();
  readonly #nodes = new Map<string, string>();
  #hosts: Aspect | undefined;

  constructor(prepared: Prepared, chains: Pick<PodChains<unknown>, 'judgeOf'>) {
    this.#prepared = prepared;
    this.#chains = chains;
    const { services, pods } = prepared.world;
    this.#nodePortsLeadToPods =
      services.some(({ ports }) => ports.some(({ nodePort }) => nodePort !== undefined)) ||
      pods.some(({ hostPorts }) => hostPorts.length > 0);
  }

  /** Equal texts: equal verdicts about every packet. Undefined where nothing is known of other pairs. */
  keyOf(from: End, to: End): string | undefined {
    if (from.inPod === 'nowhere' || to.inPod === 'nowhere') return undefined;
    // NAT leads such packets to other pods.
    const isTranslated = to.node !== undefined && this.#nodePortsLeadToPods;
    if (isTranslated || this.#prepared.services.hasAddress(to.address)) return undefined;
    const sender = from.inPod?.node ?? from.node;
    const receiver = to.inPod?.node ?? to.node;
    const isTunnel = sender !== undefined && isTunnelled(this.#prepared, sender, to.address);
    const places = `${String(from.family)}${sender === receiver ? 's' : 'o'}${String(isTunnel)}`;
    return `${places}|${this.#partOf('egress', from, to)}|${this.#partOf('ingress', to, from)}`;
  }

  #partOf(direction: 'egress' | 'ingress', own: End, other: End): string {
    if (own.node !== undefined) return `${own.node.node.name}/`;
    if (own.inPod === undefined || own.inPod === 'nowhere') return own.address;
    const { number } = this.#chains.judgeOf(direction, own.inPod);
    const isJudged = other.inPod !== undefined && other.inPod !== 'nowhere';
    const asks = isJudged
      ? this.#chains.judgeOf(direction === 'egress' ? 'ingress' : 'egress', other.inPod).aspect
      : undefined;
    const answers = asks && this.#prepared.book.answers(asks, this.#prepared.party(own.address));
    return `${String(number)},${String(this.#ofPod(own.inPod))},${answers ?? ''}`;
  }

  /** Everything that host endpoints, NAT and routes may ask about a pod. */
  #ofPod(end: PodEnd): number {
    const known = this.#ofPods.get(end);
    if (known !== undefined) return known;
    this.#hosts ??= askedByHosts(this.#prepared);
    const party = this.#prepared.party(end.address);
    const key = [
      this.#prepared.book.answers(this.#hosts, party),
      this.#prepared.placementOf(end.address),
      this.#nodeKey(end.node.node.name),
    ].join(' ');
    const number = numberOf(this.#numbers, key);
    this.#ofPods.set(end, number);
    return number;
  }

  #nodeKey(name: string): string {
    const key = this.#nodes.get(name) ?? nodeKeyOf(this.#prepared, name);
    this.#nodes.set(name, key);
    return key;
  }
}

/** The questions of host endpoints' policies about either end. */
function askedByHosts(prepared: Prepared): Aspect {
  const rules = prepared.world.hostEndpoints.flatMap((endpoint) => {
    const { preDNAT, ingress, egress, forwardIngress, forwardEgress } = prepared.hostChains(endpoint);
    return [preDNAT, ingress, egress, forwardIngress, forwardEgress].flatMap(({ tiers }) =>
      tiers.flatMap(({ policies }) => policies.flatMap((policy) => policy.rules.map(({ rule }) => rule))),
    );
  });
  const unique = [...new Set(rules)];
  const [source, destination] = [aspectOf(unique, 'source'), aspectOf(unique, 'destination')];
  return {
    questions: new Set([...source.questions, ...destination.questions]),
    names: new Set([...source.names, ...destination.names]),
    services: destination.services,
  };
}
