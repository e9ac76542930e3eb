/** The policies of ours that close something, as they are stored. Calico enforces these, whoever runs. */
import { LABEL_METADATA_NAME, LABEL_NAMESPACE_NAME } from '../calico/labels.ts';
import { parseSelector } from '../calico/selector-parser.ts';
import { matchesSelector } from '../calico/selector.ts';
import type { GeneratedKind } from '../calico/types.ts';
import type { StoredObject } from '../cluster/resource.ts';
import { isOwned, ruleIds } from '../controller/objects/ownership.ts';
import { roleOf, type Role } from '../controller/objects/role.ts';
import { fieldsOf, listOf, textOf } from '../inventory/object.ts';

export interface ClosingPolicy {
  readonly role: Role;
  readonly isStaged: boolean;
  /** RFC 3339. */
  readonly created: string;
  readonly types: readonly string[];
  /** False for every namespace, or label of an endpoint, where the selector cannot be read. */
  readonly selectsNamespace: (name: string, labels: Labels) => boolean;
  readonly selectsEndpoint: (labels: Labels) => boolean;
}

type Labels = Readonly<Record<string, string>>;

const CLOSING: ReadonlySet<Role> = new Set(['defaultDeny', 'finalDeny', 'finalObserve']);

/** Reads those of ours among the policies of a kind, oldest first. */
export function closingPolicies(
  kind: GeneratedKind,
  objects: readonly StoredObject[],
): readonly ClosingPolicy[] {
  return objects
    .filter(({ metadata }) => isOwned(metadata))
    .map((object) => ({
      object,
      role: roleOf({ kind, spec: object['spec'], rules: ruleIds(object.metadata) }),
    }))
    .filter(({ role }) => CLOSING.has(role))
    .map(({ object, role }) => readPolicy(object, role, kind.startsWith('Staged')))
    .toSorted((a, b) => (a.created < b.created ? -1 : 1));
}

function readPolicy({ metadata, spec }: StoredObject, role: Role, isStaged: boolean): ClosingPolicy {
  const { selector, namespaceSelector, types } = fieldsOf(spec);
  const namespaces = matcherOf(textOf(namespaceSelector));
  const endpoints = matcherOf(textOf(selector));
  return {
    role,
    isStaged,
    created: metadata.creationTimestamp ?? '',
    types: listOf(types).map(textOf),
    selectsNamespace: (name, labels) =>
      namespaces({ [LABEL_METADATA_NAME]: name, ...labels, [LABEL_NAMESPACE_NAME]: name }),
    selectsEndpoint: endpoints,
  };
}

/** A selector that cannot be read matches nothing, because nothing may be called closed for it. */
function matcherOf(text: string): (labels: Labels) => boolean {
  try {
    const selector = parseSelector(text);
    return (labels) => matchesSelector(selector, labels);
  } catch {
    return () => false;
  }
}
