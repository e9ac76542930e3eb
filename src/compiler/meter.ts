/**
 * Counts what is about to be made, before it is made (bounds.ts). ProblemCollector.guard measures each rule;
 * the functions that multiply charge it.
 */
import { BOUNDS } from './bounds.ts';

/**
 * A rule would make more than it may, or more than is left for it. The message has both numbers and the
 * remedy.
 */
export class OverBound extends Error {
  override readonly name = 'OverBound';
}

/** Counts of one rule so far: `made` are bytes of its Calico rules, `bytes` those of its policies. */
interface RuleCounts {
  nets: number;
  rules: number;
  made: number;
  bytes: number;
}
/** Counts of all rules of one firewall. */
interface FirewallCounts {
  nets: number;
  objects: number;
  bytes: number;
}

/** Counts for one compilation. */
export class Meter {
  readonly #rules = new Map<string, RuleCounts>();
  readonly #firewalls = new Map<string, FirewallCounts>();

  /**
   * Runs the compilation of a rule, or of a part of it. Its charges count only if it succeeds.
   * @throws OverBound from within `work`
   */
  measure<T>({ firewall, id }: { readonly firewall: string; readonly id: string }, work: () => T): T {
    const rule = valueOf(this.#rules, id, () => ({ nets: 0, rules: 0, made: 0, bytes: 0 }));
    const whole = valueOf(this.#firewalls, firewall, () => ({ nets: 0, objects: 0, bytes: 0 }));
    const before = [{ ...rule }, { ...whole }];
    const outer = current;
    current = { rule, whole };
    try {
      return work();
    } catch (error) {
      Object.assign(rule, before[0]);
      Object.assign(whole, before[1]);
      throw error;
    } finally {
      current = outer;
    }
  }
}

function valueOf<V>(map: Map<string, V>, key: string, make: () => V): V {
  const known = map.get(key);
  if (known !== undefined) return known;
  const value = make();
  map.set(key, value);
  return value;
}

/** The rule that is being compiled. Compiling is synchronous, so there is never more than one. */
let current: { readonly rule: RuleCounts; readonly whole: FirewallCounts } | undefined;

/** How many networks may still be charged, and one more. Nobody needs to count further. */
export const enoughNets = (): number =>
  current === undefined
    ? Infinity
    : 1 + Math.min(BOUNDS.rule.nets - current.rule.nets, BOUNDS.firewall.nets - current.whole.nets);

export function chargeNets(count: number): void {
  if (current === undefined) return;
  const { rule, whole } = current;
  rule.nets += count;
  whole.nets += count;
  refuse(
    rule.nets,
    BOUNDS.rule.nets,
    (most) =>
      `leaves more than ${most} networks of its ipBlocks, the most for a rule: leave out fewer or larger parts, or split the rule`,
  );
  refuse(
    whole.nets,
    BOUNDS.firewall.nets,
    (most) =>
      `leaves so many networks of its ipBlocks that all rules of the ClusterFirewall have more than ${most}: leave out fewer or larger parts, here or in other rules`,
  );
}

/** Calico rules, and the characters of their JSON. They may end up in several policies. */
export function chargeRules(count: number, bytes: number): void {
  if (current === undefined) return;
  const { rule } = current;
  rule.rules += count;
  rule.made += bytes;
  refuse(
    rule.rules,
    BOUNDS.rule.rules,
    (most, asked) =>
      `needs ${asked} Calico rules, sources or destinations times ports, and the most is ${most}: ${SMALLER}`,
  );
  refuseRuleBytes(rule.made);
  refuseBytes(current.whole.bytes + bytes);
}

/**
 * Checks for room before selectors are printed, of which there may be thousands. Policies are charged later.
 */
export function expectPolicies(count: number, bytes: number): void {
  if (current === undefined) return;
  refuseRuleBytes(current.rule.bytes + bytes);
  refuseObjects(current.whole.objects + count);
  refuseBytes(current.whole.bytes + bytes);
}

/** The same for the ends of rules. */
export function expectRules(bytes: number): void {
  if (current === undefined) return;
  refuseRuleBytes(current.rule.made + bytes);
  refuseBytes(current.whole.bytes + bytes);
}

/** Policies, and the characters of their JSON. */
export function chargeObjects(count: number, bytes: number): void {
  if (current === undefined) return;
  current.rule.bytes += bytes;
  refuseRuleBytes(current.rule.bytes);
  chargeCopies(count, bytes);
}

/** The same for what grows with the number of namespaces. No rule is to blame for that. */
export function chargeCopies(count: number, bytes: number): void {
  if (current === undefined) return;
  const { whole } = current;
  whole.objects += count;
  whole.bytes += bytes;
  refuseObjects(whole.objects);
  refuseBytes(whole.bytes);
}

const refuseObjects = (objects: number): void => {
  refuse(
    objects,
    BOUNDS.firewall.objects,
    (most, asked) =>
      `would bring its ClusterFirewall to ${asked} policies, and the most is ${most}: use fewer rules, or groups that select namespaces by label`,
  );
};

const refuseBytes = (bytes: number): void => {
  refuse(
    bytes,
    BOUNDS.firewall.bytes,
    (most, asked) =>
      `would bring the policies of its ClusterFirewall to ${megabytes(asked)}, and the most is ${megabytes(most)}: ${SMALLER}, here or in other rules`,
  );
};

const SMALLER = 'name fewer sources, destinations or namespaces, or join ports into ranges';

const refuseRuleBytes = (bytes: number): void => {
  refuse(
    bytes,
    BOUNDS.rule.bytes,
    (most, asked) =>
      `needs ${megabytes(asked)} of policies, and the most for a rule is ${megabytes(most)}: ${SMALLER}, or split the rule`,
  );
};

function refuse(asked: number, most: number, message: (most: number, asked: number) => string): void {
  if (asked > most) throw new OverBound(message(most, asked));
}

const megabytes = (bytes: number): string => `${(bytes / 1_000_000).toFixed(1)} MB`;

/** Characters of a policy without rules and selectors. */
export const POLICY_BYTES = 700;

/** Characters of the JSON. */
export const jsonSize = (value: object): number => JSON.stringify(value).length;

export const sumOf = (sizes: readonly number[]): number => sizes.reduce((sum, size) => sum + size, 0);
