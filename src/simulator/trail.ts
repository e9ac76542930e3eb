/** The places that a packet has passed, and the one that decides. */
import { judge, type Chain } from './chains.ts';
import type { Asked, Decision, Verdict } from './decision.ts';
import type { Header } from './packet.ts';
import type { Prepared, PreparedNode } from './prepared.ts';

export type Layer =
  | 'pod egress'
  | 'pod ingress'
  | 'host before DNAT'
  | 'host ingress'
  | 'host egress'
  | 'host forward in'
  | 'host forward out'
  | 'pod to its node'
  | 'tunnel'
  | 'Service'
  | 'delivery';

/** Addresses and port as they are at one place. */
export interface Hop {
  readonly source: string;
  readonly destination: string;
  readonly port: number;
}

/** One place where the packet was judged. */
export interface Step extends Hop {
  readonly node: string;
  readonly layer: Layer;
  /** The pod or host endpoint. */
  readonly endpoint: string;
  readonly decision: Decision;
  /** Policies that were asked, where the caller wanted to know. */
  readonly asked?: readonly Asked[];
}

export interface Outcome {
  readonly verdict: Verdict;
  readonly steps: readonly Step[];
  /** The step that decided: the denial, the unknown, or the last place of all. */
  readonly decisive: Step;
  /** True where kube-proxy may choose other ways, which have the same verdict. */
  readonly isOneOfSeveral?: true;
}

export type Next = 'next' | 'stop';

/** A place that is about to judge. */
export interface Where {
  readonly node: PreparedNode;
  readonly layer: Layer;
  readonly endpoint: string;
}

export class Trail {
  readonly #prepared: Prepared;
  readonly #explain: boolean;
  #steps: Step[] = [];
  #asked: Asked[] | undefined;

  constructor(prepared: Prepared, explain: boolean) {
    this.#prepared = prepared;
    this.#explain = explain;
  }

  /** Asks the policies of an endpoint. */
  judge(chain: Chain, hop: Hop, of: Header): Decision {
    const header = of.port === hop.port ? of : { ...of, port: hop.port };
    this.#asked = this.#explain ? [] : undefined;
    const parties = {
      source: this.#prepared.party(hop.source),
      destination: this.#prepared.party(hop.destination),
    };
    return judge(this.#prepared.book, chain, header, parties, this.#asked);
  }

  pass({ node, layer, endpoint }: Where, { source, destination, port }: Hop, decision: Decision): Next {
    const asked = this.#asked;
    this.#asked = undefined;
    const step = { node: node.node.name, layer, endpoint, source, destination, port, decision };
    this.#steps.push(asked === undefined ? step : { ...step, asked });
    return decision.verdict === 'Allowed' ? 'next' : 'stop';
  }

  /** The packet goes no further. */
  end(where: Where, hop: Hop, decision: Decision): Outcome {
    this.pass(where, hop, decision);
    return this.outcome();
  }

  outcome(): Outcome {
    const decisive = this.#steps.at(-1);
    if (decisive === undefined) throw new RangeError('nobody has judged the packet');
    return { verdict: decisive.decision.verdict, steps: this.#steps, decisive };
  }

  /** Follows each of several ways from here, and comes back. */
  fork(ways: readonly (() => Outcome)[]): readonly Outcome[] {
    const steps = this.#steps;
    const outcomes = ways.map((go) => {
      this.#steps = [...steps];
      return go();
    });
    this.#steps = [...steps];
    return outcomes;
  }
}
