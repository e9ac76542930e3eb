/** Merges a request with the stored object like the API server. */
import { isDeepStrictEqual } from 'node:util';
import { isRecord } from '../../json.ts';

type Fields = Readonly<Record<string, unknown>>;

/** JSON merge patch (RFC 7386): null removes a field. */
export function mergePatched(target: Fields, patch: Fields): Fields {
  const merged: Record<string, unknown> = { ...target };
  for (const [key, value] of Object.entries(patch)) {
    const old = merged[key];
    if (value === null) Reflect.deleteProperty(merged, key);
    else merged[key] = isRecord(value) ? mergePatched(isRecord(old) ? old : {}, value) : value;
  }
  return merged;
}

/**
 * Server-side apply: merges the manager's new fields into the stored object, and removes fields that it no
 * longer applies. Lists of strings are sets that keep entries of other managers, after its own. Any other list
 * belongs to a single manager.
 */
export function mergeApplied(stored: Fields, before: Fields, now: Fields): Fields {
  const merged: Record<string, unknown> = { ...stored };
  for (const key of Object.keys(before)) if (!(key in now)) Reflect.deleteProperty(merged, key);
  for (const [key, value] of Object.entries(now)) merged[key] = applied(stored[key], before[key], value);
  return merged;
}

function applied(stored: unknown, before: unknown, now: unknown): unknown {
  if (isRecord(now)) return mergeApplied(isRecord(stored) ? stored : {}, isRecord(before) ? before : {}, now);
  if (!isSet(now) || !isSet(stored)) return now;
  const dropped = isSet(before) ? before.filter((entry) => !now.includes(entry)) : [];
  return [...new Set([...now, ...stored.filter((entry) => !dropped.includes(entry))])];
}

const isSet = (value: unknown): value is readonly string[] =>
  Array.isArray(value) && value.every((entry) => typeof entry === 'string');

/** The path of an applied field that another manager owns with a different value. */
export function contestedField(stored: Fields, before: Fields, now: Fields): string | undefined {
  for (const [key, value] of Object.entries(now)) {
    const [theirs, own] = [stored[key], before[key]];
    if (isRecord(value) && isRecord(theirs)) {
      const inner = contestedField(theirs, isRecord(own) ? own : {}, value);
      if (inner !== undefined) return `${key}.${inner}`;
    } else if (theirs !== undefined && own === undefined && !isDeepStrictEqual(theirs, value)) {
      if (!isSet(theirs) || !isSet(value)) return key;
    }
  }
  return undefined;
}
