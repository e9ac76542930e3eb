/** Answers of a cluster, each of which may be missing: a right, an API, or the connection. */
import { messageOf } from '../cluster/errors.ts';

/** Something that could not be found out, and why. */
export interface Unknown {
  readonly unknown: string;
}

export type Answer<T> = T | Unknown;

export async function orUnknown<T>(answer: Promise<T>): Promise<Answer<T>> {
  try {
    return await answer;
  } catch (error) {
    return { unknown: messageOf(error) };
  }
}

export const isUnknown = (value: object): value is Unknown => 'unknown' in value;

/** The list, or an empty one where it is not known. */
export const knownList = <T>(answer: Answer<readonly T[]>): readonly T[] => (isUnknown(answer) ? [] : answer);

/** Each reason once. */
export const reasonsOf = (answers: readonly object[]): readonly string[] => [
  ...new Set(answers.flatMap((each) => (isUnknown(each) ? [each.unknown] : []))),
];
