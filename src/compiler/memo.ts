import type { Inventory } from '../inventory/types.ts';
import type { Compilation, Compile } from './types.ts';

/**
 * The same compiler, with its last answer kept. Most rounds follow a change of stored objects, and then its
 * input is the same.
 */
export function remembering(compile: Compile): Compile {
  let last: { readonly inputs: readonly unknown[]; readonly compilation: Compilation } | undefined;
  return (firewalls, inventory) => {
    const inputs = [firewalls.length, ...firewalls, ...inventoryParts(inventory)];
    const same =
      last?.inputs.length === inputs.length && last.inputs.every((input, index) => input === inputs[index]);
    if (last !== undefined && same) return last.compilation;
    const compilation = compile(firewalls, inventory);
    last = { inputs, compilation };
    return compilation;
  };
}

/** Parts are compared by identity, because each version of an object is projected only once. */
const inventoryParts = (inventory: Inventory): readonly unknown[] =>
  Object.entries(inventory)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .flatMap(([field, part]: [string, unknown]) =>
      Array.isArray(part) ? [field, part.length, ...(part as unknown[])] : [field, part],
    );
