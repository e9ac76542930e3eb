/** Says whether the assertions of a firewall hold with what is in force. Pure. */
import type { Judged } from '../../assertions/types.ts';
import { ruleId } from '../../compiler/names.ts';
import type { StatusProblem } from '../../api/status.ts';
import { failureText } from '../gate/gate.ts';

export const ASSERTION_FAILED = 'AssertionFailed';
const ASSERTION_UNKNOWN = 'AssertionUnknown';

/** The condition AssertionsHold. */
export interface AssertionsFinding {
  readonly status: 'True' | 'False' | 'Unknown';
  readonly reason: string;
  readonly message: string;
}

/** Nothing for a firewall without assertions. */
export function assertionsFinding(judged: readonly Judged[] = []): {
  readonly assertions?: AssertionsFinding;
} {
  if (judged.length === 0) return {};
  const failed = judged.filter(({ judgement }) => judgement.is === 'Fails');
  const unknown = judged.filter(({ judgement }) => judgement.is === 'Unknown');
  const [first = unknown[0]] = failed;
  if (first === undefined)
    return {
      assertions: { status: 'True', reason: 'Hold', message: `all ${String(judged.length)} assertions hold` },
    };
  const isFailure = failed.length > 0;
  const more = (isFailure ? failed.length : unknown.length) - 1;
  const message = `${textOf(first)}${more > 0 ? ` (and ${String(more)} more)` : ''}`;
  return {
    assertions: isFailure
      ? { status: 'False', reason: ASSERTION_FAILED, message }
      : { status: 'Unknown', reason: ASSERTION_UNKNOWN, message },
  };
}

/** One for each assertion that does not hold. They keep no rule from being programmed. */
export const assertionWarnings = (judged: readonly Judged[] = []): readonly StatusProblem[] =>
  judged
    .filter(({ judgement }) => judgement.is !== 'Holds')
    .map((each) => ({
      severity: 'warning',
      rule: ruleId(each.firewall),
      path: each.path,
      reason: each.judgement.is === 'Fails' ? ASSERTION_FAILED : ASSERTION_UNKNOWN,
      message: textOf(each),
    }));

const textOf = (each: Judged): string =>
  each.judgement.is === 'Unknown'
    ? `${failureText(each)} is Unknown: ${each.judgement.because}`
    : failureText(each);
