/**
 * The way of a packet through nodes, and what each place on it decides. Sources: felix/rules (static.go,
 * dispatch.go, endpoints.go) at v3.31.
 */
import { PROTOCOL } from '../calico/read/protocols.ts';
import {
  allowed,
  DELIVERED,
  denied,
  ESTABLISHED,
  INSIDE,
  INVALID,
  LEFT,
  NO_SUCH_PORT,
  OWN_POD,
  TUNNEL_OF_POD,
  unknown,
  type Decision,
} from './decision.ts';
import { failsafeOf } from './failsafes.ts';
import { HOST_LAYERS, type HostLayer } from './host-layers.ts';
import { resolve, WORKLOAD, type Interface } from './hosts.ts';
import { familyOf, NEIGHBOUR_DISCOVERY, type Header } from './packet.ts';
import { missingForWay } from './missing.ts';
import type { HostChains, Prepared, PreparedNode } from './prepared.ts';
import {
  inbound,
  isLocal,
  isTunnelled,
  mayBePod,
  nodeOf,
  outerHop,
  outbound,
  ownSource,
  ownSourceAfter,
  routeOf,
  sourceAfter,
} from './routes.ts';
import { Trail, type Hop, type Next, type Outcome } from './trail.ts';
import { translate, type Translation } from './translate.ts';
import type { Entry, Forwarding, FoundEndpoint, HostJudgement, Sending } from './walk-types.ts';
import type { Pod } from './world.ts';

export type Origin =
  | { readonly kind: 'pod'; readonly pod: Pod }
  | { readonly kind: 'node'; readonly node: PreparedNode }
  /** An address outside, whose packets come in at this node. */
  | { readonly kind: 'outside'; readonly at: PreparedNode };

export interface WalkOptions {
  /** True: steps tell every policy that was asked. */
  readonly explain?: boolean;
}

/**
 * @param hop as the packet is sent. An empty `source` of a node's own packet means the kernel's choice.
 */
export function walk(
  prepared: Prepared,
  origin: Origin,
  header: Header,
  hop: Hop,
  { explain = false }: WalkOptions = {},
): Outcome {
  return new Walk(prepared, header, explain).from(origin, hop);
}

class Walk {
  readonly #prepared: Prepared;
  readonly #header: Header;
  readonly #trail: Trail;

  constructor(prepared: Prepared, header: Header, explain: boolean) {
    this.#prepared = prepared;
    this.#header = header;
    this.#trail = new Trail(prepared, explain);
  }

  from(origin: Origin, hop: Hop): Outcome {
    const isPod = this.#prepared.placeOf(hop.destination)?.kind === 'pod';
    const missing = missingForWay(this.#prepared.world, isPod);
    if (missing !== undefined) return this.#unknownWay(this.#nodeOf(origin), hop, missing);
    if (origin.kind === 'node') return this.#output(origin.node, hop);
    if (origin.kind === 'outside') return this.#arrive(origin.at, { from: inbound(origin.at, hop) }, hop);
    const { pod } = origin;
    const node = this.#nodeOf(origin);
    const where = { node, layer: 'delivery', endpoint: pod.name } as const;
    if (pod.addresses.includes(hop.destination)) return this.#trail.end(where, hop, INSIDE);
    return this.#arrive(node, { from: WORKLOAD, pod }, hop);
  }

  #nodeOf(origin: Origin): PreparedNode {
    if (origin.kind !== 'pod') return origin.kind === 'node' ? origin.node : origin.at;
    const node = this.#prepared.node(origin.pod.node);
    if (node === undefined) throw new RangeError(`the node ${origin.pod.node} of a pod is missing`);
    return node;
  }

