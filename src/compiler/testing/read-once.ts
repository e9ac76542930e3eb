/**
 * The same function, asked once for each object: one state of a transition differs from the next in one or
 * two objects.
 */
export function readOnce<K extends object, V>(read: (object: K) => V): (object: K) => V {
  const known = new WeakMap<K, { readonly value: V }>();
  return (object) => {
    const entry = known.get(object) ?? { value: read(object) };
    known.set(object, entry);
    return entry.value;
  };
}
