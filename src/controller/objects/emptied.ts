/** The form of an object that is deleted, while finalizers of others keep it stored: it selects nothing. */
import type { GeneratedKind } from '../../calico/types.ts';
import { isRecord } from '../../json.ts';

/** The field that says what an object is about, and a value of it that is about nothing. */
interface Emptied {
  readonly field: 'selector' | 'interfaceName';
  readonly value: string;
}

/** A policy may have other selectors too, but this one has to match as well. */
const POLICY: Emptied = { field: 'selector', value: '!all()' };
/** No interface of a node is called so. Felix waits for it, and judges no packet by the endpoint. */
const ENDPOINT: Emptied = { field: 'interfaceName', value: 'cfw-nothing' };

const emptiedOf = (kind: GeneratedKind): Emptied => (kind === 'HostEndpoint' ? ENDPOINT : POLICY);

/** The spec of the merge patch that empties a policy or a host endpoint. */
export function emptyingSpec(kind: GeneratedKind): Readonly<Record<string, string>> {
  const { field, value } = emptiedOf(kind);
  return { [field]: value };
}

/** For an object that should select nothing: the fields that say otherwise. */
export const refilled = (kind: GeneratedKind, spec: unknown): readonly string[] =>
  isEmptied(kind, spec) ? [] : [`spec.${emptiedOf(kind).field}`];

export function isEmptied(kind: GeneratedKind, spec: unknown): boolean {
  const { field, value } = emptiedOf(kind);
  return isRecord(spec) && spec[field] === value;
}
