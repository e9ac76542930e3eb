/** Says in the status what could not be read of the cluster. */
import { DEFAULT_FIREWALL } from '../api/schema.ts';
import type { Inventory } from '../inventory/types.ts';
import type { Unreadable } from '../inventory/unreadable.ts';
import { ruleId } from './names.ts';
import type { ProblemCollector } from './problems.ts';

/** The log has the rest. */
const NAMED = 5;

/** One problem for all of them, because none of them belongs to a rule. */
export function reportUnreadable({ unreadable = [] }: Inventory, collector: ProblemCollector): void {
  if (unreadable.length === 0) return;
  const place = { firewall: DEFAULT_FIREWALL, id: ruleId(DEFAULT_FIREWALL), path: 'spec' };
  collector.problem(
    place,
    'UnreadableObject',
    `the operator cannot read ${named(unreadable)}: correct or delete it. Until then it goes on with what it knew of it before, and takes nothing new from there`,
  );
}

/** Each object once, with its first flaw. */
export function named(unreadable: readonly Unreadable[]): string {
  const objects = [...Map.groupBy(unreadable, ({ kind, name }) => `${kind}/${name}`)]
    .map(([id, [first]]) => `${id} (${first?.field ?? ''}: ${first?.why ?? ''})`)
    .sort();
  const more = objects.length - NAMED;
  return `${objects.slice(0, NAMED).join(', ')}${more > 0 ? ` and ${String(more)} more` : ''}`;
}
