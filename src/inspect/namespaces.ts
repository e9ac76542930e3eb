/** Says of each namespace what is in force there, by the stored policies, and what the spec wants. Pure. */
import { DEFAULT_FIREWALL, type ClusterFirewall } from '../api/schema.ts';
import { enforcementOf, groupNamespaces, type Enforcement } from '../compiler/namespaces/enforcement.ts';
import { includesNamespace } from '../compiler/namespaces/namespaces.ts';
import { UNKNOWN_CLUSTER, type NamespaceInfo } from '../inventory/types.ts';
import type { ClosingPolicy } from './stored-policies.ts';

/** `open`: no default deny of ours is stored for it, although it is not exempt. */
export type NamespaceState = 'enforced' | 'observed' | 'exempt' | 'open';

export interface NamespaceStanding {
  readonly name: string;
  readonly state: NamespaceState;
  /** The directions that are closed, where they are not both. */
  readonly only?: 'ingress' | 'egress';
  /** The state that the spec asks for, where it is another. */
  readonly wanted?: NamespaceState;
  /** Creation of the oldest policy that closes it, or stages to; RFC 3339. */
  readonly since?: string;
  /** FIREWALL/GROUP of the groups that select it. */
  readonly groups: readonly string[];
  /** The field that exempts it. */
  readonly exemptBy?: string;
}

export interface NamespacesInput {
  readonly namespaces: readonly NamespaceInfo[];
  /** Valid ones. */
  readonly firewalls: readonly ClusterFirewall[];
  readonly policies: readonly ClosingPolicy[];
  readonly operatorNamespace: string;
}

/** Sorted by name. */
export function namespaceStandings(input: NamespacesInput): readonly NamespaceStanding[] {
  const { namespaces, firewalls, operatorNamespace } = input;
  const main = firewalls.find(({ metadata }) => metadata.name === DEFAULT_FIREWALL);
  const enforcement = main && enforcementOf(main, { ...UNKNOWN_CLUSTER, namespaces, operatorNamespace });
  const groups = firewalls.flatMap(({ metadata, spec }) =>
    (spec.namespaces ?? []).map((group) => ({
      name: `${metadata.name}/${group.name}`,
      set: groupNamespaces(group),
    })),
  );
  const denies = input.policies.filter(({ role }) => role === 'defaultDeny');
  return namespaces
    .map((namespace) => ({
      ...standingOf(namespace, denies, enforcement),
      groups: groups.filter(({ set }) => includesNamespace(set, namespace)).map(({ name }) => name),
    }))
    .toSorted((a, b) => (a.name < b.name ? -1 : 1));
}

function standingOf(
  namespace: NamespaceInfo,
  denies: readonly ClosingPolicy[],
  enforcement: Enforcement | undefined,
): Omit<NamespaceStanding, 'groups'> {
  const { name, labels } = namespace;
  const closing = denies.filter((policy) => policy.selectsNamespace(name, labels));
  const [enforcing] = closing.filter(({ isStaged }) => !isStaged);
  const [by] = enforcing === undefined ? closing : [enforcing];
  const wanted = enforcement === undefined ? undefined : wantedState(namespace, enforcement);
  const state =
    enforcing !== undefined
      ? 'enforced'
      : by !== undefined
        ? 'observed'
        : wanted === 'exempt'
          ? 'exempt'
          : 'open';
  const exemptBy = wanted === 'exempt' ? EXEMPT_FIELDS[enforcement?.exemptBy(name) ?? 'names'] : undefined;
  return {
    name,
    state,
    ...onlyOf(by),
    ...(wanted !== undefined && wanted !== state && { wanted }),
    ...(by !== undefined && by.created !== '' && { since: by.created }),
    ...(exemptBy !== undefined && { exemptBy }),
  };
}

/** `deny: None` closes nothing, so nothing more than open is wanted. */
function wantedState(namespace: NamespaceInfo, enforcement: Enforcement): NamespaceState {
  const mode = enforcement.modeOf(namespace);
  const closes = enforcement.deny.ingress || enforcement.deny.egress;
  return mode === 'exempt' || closes ? mode : 'open';
}

const EXEMPT_FIELDS = {
  operator: "the operator's own",
  names: 'defaults.exempt.names',
  systemNamespaces: 'defaults.exempt.systemNamespaces',
  namespaceSelector: 'defaults.exempt.namespaceSelector',
} as const;

function onlyOf(policy: ClosingPolicy | undefined): Pick<NamespaceStanding, 'only'> {
  const [type, ...more] = policy?.types ?? [];
  if (more.length > 0) return {};
  return type === 'Ingress' ? { only: 'ingress' } : type === 'Egress' ? { only: 'egress' } : {};
}
