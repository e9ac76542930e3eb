/**
 * The same function, asked once for each object. The object must never change. It is not kept alive.
 */
export function readOnce<K extends object, V>(read: (object: K) => V): (object: K) => V {
  const known = new WeakMap<K, { readonly value: V }>();
  return (object) => {
    const entry = known.get(object) ?? { value: read(object) };
    known.set(object, entry);
    return entry.value;
  };
}
