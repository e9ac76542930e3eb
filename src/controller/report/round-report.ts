import type { Journal } from '../apply/journal.ts';
import type { StoredFirewall } from '../observe/firewalls.ts';
import type { Verdict } from '../apply/verdicts.ts';
import type { Finding } from './status.ts';

/**
 * Collects the results of a round for metrics and Events. A round that fails has filled it as far as it came.
 */
export class RoundReport implements Journal {
  readonly repairs: Journal['repairs'] = [];
  readonly failsafes: Journal['failsafes'] = [];
  /** Undefined before the writes are done, and where Calico is not served. */
  verdicts: readonly Verdict[] | undefined;
  readonly findings: { readonly firewall: StoredFirewall; readonly finding: Finding }[] = [];
}
