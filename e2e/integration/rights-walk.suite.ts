/** Takes each right away, and asks the API server whether something that the operator did would still pass. */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { replace } from '../../src/cluster/objects/apply.ts';
import { isRecord } from '../../src/json.ts';
import {
  grantsIn,
  grantsOf,
  grantText,
  permits,
  rolesOf,
  roleWithout,
  type Access,
  type Grant,
  type Role,
} from '../harness/grants.ts';
import type { ApiMode } from '../harness/native-crds.ts';
import { eventually, IDENTITY, userOf, type AuditEvent, type Rig } from './controller-harness.ts';

const OPERATOR = userOf(IDENTITY);

/** Rules of the audit policy: all requests of the operator, and all questions about anybody's rights. */
export const AUDIT = [
  { level: 'None', nonResourceURLs: ['*'] },
  {
    level: 'Request',
    resources: [{ group: 'authorization.k8s.io', resources: ['subjectaccessreviews'] }],
    verbs: ['create'],
  },
  { level: 'Metadata', users: [OPERATOR] },
];

/** The role that config/own-tiers leaves out. It widens what the others say. */
const WIDE = 'clusterfirewall-foreign-policies';

export const walkTests = (rig: () => Rig, mode: ApiMode): void => {
  const roles = rolesOf('default');
  const isWide = ({ metadata }: Role): boolean => metadata.name === WIDE;
  let accesses: readonly Access[] = [];
  beforeAll(async () => {
    await rig().stopOperator();
    accesses = (await rig().audited()).flatMap((event) => [...accessesOf(event), ...questionsOf(event)]);
  });

  describe('when the right to read what others allow is left out', () => {
    const wide = roles.filter(isWide);
    beforeAll(() => Promise.all(wide.map((role) => writeRole(rig(), { ...role, rules: [] }))));
    afterAll(() => Promise.all(wide.map((role) => writeRole(rig(), role))));
    each(roles.filter((role) => !isWide(role)));
  });
  describe('of those to read what others allow', () => {
    each(roles.filter(isWide));
  });

  /** The rights of these roles, which are needed although the operator has all rights of the others that are not wide. */
  function each(of: readonly Role[]): void {
    const others = of.some(isWide) ? roles : roles.filter((role) => !isWide(role));
    const [grants, all] = [of, others].map((some) =>
      some.flatMap(grantsIn).filter((grant) => isAsked(grant, mode)),
    );
    test.each((grants ?? []).map((grant) => [grantText(grant), grant] as const))(
      '%s',
      async (text, grant) => {
        const rest = (all ?? []).filter((other) => grantText(other) !== text);
        const needing = accesses.find(
          (access) => permits(grant, access) && !rest.some((other) => permits(other, access)),
        );
        if (needing === undefined) throw new Error(`nothing that the operator did needs the right: ${text}`);
        await eventually(() => isAllowed(rig(), needing), 'the right to be there');
        await writeRole(rig(), roleWithout(grant));
        try {
          await eventually(
            async () => !(await isAllowed(rig(), needing)),
            `no right: ${JSON.stringify(needing)}`,
          );
        } finally {
          await writeRole(rig(), grant.role);
        }
      },
    );
  }

  test('everything that it did is asked for by some right', async () => {
    const done = (await rig().audited()).flatMap(accessesOf);
    const grants = grantsOf('default');
    expect(done.filter((access) => !grants.some((grant) => permits(grant, access)))).toEqual([]);
  });
};

/** RBAC itself knows no tiers: only Calico's API server asks for rights on them. */
const isAsked = ({ resource }: Grant, mode: ApiMode): boolean =>
  mode === 'aggregated' || !resource.startsWith('tier.');

/** The rights that a request of the operator needed, if it was not refused. */
function accessesOf({ verb, user, objectRef, responseStatus }: AuditEvent): readonly Access[] {
  if (user.username !== OPERATOR || responseStatus?.code === 403) return [];
  const { apiGroup: group = '', resource, subresource, namespace, name } = objectRef;
  const access = { verb, group, resource: joined(resource, subresource), namespace, name };
  // A patch that makes an object needs both rights (k8s.io/apiserver, endpoints/handlers/patch.go).
  return verb === 'patch' && responseStatus?.code === 201
    ? [access, { ...access, verb: 'create' }]
    : [access];
}

/**
 * A right for which Calico's API server asked because of the operator. It asks for each policy by its own name too, and is
 * content with either answer: config has only rights on whole tiers (registry/projectcalico/authorizer).
 */
function questionsOf({ requestObject }: AuditEvent): readonly Access[] {
  const spec = isRecord(requestObject) ? requestObject['spec'] : undefined;
  if (!isRecord(spec) || spec['user'] !== OPERATOR || !isRecord(spec['resourceAttributes'])) return [];
  const attributes = spec['resourceAttributes'] as Partial<Record<string, string>>;
  const { verb = '', group = '', resource = '', subresource, namespace, name = '' } = attributes;
  if (resource.startsWith('tier.') && !name.endsWith('.*')) return [];
  return [{ verb, group, resource: joined(resource, subresource), namespace, name }];
}

const joined = (resource: string, subresource: string | undefined): string =>
  subresource === undefined ? resource : `${resource}/${subresource}`;

async function isAllowed(
  { transport }: Rig,
  { verb, group, resource: both, namespace, name }: Access,
): Promise<boolean> {
  const [resource, subresource] = both.split('/');
  const attributes = { verb, group, resource, subresource, namespace, name };
  const { body } = await transport.request({
    method: 'POST',
    path: '/apis/authorization.k8s.io/v1/subjectaccessreviews',
    body: {
      apiVersion: 'authorization.k8s.io/v1',
      kind: 'SubjectAccessReview',
      spec: { user: OPERATOR, resourceAttributes: attributes },
    },
  });
  const status = isRecord(body) ? body['status'] : undefined;
  return isRecord(status) && status['allowed'] === true;
}

async function writeRole({ transport }: Rig, role: Role): Promise<void> {
  const { kind, metadata } = role;
  const { namespace } = metadata;
  const resource = {
    group: 'rbac.authorization.k8s.io',
    version: 'v1',
    plural: `${kind.toLowerCase()}s`,
    ...(namespace !== undefined && { namespace }),
  };
  await replace(transport, resource, { apiVersion: 'rbac.authorization.k8s.io/v1', ...role });
}
