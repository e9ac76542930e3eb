/** Messages for issues without a message in the schema: what is wrong, and what to write instead. */
import type { z } from 'zod';
import type { Suggest } from './suggest.ts';

/** Remedies for a missing or empty field. Absence never widens, so "all" has to be written. */
const REMEDIES: Readonly<Record<string, string>> = {
  from: 'name at least one source; for everything outside the cluster write [{ entity: World }]',
  to: 'name at least one destination; for everything outside the cluster write [{ entity: World }]',
  ports: 'to say all ports write [All]',
  pods: 'to say every pod write {}',
  fromPods: 'to say every pod write {}',
  toPods: 'to say every pod write {}',
  namespaceSelector: 'to say every namespace write {}',
  name: 'write a DNS label, unique in its list',
  cidr: 'write a CIDR, for example 198.51.100.0/24',
};

const NOUNS: Readonly<Record<string, string>> = {
  object: 'a mapping',
  record: 'a mapping',
  array: 'a list',
  string: 'a string',
  number: 'a number',
  int: 'a whole number',
};

type RawIssue = z.core.$ZodRawIssue;

/** zod's error map for spec. It applies where the schema has no message of its own. */
export const describe =
  (suggest: Suggest) =>
  (issue: RawIssue): string | undefined => {
    switch (issue.code) {
      case 'invalid_type':
        return wrongType(issue.input, NOUNS[issue.expected] ?? issue.expected, lastKey(issue));
      case 'invalid_value':
        // The schema has no other literal: a switch is present or absent (structural.ts).
        if (issue.values.includes(true)) return 'must be true: write true, or drop the field';
        return notOneOf(issue.input, issue.values.map(String), suggest);
      case 'too_small':
        return issue.origin === 'array' ? withRemedy('must not be empty', lastKey(issue)) : undefined;
      case 'too_big':
        return issue.origin === 'array'
          ? `must have at most ${String(issue.maximum)} entries: split it`
          : `must be at most ${String(issue.maximum)} characters: shorten it`;
      case 'invalid_key':
        return issue.issues.map((inner) => inner.message).join('; ');
      default:
        return undefined;
    }
  };

/** For an unknown field. The known fields are those of the same object. */
export function unknownField(key: string, known: readonly string[], suggest: Suggest): string {
  const guess = suggest(key, known);
  const hint = guess === undefined ? `drop it; known here: ${known.join(', ')}` : `did you mean "${guess}"?`;
  return `unknown field "${key}": ${hint}`;
}

function wrongType(input: unknown, expected: string, field: string | undefined): string {
  if (input === undefined) return withRemedy('is required', field);
  if (input === null)
    return withRemedy(`has no value: it must be ${expected}`, field, 'drop the field or fill it');
  const written = `must be ${expected}, not ${nounOf(input)}`;
  if (expected !== NOUNS['string'] || typeof input === 'object') return written;
  if (typeof input === 'number') return `${written}: put it in quotes, "${String(input)}"`;
  return `${written}: put it in quotes; without, yes, no, on and off are booleans, too`;
}

function notOneOf(input: unknown, values: readonly string[], suggest: Suggest): string {
  const choice = `write one of ${values.join(', ')}`;
  if (input === undefined) return `is required: ${choice}`;
  if (input === null) return `has no value: ${choice}`;
  if (typeof input !== 'string') return `must be a string, not ${nounOf(input)}: ${choice}`;
  const guess = suggest(input, values);
  return `"${input}" is unknown here: ${guess === undefined ? choice : `did you mean "${guess}"?`}`;
}

function nounOf(input: unknown): string {
  if (Array.isArray(input)) return 'a list';
  if (typeof input === 'object') return 'a mapping';
  return `a ${typeof input}`;
}

function withRemedy(problem: string, field: string | undefined, otherwise?: string): string {
  const remedy = (field === undefined ? undefined : REMEDIES[field]) ?? otherwise;
  return remedy === undefined ? problem : `${problem}: ${remedy}`;
}

function lastKey(issue: RawIssue): string | undefined {
  const last = issue.path?.at(-1);
  return typeof last === 'string' ? last : undefined;
}
