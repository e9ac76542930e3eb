/** The failsafes that FelixConfiguration `default` stores. Pure. */
import { isRecord } from '../../json.ts';
import type { KubernetesObject } from '../../cluster/resource.ts';
import { contentTag } from '../../compiler/names.ts';
import { stableJson } from '../objects/content-hash.ts';

/** JSON of what was there before it was narrowed; `null` where the field was not set. */
export const ANNOTATION_FORMER = 'clusterfirewall.io/former-failsafes';
/** Tag of what was written: whether it is still there. */
export const ANNOTATION_WRITTEN = 'clusterfirewall.io/failsafes';

/** The parts of FelixConfiguration `default` that describe its failsafes. */
export interface StoredFailsafes {
  /** The text that textOf makes. */
  readonly value: string;
  /** JSON of the value, byte for byte; `null` where it is not set. */
  readonly exact: string;
  readonly former: string | undefined;
  readonly written: string | undefined;
}

export function readFailsafes({ metadata: { annotations = {} }, spec }: KubernetesObject): StoredFailsafes {
  const value: unknown = isRecord(spec) ? spec['failsafeInboundHostPorts'] : undefined;
  return {
    value: textOf(value),
    exact: JSON.stringify(value ?? null),
    former: annotations[ANNOTATION_FORMER],
    written: annotations[ANNOTATION_WRITTEN],
  };
}

/** A text for comparison: Felix reads protocols in any case. */
export const textOf = (value: unknown): string =>
  stableJson(Array.isArray(value) ? value.map(withLowerCase) : (value ?? null));

const withLowerCase = (entry: unknown): unknown =>
  isRecord(entry) && typeof entry['protocol'] === 'string'
    ? { ...entry, protocol: entry['protocol'].toLowerCase() }
    : entry;

export const tagOf = (text: string): string => contentTag(text);

/** The list, null for none, or undefined where the annotation is not what we wrote. */
export function formerValue(text: string | undefined): readonly unknown[] | null | undefined {
  try {
    const value: unknown = JSON.parse(text ?? '');
    return value === null || Array.isArray(value) ? value : undefined;
  } catch {
    return undefined;
  }
}