  /** PREROUTING and what follows. */
  #arrive(node: PreparedNode, entry: Entry, hop: Hop): Outcome {
    const accepted = this.#preDNAT(node, entry.from, hop);
    if (accepted === 'stop') return this.#trail.outcome();
    const sender = entry.pod === undefined ? this.#senderOf(hop.source, node) : 'pod';
    const translation = entry.isTranslated === true ? UNTRANSLATED : this.#translate(node, hop, sender);
    return this.#branches(node, hop, translation, (next, masquerade) =>
      isLocal(node, next.destination)
        ? this.#input(node, entry, next, accepted)
        : this.#forward(node, entry, next, { accepted, masquerade }),
    );
  }

  /** The layer before DNAT. @returns whether a policy has accepted the packet for the host layers to come */
  #preDNAT(node: PreparedNode, from: Interface, hop: Hop): boolean | 'stop' {
    const counts = (chains: HostChains): boolean =>
      chains.preDNAT.tiers.length > 0 || chains.preDNAT.unknown !== undefined;
    const found = this.#endpointAt(node, from, counts);
    if (found === undefined) return false;
    const decision =
      found.unknown ??
      this.#early(node, 'inbound', hop) ??
      this.#trail.judge(found.chains.preDNAT, hop, this.#header);
    const where = { node, layer: 'host before DNAT', endpoint: found.name } as const;
    if (this.#trail.pass(where, hop, decision) === 'stop') return 'stop';
    return decision.by.kind === 'rule';
  }

  /** INPUT: delivery to the node itself. */
  #input(node: PreparedNode, entry: Entry, hop: Hop, accepted: boolean): Outcome {
    if (entry.pod !== undefined) return this.#podToNode(node, entry.pod, hop);
    const isPassed = accepted || this.#host(node, entry.from, 'host ingress', hop) === 'next';
    return isPassed ? this.#delivered(node, hop) : this.#trail.outcome();
  }

  #podToNode(node: PreparedNode, pod: Pod, hop: Hop): Outcome {
    if (this.#isNeighbourDiscovery()) return this.#delivered(node, hop);
    if (this.#podEgress(node, pod, hop) === 'stop') return this.#trail.outcome();
    const { endpointToHostAction: action } = node.settings;
    const by = { kind: 'builtIn', why: `defaultEndpointToHostAction ${action}` } as const;
    const unknownSettings = settingsUnknown(node);
    const isDrop = action === 'Drop' && this.#header.state !== 'established';
    const decision = unknownSettings ?? (isDrop ? denied(by) : allowed(by));
    const where = { node, layer: 'pod to its node', endpoint: pod.name } as const;
    const next = this.#trail.pass(where, hop, decision);
    return next === 'next' ? this.#delivered(node, hop) : this.#trail.outcome();
  }

  /** static.go, ICMPv6Filter. */
  #isNeighbourDiscovery(): boolean {
    const { protocol, family, icmpType } = this.#header;
    return family === 6 && protocol === PROTOCOL.ICMPv6 && NEIGHBOUR_DISCOVERY.has(icmpType);
  }

  #forward(node: PreparedNode, entry: Entry, hop: Hop, { accepted, masquerade }: Forwarding): Outcome {
    const place = this.#prepared.placeOf(hop.destination);
    const lost = this.#lostService(node, hop);
    if (lost !== undefined) return lost;
    const toPod = place?.kind === 'pod' && place.pod.node === node.node.name ? place.pod : undefined;
    const tunnelled = toPod === undefined && isTunnelled(this.#prepared, node, hop.destination);
    if (typeof tunnelled === 'string') return this.#unknownWay(node, hop, tunnelled);
    const to = toPod === undefined ? outbound(node, tunnelled) : WORKLOAD;
    const isPassed =
      (accepted || this.#host(node, entry.from, 'host forward in', hop) === 'next') &&
      (entry.pod === undefined || this.#podEgress(node, entry.pod, hop) === 'next') &&
      (toPod === undefined || this.#podIngress(node, toPod, hop) === 'next') &&
      this.#host(node, to, 'host forward out', hop) === 'next';
    if (!isPassed) return this.#trail.outcome();
    const source = sourceAfter(this.#prepared, node, hop, { tunnelled, masquerade, toPod });
    if (toPod !== undefined)
      return this.#trail.end(
        { node, layer: 'delivery', endpoint: toPod.name },
        { ...hop, source },
        DELIVERED,
      );
    return this.#leave(node, { ...hop, source }, tunnelled);
  }

  /** The packet is on its way to another node or to the outside. */
  #leave(node: PreparedNode, hop: Hop, tunnelled: boolean): Outcome {
    const place = this.#prepared.placeOf(hop.destination);
    if (place === undefined && mayBePod(this.#prepared, hop.destination))
      return this.#unknownWay(node, hop, 'pods are missing, and the destination may be one');
    if (place === undefined)
      return this.#trail.end({ node, layer: 'delivery', endpoint: hop.destination }, hop, LEFT);
    const target = nodeOf(this.#prepared, place);
    if (target === undefined) return this.#unknownWay(node, hop, 'the node of the destination is missing');
    if (!tunnelled) return this.#arrive(target, { from: inbound(target, hop) }, hop);
    if (this.#tunnel(node, target, hop) === 'stop') return this.#trail.outcome();
    return this.#arrive(target, { from: target.interfaces.tunnel }, hop);
  }

  /**
   * The outer packet of VXLAN, and that of the answer. It is not tracked, so each one meets the layer before
   * DNAT. Felix's own rules let it in and out elsewhere.
   */
  #tunnel(node: PreparedNode, target: PreparedNode, inner: Hop): Next {
    for (const [from, to] of [
      [node, target],
      [target, node],
    ] as const) {
      const hop = outerHop(from, to, familyOf(inner.destination));
      const where = { node: to, layer: 'tunnel' } as const;
      if (hop === undefined)
        return this.#trail.pass({ ...where, endpoint: '' }, inner, unknown('a node has no address'));
      const header: Header = { ...this.#header, protocol: PROTOCOL.UDP, sourcePort: 0, state: 'new' };
      const found = this.#endpointAt(to, inbound(to, hop), ({ preDNAT }) => preDNAT.tiers.length > 0);
      if (found === undefined) continue;
      const outer = { ...header, port: hop.port };
      const decision =
        found.unknown ??
        failsafeOf(this.#prepared, to.settings.failsafeInbound, outer, hop.source) ??
        this.#trail.judge(found.chains.preDNAT, hop, outer);
      if (this.#trail.pass({ ...where, endpoint: found.name }, hop, decision) === 'stop') return 'stop';
    }
    return 'next';
  }

  /** OUTPUT: a packet of the node's own. */
  #output(node: PreparedNode, sent: Hop): Outcome {
    const route = routeOf(this.#prepared, node, sent.destination);
    if (typeof route === 'string') return this.#unknownWay(node, sent, route);
    const source = sent.source === '' ? ownSource(node, sent.destination, route) : sent.source;
    const hop = { ...sent, source };
    return this.#branches(node, hop, this.#translate(node, hop, 'node'), (next, masquerade, isTranslated) =>
      this.#send(node, next, { before: route, masquerade, isTranslated }),
    );
  }

  #send(node: PreparedNode, hop: Hop, { before, masquerade, isTranslated }: Sending): Outcome {
    const route = routeOf(this.#prepared, node, hop.destination);
    if (typeof route === 'string') return this.#unknownWay(node, hop, route);
    // In nftables mode `ct status != dnat` holds for translated packets, too, and the interface is still the
    // one of the old destination. A packet that is marked as accepted there is not judged again.
    const isEarly = isTranslated && node.settings.nftables && before.toPod === undefined;
    const early = isEarly ? this.#judgeHost(node, before.at, 'host egress', hop) : UNJUDGED;
    const isPassed =
      early.next === 'next' &&
      (early.isMarked ||
        route.toPod !== undefined ||
        this.#host(node, route.at, 'host egress', hop) === 'next');
    if (!isPassed) return this.#trail.outcome();
    const { toPod } = route;
    const tunnelled = route.at.kind === 'tunnel';
    const next = { ...hop, source: ownSourceAfter(node, hop, { tunnelled, masquerade, toPod }) };
    if (toPod !== undefined)
      return this.#trail.end({ node, layer: 'delivery', endpoint: toPod.name }, next, OWN_POD);
    if (route.at.kind === 'lo') return this.#arrive(node, { from: route.at, isTranslated: true }, hop);
    const lost = this.#lostService(node, hop);
    if (lost !== undefined) return lost;
    return this.#leave(node, next, tunnelled);
  }

  /** One layer of the host endpoint at an interface. Without an endpoint nothing is judged. */
  #host(node: PreparedNode, at: Interface, layer: HostLayer, hop: Hop): Next {
    return this.#judgeHost(node, at, layer, hop).next;
  }

  #judgeHost(node: PreparedNode, at: Interface, layer: HostLayer, hop: Hop): HostJudgement {
    const found = this.#endpointAt(node, at, () => true);
    if (found === undefined) return UNJUDGED;
    const { chain, early } = HOST_LAYERS[layer];
    const decision =
      found.unknown ??
      (early === 'forward' ? this.#tracked(node) : this.#early(node, early, hop)) ??
      this.#trail.judge(chain(found.chains), hop, this.#header);
    const { kind } = decision.by;
    const next = this.#trail.pass({ node, layer, endpoint: found.name }, hop, decision);
    return { next, isMarked: kind === 'rule' || kind === 'profile' };
  }

  #endpointAt(
    node: PreparedNode,
    at: Interface,
    counts: (chains: HostChains) => boolean,
  ): FoundEndpoint | undefined {
    if (node.endpoints.length === 0) return undefined;
    const found = resolve(node.endpoints, at, (endpoint) => counts(this.#prepared.hostChains(endpoint)));
    if (found.kind === 'none') return undefined;
    const chains = this.#prepared.hostChains(found.endpoint);
    const isUntracked = chains.hasUntracked && !found.isWildcard;
    const because = found.unknown ?? (isUntracked ? 'doNotTrack policies are not simulated' : undefined);
    const refused = settingsUnknown(node) ?? (because === undefined ? undefined : unknown(because));
    return { name: found.endpoint.name, chains, ...(refused !== undefined && { unknown: refused }) };
  }

  #podEgress(node: PreparedNode, pod: Pod, hop: Hop): Next {
    const decision =
      node.unknown ??
      this.#tracked(node) ??
      (this.#isTunnelOfPod(node, hop) ? TUNNEL_OF_POD : undefined) ??
      this.#trail.judge(this.#prepared.podChains(pod).egress, hop, this.#header);
    return this.#trail.pass({ node, layer: 'pod egress', endpoint: pod.name }, hop, decision);
  }

  #isTunnelOfPod({ settings }: PreparedNode, { port }: Hop): boolean {
    const { protocol } = this.#header;
    if (protocol === IPIP) return !settings.allowsIpipFromWorkloads;
    return protocol === PROTOCOL.UDP && port === settings.vxlanPort && !settings.allowsVxlanFromWorkloads;
  }

  #podIngress(node: PreparedNode, pod: Pod, hop: Hop): Next {
    const chain = this.#prepared.podChains(pod).ingress;
    const decision = node.unknown ?? this.#tracked(node) ?? this.#trail.judge(chain, hop, this.#header);
    return this.#trail.pass({ node, layer: 'pod ingress', endpoint: pod.name }, hop, decision);
  }

  #branches(
    node: PreparedNode,
    hop: Hop,
    translation: Translation,
    go: (next: Hop, masquerade: boolean, isTranslated: boolean) => Outcome,
  ): Outcome {
    if (translation.kind === 'none') return go(hop, false, false);
    const where = { node, layer: 'Service', endpoint: translation.name } as const;
    if (translation.kind === 'unknown') return this.#trail.end(where, hop, unknown(translation.why));
    if (translation.kind === 'refused')
      return this.#trail.end(where, hop, denied({ kind: 'builtIn', why: translation.why }));
    const { targets, masquerade, name } = translation;
    // A backend that reaches itself: proxier.go, "traffic that loops back to the originator".
    const follow = ({ address, port }: (typeof targets)[number]): Outcome =>
      go({ source: hop.source, destination: address, port }, masquerade || address === hop.source, true);
    const [only] = targets;
    if (targets.length === 1 && only !== undefined) return follow(only);
    const outcomes = this.#trail.fork(targets.map((target) => () => follow(target)));
    const [first] = outcomes;
    if (first !== undefined && outcomes.every(({ verdict }) => verdict === first.verdict))
      return { ...first, isOneOfSeveral: true };
    const verdicts = targets.map(({ address }, index) => `${address} ${outcomes[index]?.verdict ?? ''}`);
    return this.#trail.end(where, hop, unknown(`the backends of ${name} differ: ${verdicts.join(', ')}`));
  }

  #translate(node: PreparedNode, hop: Hop, from: 'pod' | 'node' | 'outside'): Translation {
    if (!this.#prepared.services.hasAddress(hop.destination) && !isLocal(node, hop.destination))
      return UNTRANSLATED;
    const { protocol } = this.#header;
    const sent = { ...hop, protocol, node: node.node.name, isLocal: isLocal(node, hop.destination), from };
    return translate(this.#prepared.services, sent);
  }

  /** The kind of sender that kube-proxy sees. */
  #senderOf(address: string, at: PreparedNode): 'pod' | 'node' | 'outside' {
    if (this.#prepared.party(address).pool !== undefined) return 'pod';
    return isLocal(at, address) ? 'node' : 'outside';
  }

  /** A Service's own address, which no NAT has replaced. */
  #lostService(node: PreparedNode, hop: Hop): Outcome | undefined {
    const { services } = this.#prepared;
    if (this.#prepared.placeOf(hop.destination) !== undefined || !services.hasAddress(hop.destination))
      return undefined;
    return this.#trail.end({ node, layer: 'Service', endpoint: hop.destination }, hop, NO_SUCH_PORT);
  }

  #tracked({ settings }: PreparedNode): Decision | undefined {
    if (this.#header.state === 'established') return ESTABLISHED;
    return this.#header.state === 'invalid' && !settings.ignoresInvalid ? INVALID : undefined;
  }

  /** The decisions of host endpoints before their policies. */
  #early(node: PreparedNode, direction: 'inbound' | 'outbound', hop: Hop): Decision | undefined {
    const tracked = this.#tracked(node);
    if (tracked !== undefined) return tracked;
    const header = { ...this.#header, port: hop.port };
    return direction === 'inbound'
      ? failsafeOf(this.#prepared, node.settings.failsafeInbound, header, hop.source)
      : failsafeOf(this.#prepared, node.settings.failsafeOutbound, header, hop.destination);
  }

  #delivered(node: PreparedNode, hop: Hop): Outcome {
    return this.#trail.end({ node, layer: 'delivery', endpoint: node.node.name }, hop, DELIVERED);
  }

  #unknownWay(node: PreparedNode, hop: Hop, because: string): Outcome {
    return this.#trail.end({ node, layer: 'delivery', endpoint: '' }, hop, unknown(because));
  }
}

const UNJUDGED: HostJudgement = { next: 'next', isMarked: false };
const IPIP = 4;
const UNTRANSLATED: Translation = { kind: 'none' };
const settingsUnknown = ({ settings, unknown: broken }: PreparedNode): Decision | undefined =>
  broken ?? (settings.unknown === undefined ? undefined : unknown(settings.unknown));
