import type { Problem, ProblemReason, WarningReason } from './types.ts';

/** Stops the compilation of one rule, and of nothing else. */
export class RuleProblem extends Error {
  override readonly name = 'RuleProblem';
  readonly reason: ProblemReason;
  /** Below the rule's own path, for example `.from[1].peer`. */
  readonly at: string;

  constructor(reason: ProblemReason, message: string, at = '') {
    super(message);
    this.reason = reason;
    this.at = at;
  }
}

/** Where a rule stands: its id, and its path in the manifest. */
export interface RulePlace {
  readonly firewall: string;
  readonly id: string;
  readonly path: string;
}

/** Collects what is wrong while the compiler goes on with the rest. */
export class ProblemCollector {
  readonly problems: Problem[] = [];
  readonly held: string[] = [];

  /** Runs one rule's compilation; a problem in it is noted, and the rule's present objects are held. */
  guard<T>(place: RulePlace, compileRule: () => readonly T[]): readonly T[] {
    try {
      return compileRule();
    } catch (error) {
      if (!(error instanceof RuleProblem)) throw error;
      this.problem(place, error.reason, error.message, error.at);
      this.held.push(place.id);
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

/** Says where below the rule a problem is. */
export function located<T>(at: string, resolve: () => T): T {
  try {
    return resolve();
  } catch (error) {
    if (!(error instanceof RuleProblem)) throw error;
    throw new RuleProblem(error.reason, error.message, `${at}${error.at}`);
  }
}
