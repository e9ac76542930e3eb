import type { Assertion } from '../api/schema.ts';
import type { ServiceInfo } from '../inventory/types.ts';

/** An assertion, and where it stands. */
export interface Asserted {
  readonly firewall: string;
  /** Its form is `spec.assertions[3]`. */
  readonly path: string;
  readonly assertion: Assertion;
}

/** The answer to an assertion. */
export type Judgement =
  | { readonly is: 'Holds' }
  | {
      readonly is: 'Fails';
      /** A flow with the other verdict: `shop/[app=web] to shop/db, 5432/TCP`. */
      readonly flow: string;
      readonly verdict: 'Allowed' | 'Denied';
      /** The place, and the rule or policy that decides there. */
      readonly because: string;
    }
  | {
      readonly is: 'Unknown';
      readonly because: string;
      /** True where the manifest can say what is missing: the labels of a namespace. */
      readonly isUnsaid?: true;
    };

export interface Judged extends Asserted {
  readonly judgement: Judgement;
}

/** Services besides those of the world. */
export interface KnownServices {
  /** Undefined where nobody has looked. */
  readonly named: readonly ServiceInfo[] | undefined;
  /** Present where the world has no Services although the cluster may have some. */
  readonly unseen?: {
    readonly isAddress: (address: string) => boolean;
    /** NodePorts outside of the usual range, as `20080/TCP`. */
    readonly nodePorts: ReadonlySet<string>;
  };
}
