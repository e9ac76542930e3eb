/** Leaves of an object what a snapshot keeps. */
import { isRecord } from '../json.ts';
import { apiVersionOf, type Kept, type SnapshotKind } from './kinds.ts';

/** @param object as the API server lists it. Items of a list may have no kind of their own. */
export function reduce(of: SnapshotKind, object: unknown): Readonly<Record<string, unknown>> {
  const kept = keep({ ...of.kept, metadata: withIdentity(of.kept['metadata']) }, object);
  return { apiVersion: apiVersionOf(of), kind: of.kind, ...(isRecord(kept) && kept) };
}

const withIdentity = (kept: Kept | undefined): Kept => ({
  name: true,
  namespace: true,
  ...(isTree(kept) && kept),
});

const isTree = (kept: Kept | undefined): kept is { readonly [key: string]: Kept } =>
  isRecord(kept) && !(kept instanceof RegExp);

/** A value of another type stays: readers refuse it by its name, and nothing is skipped in silence. */
function keep(kept: Kept, value: unknown): unknown {
  if (kept === true) return value;
  if (Array.isArray(kept)) {
    const [item] = kept as readonly [Kept];
    return Array.isArray(value) ? value.map((each) => keep(item, each)) : scalar(value);
  }
  if (!isRecord(value)) return scalar(value);
  const entries = Object.entries(value).flatMap(([key, each]): readonly [string, unknown][] => {
    if (kept instanceof RegExp) return kept.test(key) ? [[key, each]] : [];
    const own = isTree(kept) && Object.hasOwn(kept, key) ? kept[key] : undefined;
    return own === undefined ? [] : [[key, keep(own, each)]];
  });
  return Object.fromEntries(entries.filter(([, each]) => each !== undefined));
}

/** An object or a list where something else belongs could hold anything, so it is only named. */
const scalar = (value: unknown): unknown =>
  typeof value === 'object' && value !== null ? 'not of the form that was expected' : value;
