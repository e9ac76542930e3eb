/** A ClusterFirewall and what its status says. Pure. */
import type { ClusterFirewall } from '../api/schema.ts';
import type { Condition, Status } from '../api/status.ts';
import type { StoredObject } from '../cluster/resource.ts';
import { projectFirewall } from '../controller/observe/firewalls.ts';
import { fieldsOf, textOf } from '../inventory/object.ts';

export interface FirewallStanding {
  readonly name: string;
  /** `Enforce` or `Observe`, as it is written. */
  readonly mode: string;
  readonly generation: number;
  /** The generation that its status describes; -1 for none. */
  readonly observedGeneration: number;
  /** True where it is being deleted, and waits for a finalizer. */
  readonly deleting: boolean;
  readonly ready: boolean;
  /** Those that people should know of; Ready is always the first. */
  readonly conditions: readonly Pick<Condition, 'type' | 'status' | 'reason' | 'message'>[];
  readonly status: Status | undefined;
  /** Undefined where the spec is not valid. */
  readonly firewall: ClusterFirewall | undefined;
}

export function firewallStanding(object: StoredObject): FirewallStanding {
  const { name, generation, deleting, status, validation } = projectFirewall(object);
  const conditions = status?.conditions ?? [];
  const ready = conditions.find(({ type }) => type === 'Ready');
  const observedGeneration = status?.observedGeneration ?? -1;
  return {
    name,
    mode: textOf(fieldsOf(object['spec'])['mode']),
    generation,
    observedGeneration,
    deleting,
    ready: ready?.status === 'True' && observedGeneration >= generation && !deleting,
    conditions: [...(ready === undefined ? [] : [ready]), ...conditions.filter(isTrouble)].map(
      ({ type, status: its, reason, message }) => ({ type, status: its, reason, message }),
    ),
    status,
    firewall: validation.ok ? validation.firewall : undefined,
  };
}

/** Conditions that are good when True. The others are there only when something is wrong. */
const GOOD: ReadonlySet<string> = new Set(['Accepted', 'Programmed', 'Ready', 'NodesEnforced']);

const isTrouble = ({ type, status }: Condition): boolean =>
  type !== 'Ready' && status !== (GOOD.has(type) ? 'True' : 'False');
