/** Messages for issues without a message in the schema: what is wrong, and what to write instead. */
import type { z } from 'zod';
import { placeOf, type Place } from './places.ts';
import type { Suggest } from './suggest.ts';
import { adviceFor } from './words/advice.ts';
import { entityAdvice } from './words/entities.ts';

const ENTRIES =
  'one entry for each: { peer: … }, { ipBlock: { cidr: … } }, { entity: … }, or in rules of pods { pods: {…} }';
const LABELS = '{ matchLabels: {…} }';
const ENTITY_NAMES = [
  'World',
  'Internet',
  'Everyone',
  'Pods',
  'Nodes',
  'ControlPlane',
  'SameNamespace',
  'KubeAPIServer',
];

/** Remedies for a missing or empty field. Absence never widens, so "all" has to be written. */
const REMEDIES: Readonly<Record<string, string>> = {
  from: `name the sources that are meant, ${ENTRIES}`,
  to: `name the destinations that are meant, ${ENTRIES}`,
  onlyFrom: `name the only sources that are meant, ${ENTRIES}`,
  onlyTo: `name the only destinations that are meant, ${ENTRIES}`,
  ports: 'list the ports that are meant; all ports of every protocol are [All]',
  allow: 'list the traffic that is meant: { services: [ssh], ports: [9100] }',
  pods: `select them by their labels, as ${LABELS}; every pod is {}`,
  fromPods: `select them by their labels, as ${LABELS}; every pod is {}`,
  toPods: `select them by their labels, as ${LABELS}; every pod is {}`,
  podSelector: `select them by their labels, as ${LABELS}`,
  namespaceSelector: `select them by their labels, as ${LABELS}; in a source, destination or peer, every namespace is {}`,
  nodeSelector: `select them by their labels, as ${LABELS}`,
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
        return (
          endAsText(issue) ?? wrongType(issue.input, NOUNS[issue.expected] ?? issue.expected, lastKey(issue))
        );
      case 'invalid_value':
        // The schema has no other literal: a switch is present or absent (structural.ts).
        if (issue.values.includes(true))
          return 'must be true, or absent, which says no: write true only where yes is meant';
        return notOneOf(issue, issue.values.map(String), suggest);
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

interface Where {
  readonly place: Place | undefined;
  /** The fields of the same object. */
  readonly known: readonly string[];
}

/** Never says to leave the field out: a restriction that goes lets more in. */
export function unknownField(key: string, { place, known }: Where, suggest: Suggest): string {
  return `unknown field "${key}": ${adviceFor(key, place, known) ?? guess(key, { place, known }, suggest)}`;
}

function guess(key: string, { place, known }: Where, suggest: Suggest): string {
  const near = suggest(key, known);
  if (near !== undefined) return `did you mean "${near}"?`;
  if (place === 'labels') return `labels stand below matchLabels: { matchLabels: { ${key}: … } }`;
  return `nothing of that name exists here. Known are ${known.join(', ')}`;
}

const ADDRESS = /^[0-9A-Fa-f]*[.:][0-9A-Fa-f.:]*(?:\/[0-9]+)?$/;
/** Lists of peers alone. */
const PEERS_ALONE = ['breakGlass', 'controlPlane', 'etcd'];

/** A source or destination that is written as the name of a peer or an entity, or as an address. */
function endAsText({
  input,
  expected,
  path = [],
}: RawIssue & { readonly expected: string }): string | undefined {
  const isEnd = placeOf(path.filter((part) => typeof part !== 'symbol')) === 'end';
  if (!isEnd || expected !== 'object' || typeof input !== 'string') return undefined;
  const list = String(path.at(-2));
  if (ADDRESS.test(input) && !PEERS_ALONE.includes(list))
    return `must be a mapping: write { ipBlock: { cidr: ${input} } }`;
  if (list !== 'blocked' && ENTITY_NAMES.includes(input))
    return `must be a mapping: write { entity: ${input} }`;
  const others = PEERS_ALONE.includes(list)
    ? ''
    : list === 'blocked'
      ? ', and { ipBlock: { cidr: … } } for addresses'
      : ', { entity: … } for an entity, { ipBlock: { cidr: … } } for addresses, and in rules of pods { pods: {…} }';
  return `must be a mapping: write { peer: ${input} } for a peer${others}`;
}

function wrongType(input: unknown, expected: string, field: string | undefined): string {
  if (input === undefined) return withRemedy('is required', field);
  if (input === null) return withRemedy(`has no value: it must be ${expected}`, field, 'fill it in');
  const written = `must be ${expected}, not ${nounOf(input)}`;
  if (typeof input === 'string' && field !== undefined && SELECTORS.includes(field))
    return withRemedy(written, field);
  if (expected !== NOUNS['string'] || typeof input === 'object') return written;
  if (typeof input === 'number') return `${written}: put it in quotes, "${String(input)}"`;
  return `${written}: put it in quotes; without, yes, no, on and off are booleans, too`;
}

const SELECTORS = ['pods', 'fromPods', 'toPods', 'podSelector', 'namespaceSelector', 'nodeSelector'];

function notOneOf(issue: RawIssue, values: readonly string[], suggest: Suggest): string {
  const { input } = issue;
  const choice = `write one of ${values.join(', ')}`;
  if (input === undefined) return `is required: ${choice}`;
  if (input === null) return `has no value: ${choice}`;
  if (typeof input !== 'string') return `must be a string, not ${nounOf(input)}: ${choice}`;
  const near = suggest(input, values);
  if (near !== undefined) return `"${input}" is unknown here: did you mean "${near}"?`;
  const advice = lastKey(issue) === 'entity' ? entityAdvice(input, values) : undefined;
  return `"${input}" is unknown here: ${advice ?? choice}`;
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
