/** Where rules and policies stand: in a manifest, or in the cluster. */
import type { ClusterFirewall } from '../api/schema.ts';
import type { PolicyRule, StoredPolicy } from '../calico/read/policy.ts';
import {
  ANNOTATION_RULE,
  ANNOTATION_RULES,
  isRuleOfNodes,
  parseRuleIds,
  partsOf,
  ruleId,
  type RuleId,
} from '../compiler/names.ts';
import { rulePath } from '../compiler/rule-path.ts';
import { isRecord, valueAt } from '../json.ts';

export interface Place {
  readonly file: string;
  /** From 1. */
  readonly line: number;
}

/** A rule of a ClusterFirewall. */
export interface OwnRule {
  readonly id: RuleId;
  readonly firewall: string;
  /** Path of its field in the manifest. */
  readonly field: string;
  /** Absent where the manifest is in the cluster. */
  readonly place?: Place;
}

/** A policy of others, or one of ours whose firewall is not known. */
export interface PolicyPlace {
  readonly kind: string;
  readonly namespace?: string;
  readonly name: string;
  /** Path of the rule in it. */
  readonly field?: string;
  readonly place?: Place;
}

export interface Sources {
  readonly firewalls: readonly ClusterFirewall[];
  /** The place of a field of a firewall. */
  readonly placeOfField: (firewall: string, field: string) => Place | undefined;
  /** The place of a field of an object of the cluster. */
  readonly placeOfObject: (
    kind: string,
    namespace: string | undefined,
    name: string,
    field?: string,
  ) => Place | undefined;
}

export class Provenance {
  readonly #sources: Sources;
  readonly #firewalls: ReadonlyMap<string, ClusterFirewall>;
  /** `KIND NAMESPACE/NAME` → the rules that a policy of ours carries. */
  readonly #rules = new Map<string, readonly RuleId[]>();

  /** @param objects the policies of the world, those of the compiler included */
  constructor(sources: Sources, objects: Iterable<unknown>) {
    this.#sources = sources;
    this.#firewalls = new Map(sources.firewalls.map((each) => [each.metadata.name, each]));
    for (const object of objects) {
      const text = valueAt(object, 'metadata', 'annotations', ANNOTATION_RULES);
      if (typeof text === 'string' && isRecord(object))
        this.#rules.set(keyOfObject(object), parseRuleIds(text));
    }
  }

  /** Rules that a policy carries; none for a policy of others. */
  rulesIn(policy: StoredPolicy): readonly OwnRule[] {
    return (this.#rules.get(keyOf(policy)) ?? []).flatMap((id) => this.ownRule(id) ?? []);
  }

  /** The rule of a firewall that a rule of a policy comes from. */
  ruleOf({ annotations }: PolicyRule): OwnRule | undefined {
    const id = annotations[ANNOTATION_RULE];
    return id === undefined ? undefined : this.ownRule(ruleId(id));
  }

  ownRule(id: RuleId): OwnRule | undefined {
    const [name = ''] = partsOf(id);
    const firewall = this.#firewalls.get(name);
    if (firewall === undefined) return undefined;
    const field = rulePath(firewall, id);
    const place = this.#sources.placeOfField(name, field);
    return { id, firewall: name, field, ...(place !== undefined && { place }) };
  }

  placeOfField(firewall: string, field: string): Place | undefined {
    return this.#sources.placeOfField(firewall, field);
  }

  policyPlace(policy: StoredPolicy, rule?: PolicyRule): PolicyPlace {
    const { kind, namespace, name } = policy;
    const place = this.#sources.placeOfObject(kind, namespace, name, rule?.path);
    return {
      kind,
      ...(namespace !== undefined && { namespace }),
      name,
      ...(rule !== undefined && { field: rule.path }),
      ...(place !== undefined && { place }),
    };
  }
}

/** True for a rule about the machines themselves. */
export const isOfNodes = ({ id }: OwnRule): boolean => isRuleOfNodes(id);

/** A staged policy counts as the one that it stages. */
const bare = (kind: string): string => kind.replace(/^Staged/, '');
const keyOf = ({ kind, namespace = '', name }: StoredPolicy): string => `${bare(kind)} ${namespace}/${name}`;

function keyOfObject(object: Readonly<Record<string, unknown>>): string {
  const [namespace, name] = ['namespace', 'name'].map((key) => valueAt(object, 'metadata', key));
  return `${bare(String(object['kind']))} ${typeof namespace === 'string' ? namespace : ''}/${String(name)}`;
}
