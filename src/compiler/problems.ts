import { Meter, OverBound } from './meter.ts';
import type { RuleId } from './names.ts';
import type { Frozen, Problem, ProblemReason, WarningReason } from './types.ts';

/** Stops the compilation of one rule, and of nothing else. */
export class RuleProblem extends Error {
  override readonly name = 'RuleProblem';
  readonly reason: ProblemReason;
  /** A path below the rule's own, for example `.from[1].peer`. */
  readonly at: string;

  constructor(reason: ProblemReason, message: string, at = '') {
    super(message);
    this.reason = reason;
    this.at = at;
  }
}

/** A rule's id and its path in the manifest. */
export interface RulePlace {
  readonly firewall: string;
  readonly id: RuleId;
  readonly path: string;
}

/** Collects problems while the compiler goes on with the rest. */
export class ProblemCollector {
  readonly problems: Problem[] = [];
  readonly frozen: Frozen[] = [];
  readonly #meter = new Meter();

  /**
   * Runs the compilation of one rule. If it has a problem or is over a bound, that is recorded and the rule's
   * stored objects are frozen.
   */
  guard<T>(place: RulePlace, compileRule: () => readonly T[]): readonly T[] {
    try {
      return this.#meter.measure(place, compileRule);
    } catch (error) {
      if (error instanceof OverBound) this.problem(place, 'TooLarge', error.message);
      else if (error instanceof RuleProblem) this.problem(place, error.reason, error.message, error.at);
      else throw error;
      this.frozen.push({ rule: place.id });
      return [];
    }
  }

  problem(place: RulePlace, reason: ProblemReason, message: string, at = ''): void {
    this.add('problem', place, reason, message, at);
  }

  warn(place: RulePlace, reason: WarningReason, message: string, at = ''): void {
    this.add('warning', place, reason, message, at);
  }

  private add(
    severity: Problem['severity'],
    place: RulePlace,
    reason: Problem['reason'],
    message: string,
    at: string,
  ): void {
    this.problems.push({
      severity,
      firewall: place.firewall,
      rule: place.id,
      path: `${place.path}${at}`,
      reason,
      message,
    });
  }
}

/** Adds the path below the rule to a problem. */
export function located<T>(at: string, resolve: () => T): T {
  try {
    return resolve();
  } catch (error) {
    if (!(error instanceof RuleProblem)) throw error;
    throw new RuleProblem(error.reason, error.message, `${at}${error.at}`);
  }
}
