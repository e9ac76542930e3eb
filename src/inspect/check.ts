/** Checks of a cluster, each with an answer and, where it is not good, a remedy. */
import { messageOf } from '../cluster/errors.ts';

export type Grade = 'ok' | 'warning' | 'failure' | 'unknown';

export interface Finding {
  /** The subject in a word or two, for example `Calico`. */
  readonly check: string;
  readonly grade: Grade;
  /** The answer and, where it is not good, the remedy. */
  readonly message: string;
}

export type Check = () => Promise<Omit<Finding, 'check'>>;

export const ok = (message: string): Omit<Finding, 'check'> => ({ grade: 'ok', message });
export const warning = (message: string): Omit<Finding, 'check'> => ({ grade: 'warning', message });
export const failure = (message: string): Omit<Finding, 'check'> => ({ grade: 'failure', message });

/** Runs all of them, in parallel; a check that throws is unknown. The order stays. */
export function runChecks(checks: Readonly<Record<string, Check>>): Promise<readonly Finding[]> {
  return Promise.all(
    Object.entries(checks).map(async ([check, run]): Promise<Finding> => {
      try {
        return { check, ...(await run()) };
      } catch (error) {
        return { check, grade: 'unknown', message: messageOf(error) };
      }
    }),
  );
}

/** The first names of a list, and how many more there are. */
export function someOf(names: readonly string[]): string {
  const shown = names.slice(0, NAMED).join(', ');
  return names.length > NAMED ? `${shown} and ${String(names.length - NAMED)} more` : shown;
}

const NAMED = 3;
