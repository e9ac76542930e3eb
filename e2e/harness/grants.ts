/** The rights that config gives the operator, one by one. */
import { readManifests, type Manifest } from '../../hack/kustomization.ts';

export interface Rule {
  readonly apiGroups: readonly string[];
  readonly resources: readonly string[];
  readonly resourceNames?: readonly string[];
  readonly verbs: readonly string[];
}

export interface Role extends Manifest {
  readonly kind: 'ClusterRole' | 'Role';
  readonly rules: readonly Rule[];
}

/** One verb on one resource. RBAC adds grants up. */
export interface Grant {
  readonly role: Role;
  readonly rule: Rule;
  readonly verb: string;
  readonly group: string;
  /** With its subresource, for example `clusterfirewalls/status`. */
  readonly resource: string;
  /** Undefined: any. */
  readonly name: string | undefined;
}

/** A request as RBAC sees it. */
export interface Access {
  readonly verb: string;
  readonly group: string;
  readonly resource: string;
  readonly namespace: string | undefined;
  readonly name: string | undefined;
}

const isRole = (manifest: Manifest): manifest is Role =>
  manifest.kind === 'ClusterRole' || manifest.kind === 'Role';

/** The operator's roles. */
export const rolesOf = (folder: string): readonly Role[] =>
  readManifests(`config/${folder}`).filter(
    (each): each is Role => isRole(each) && !forPeople.has(each.metadata.name),
  );

/** The roles for people. */
export const rolesForPeople = (): readonly Role[] => readManifests('config/users').filter(isRole);

const forPeople: ReadonlySet<string> = new Set(rolesForPeople().map(({ metadata }) => metadata.name));

/** @param folder a folder of config */
export const grantsOf = (folder: string): readonly Grant[] => rolesOf(folder).flatMap(grantsIn);

export const grantsIn = (role: Role): readonly Grant[] =>
  role.rules.flatMap((rule) =>
    rule.verbs.flatMap((verb) =>
      rule.apiGroups.flatMap((group) =>
        rule.resources.flatMap((resource) =>
          (rule.resourceNames ?? [undefined]).map((name) => ({ role, rule, verb, group, resource, name })),
        ),
      ),
    ),
  );

/** For example `patch tiers.projectcalico.org clusterfirewall`. */
export const grantText = ({ role, verb, group, resource, name }: Grant): string => {
  const kind = group === '' ? resource : `${resource}.${group}`;
  const { namespace } = role.metadata;
  return [
    verb,
    kind,
    ...(name === undefined ? [] : [name]),
    ...(namespace === undefined ? [] : ['in', namespace]),
  ].join(' ');
};

export const permits = (grant: Grant, access: Access): boolean =>
  grant.verb === access.verb &&
  grant.group === access.group &&
  grant.resource === access.resource &&
  (grant.name === undefined || grant.name === access.name) &&
  (grant.role.metadata.namespace === undefined || grant.role.metadata.namespace === access.namespace);

/** The role with everything but this grant. */
export const roleWithout = ({ role, rule, verb, resource, name }: Grant): Role => ({
  ...role,
  rules: role.rules.flatMap((each) =>
    each === rule
      ? [
          { ...rule, verbs: rule.verbs.filter((other) => other !== verb) },
          { ...rule, verbs: [verb], resources: rule.resources.filter((other) => other !== resource) },
          ...(name === undefined
            ? []
            : [
                {
                  ...rule,
                  verbs: [verb],
                  resources: [resource],
                  resourceNames: (rule.resourceNames ?? []).filter((other) => other !== name),
                },
              ]),
        ].filter(isNotEmpty)
      : [each],
  ),
});

/** An empty list of names would mean every name. */
const isNotEmpty = ({ verbs, resources, resourceNames }: Rule): boolean =>
  verbs.length > 0 && resources.length > 0 && resourceNames?.length !== 0;
