/** Reports groups of one firewall that share namespaces and say different things of them. */
import type { ClusterFirewall, Group } from '../../api/schema.ts';
import { includesNamespace } from './namespaces.ts';
import type { NamespaceSet } from './namespaces.ts';
import { ruleId } from '../names.ts';
import type { ProblemCollector } from '../problems.ts';
import type { Enforcement } from './enforcement.ts';
import { groupNamespaces, knownNamespaces } from './enforcement.ts';
import type { Inventory } from '../../inventory/types.ts';

interface Member {
  readonly group: Group;
  readonly index: number;
  readonly set: NamespaceSet;
}

/** Two groups of the same namespaces. */
interface Overlap {
  readonly loser: Member;
  readonly other: Member;
  readonly field: 'mode' | 'isolation';
  /** Undefined where the other group says nothing. */
  readonly wins: 'Enforce' | 'Strict' | undefined;
  readonly namespaces: string[];
}

/**
 * Rules of overlapping groups add up, so they need no report. Nor does a group that says nothing, except where
 * `spec.mode` enforces and another group takes its namespaces out of the deny.
 */
export function reportOverlaps(
  firewall: ClusterFirewall,
  enforcement: Enforcement,
  inventory: Inventory,
  collector: ProblemCollector,
): void {
  const members: readonly Member[] = (firewall.spec.namespaces ?? []).map((group, index) => ({
    group,
    index,
    set: groupNamespaces(group),
  }));
  const overlaps = new Map<string, Overlap>();
  const sets = members.map(({ set }) => set);
  for (const namespace of knownNamespaces(inventory, sets)) {
    if (enforcement.modeOf(namespace) === 'exempt') continue;
    const here = members.filter(({ set }) => includesNamespace(set, namespace));
    for (const found of overlapsOf(here, firewall)) {
      const key = [found.field, found.loser.group.name, found.other.group.name].join('/');
      const overlap = overlaps.get(key) ?? found;
      overlap.namespaces.push(namespace.name);
      overlaps.set(key, overlap);
    }
  }
  for (const overlap of overlaps.values()) report(overlap, firewall.metadata.name, collector);
}

function overlapsOf(here: readonly Member[], { spec }: ClusterFirewall): readonly Overlap[] {
  const saying = (field: 'mode' | 'isolation', value: string | undefined) =>
    here.find(({ group }) => group[field] === value);
  const observing = saying('mode', 'Observe');
  const enforcing = saying('mode', 'Enforce');
  const silent = spec.mode === 'Enforce' ? saying('mode', undefined) : undefined;
  const open = saying('isolation', 'SameNamespace');
  const strict = saying('isolation', 'Strict');
  const overlap = (
    field: Overlap['field'],
    wins: Overlap['wins'],
    loser: Member | undefined,
    other: Member | undefined,
  ): readonly Overlap[] =>
    loser === undefined || other === undefined ? [] : [{ field, wins, loser, other, namespaces: [] }];
  return [
    ...(enforcing === undefined
      ? overlap('mode', undefined, observing, silent)
      : overlap('mode', 'Enforce', observing, enforcing)),
    ...overlap('isolation', 'Strict', open, strict),
  ];
}

function report(
  { loser, other, field, wins, namespaces }: Overlap,
  firewall: string,
  collector: ProblemCollector,
) {
  const [first, second] = [loser.group.name, other.group.name];
  collector.warn(
    {
      firewall,
      id: ruleId(firewall, first),
      path: `spec.namespaces[${String(loser.index)}]`,
    },
    'OverlappingGroups',
    wins === undefined
      ? `takes ${named(namespaces)} out of the default deny, because group "${second}" has it too and says nothing of mode: write mode: Enforce in "${second}" if it is to stay under the deny`
      : `${named(namespaces)} is in groups "${first}" and "${second}", which say different things of ${field}; ${wins} wins there: make them agree, or remove the namespace from one`,
    `.${field}`,
  );
}

const LISTED = 5;

function named(namespaces: readonly string[]): string {
  const more = namespaces.length - LISTED;
  const list = namespaces.slice(0, LISTED).map((name) => `"${name}"`);
  return `namespace ${list.join(', ')}${more > 0 ? ` and ${String(more)} more` : ''}`;
}
