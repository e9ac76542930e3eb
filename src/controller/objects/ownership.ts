/** How a stored object says that it is ours, and whose else it is. */
import { FIELD_MANAGER } from '../../cluster/objects/apply.ts';
import type { ManagedFieldsEntry, Metadata } from '../../cluster/resource.ts';
import {
  ANNOTATION_RULES,
  LABEL_FIREWALL,
  LABEL_MANAGED_BY,
  MANAGED_BY,
  parseRuleIds,
  partsOf,
  type RuleId,
} from '../../compiler/names.ts';

/** On policies; Calico's API server puts it there too. */
export const LABEL_TIER = 'projectcalico.org/tier';
const OWN_PREFIX = 'clusterfirewall.io/';

/**
 * Touched to see whether a watch shows it (docs/decisions/0010-watch-liveness.md); no part of what is
 * desired.
 */
export const HEARTBEAT = {
  annotation: 'clusterfirewall.io/heartbeat',
  fieldManager: 'clusterfirewall-heartbeat',
} as const;
/**
 * Our signature on a policy of a namespace (authorship.ts). It is no part of what is desired either: it differs
 * from process to process.
 */
export const SIGNATURE = 'clusterfirewall.io/signature';
/** Its form: part of a key's name, and 64 bytes in base64url. */
export const isSignature = (text: string): boolean => /^[\w-]{8}\.[\w-]{86}$/.test(text);
const OUR_MANAGERS: ReadonlySet<string> = new Set([FIELD_MANAGER, HEARTBEAT.fieldManager]);

/**
 * True for the labels and annotations whose values are ours to decide; all others belong to whoever put them
 * there.
 */
export function isOwnKey(key: string): boolean {
  if (key === HEARTBEAT.annotation || key === SIGNATURE) return false;
  return key === LABEL_MANAGED_BY || key === LABEL_TIER || key.startsWith(OWN_PREFIX);
}

/**
 * True when the object says that it is ours: by a label or, where those were stripped, by our field manager. An object whose
 * labels were stripped is drift to repair, and not an object of another client. In a namespace this proves
 * nothing (authorship.ts).
 */
export function isOwned(metadata: Metadata): boolean {
  const labels = metadata.labels ?? {};
  if (labels[LABEL_MANAGED_BY] === MANAGED_BY || labels[LABEL_FIREWALL] !== undefined) return true;
  return (metadata.managedFields ?? []).some((entry) => entry.manager === FIELD_MANAGER);
}

/** Ids of the rules that an object says it carries. */
export const ruleIds = (metadata: Metadata): readonly RuleId[] =>
  parseRuleIds(metadata.annotations?.[ANNOTATION_RULES] ?? '');

/** A tenant may write 256 kB in each of thousands of policies. Only a group with hundreds of rules has more. */
const MAX_RULES = { characters: 32_768, ids: 500 };

/**
 * The first of these ids, for an object that a tenant may have written. The texts are copies, so that the rest
 * of the annotation is not kept in memory with them.
 */
export function boundedRuleIds(metadata: Metadata): readonly RuleId[] {
  const text = metadata.annotations?.[ANNOTATION_RULES] ?? '';
  const isWhole = text.length <= MAX_RULES.characters;
  const part = isWhole ? text : text.slice(0, text.lastIndexOf(',', MAX_RULES.characters) + 1);
  return parseRuleIds(copyOf(part)).slice(0, MAX_RULES.ids);
}

const copyOf = (text: string): string => Buffer.from(text).toString();

/**
 * The firewall an object belongs to: by its label or, where that was stripped, by the first part of its
 * rules' ids.
 */
export function firewallOf(metadata: Metadata): string | undefined {
  return metadata.labels?.[LABEL_FIREWALL] ?? boundedRuleIds(metadata).flatMap(partsOf)[0];
}

/** The field manager other than ours that wrote last, as far as managedFields tell. */
export function lastForeignManager(entries: readonly ManagedFieldsEntry[] = []): string | undefined {
  let last: ManagedFieldsEntry | undefined;
  for (const entry of entries) {
    if (entry.manager === undefined || OUR_MANAGERS.has(entry.manager)) continue;
    if (last === undefined || (entry.time ?? '') >= (last.time ?? '')) last = entry;
  }
  return last?.manager;
}
