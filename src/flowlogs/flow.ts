/** A flow as one of several sources reports it: Calico's flow logs, or the connection tracking of a node. */

/** One end, as the source names it. */
export type Seen =
  | { readonly kind: 'address'; readonly address: string }
  /**
   * A name of Calico's flow logs. One that ends in `*` stands for all pods of one owner.
   * `of` is absent where the source does not tell the kinds apart.
   */
  | {
      readonly kind: 'name';
      readonly namespace?: string;
      readonly name: string;
      readonly of?: 'pod' | 'host endpoint' | 'network set';
    }
  /** Somewhere outside; Calico's flow logs leave the address out. */
  | { readonly kind: 'network'; readonly isPublic: boolean };

/** A policy that had its say about a flow, in Calico's words. */
export interface Hit {
  /** `EndOfTier` and `Profile` are kinds as well. `CalicoNetworkPolicy` is Calico's own NetworkPolicy. */
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
  /** Empty for a profile. */
  readonly tier: string;
  readonly action: string;
  /** The place of the rule in its policy and direction, from 0. -1 at the end of a tier. */
  readonly rule: number;
  /** At the end of a tier, one of its policies that select the endpoint. */
  readonly trigger?: Pick<Hit, 'kind' | 'namespace' | 'name' | 'tier'>;
}

export interface Flow {
  readonly from: Seen;
  /** After NAT: where the packets ended. */
  readonly to: Seen;
  /** IANA's number. */
  readonly protocol: number;
  /** After NAT. 0 for protocols without ports. */
  readonly port: number;
  readonly icmpType?: number;
  /** The destination before NAT, where NAT has replaced it. */
  readonly sent?: { readonly address: string; readonly port: number };
  readonly connections: number;
  /** Milliseconds since 1970. Absent where the source has no times. */
  readonly lastSeen?: number;
  /** False where no packet came back. Absent where the source does not say. */
  readonly answered?: boolean;
  /** Calico's own verdict with staged policies, at the end that reports the flow. */
  readonly pending?: { readonly at: 'source' | 'destination'; readonly verdict: 'Allowed' | 'Denied' };
  /** The policies that were asked at that end, in their order, where the source is Calico's flow logs. */
  readonly policies?: {
    readonly at: 'source' | 'destination';
    readonly enforced: readonly Hit[];
    /** With staged policies enforced, as Calico works it out. */
    readonly pending: readonly Hit[];
    /** Connections that began while these flows were counted. */
    readonly started: number;
  };
}

/** The text is no flows. The message says what to do, and names neither file nor line. */
export class FlowLogError extends Error {
  override readonly name = 'FlowLogError';
}

/** Takes the lines of one source, in their order. */
export interface LineReader {
  /** @throws FlowLogError */
  readonly line: (text: string) => void;
  /** After the last line. @throws FlowLogError for a text that was cut off */
  readonly end: () => void;
}

export type Emit = (flow: Flow) => void;
