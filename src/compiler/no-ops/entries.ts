/** The rules of a firewall and their ends as they are written, with their places. */
import type {
  ClusterFirewall,
  ConnectionRule,
  EgressRule,
  Group,
  GuardrailDestination,
  IngressRule,
  RuleDestination,
  RuleSource,
  Zone,
} from '../../api/schema.ts';
import { ruleId } from '../names.ts';
import type { RulePlace } from '../problems.ts';

export type RuleEnd = RuleSource | RuleDestination | GuardrailDestination;

interface WrittenEnd<E> {
  readonly end: E;
  /** Below the path of the rule: `.from[1]`. */
  readonly at: string;
}

export interface WrittenRule {
  readonly group: Group;
  readonly place: RulePlace;
  readonly rule: IngressRule | EgressRule;
  readonly ends: readonly WrittenEnd<RuleEnd>[];
}

/** Rules of ingress, metrics and egress. */
export const rulesOf = ({ metadata, spec }: ClusterFirewall): readonly WrittenRule[] =>
  (spec.namespaces ?? []).flatMap((group, index) =>
    (['ingress', 'metrics', 'egress'] as const).flatMap((list) =>
      (group[list] ?? []).map((rule: IngressRule | EgressRule, at) => ({
        group,
        place: {
          firewall: metadata.name,
          id: ruleId(metadata.name, group.name, list, rule.name),
          path: `spec.namespaces[${String(index)}].${list}[${String(at)}]`,
        },
        rule,
        ends: 'to' in rule ? endsOf<RuleEnd>('to', rule.to) : endsOf<RuleEnd>('from', rule.from),
      })),
    ),
  );

export interface WrittenConnection {
  readonly group: Group;
  readonly place: RulePlace;
  readonly rule: ConnectionRule;
}

export const connectionsOf = ({ metadata, spec }: ClusterFirewall): readonly WrittenConnection[] =>
  (spec.namespaces ?? []).flatMap((group, index) =>
    (group.connections ?? []).map((rule, at) => ({
      group,
      place: {
        firewall: metadata.name,
        id: ruleId(metadata.name, group.name, 'connections', rule.name),
        path: `spec.namespaces[${String(index)}].connections[${String(at)}]`,
      },
      rule,
    })),
  );

interface WrittenZone {
  readonly place: RulePlace;
  readonly ends: readonly WrittenEnd<Zone['from'][number]>[];
}

/** Zones of spec.nodes, whose sources are written as those of rules. */
export const zonesOf = ({ metadata, spec }: ClusterFirewall): readonly WrittenZone[] =>
  (spec.nodes?.zones ?? []).map(({ name, from }, index) => ({
    place: {
      firewall: metadata.name,
      id: ruleId(metadata.name, 'nodes', 'zones', name),
      path: `spec.nodes.zones[${String(index)}]`,
    },
    ends: endsOf('from', from),
  }));

const endsOf = <E>(field: 'from' | 'to', ends: readonly E[]): readonly WrittenEnd<E>[] =>
  ends.map((end, index) => ({ end, at: `.${field}[${String(index)}]` }));
