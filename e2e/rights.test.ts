/** The rights and guards of config, as far as files show them. e2e/integration/rights.suite.ts tries them. */
import { describe, expect, test } from '@jest/globals';
import { GENERATED_KINDS, generatedKinds } from '../src/controller/objects/kinds.ts';
import { RIGHTS, rightTo } from '../src/controller/apply/write.ts';
import { ANNOTATION_FORMER, ANNOTATION_WRITTEN } from '../src/controller/observe/stored-failsafes.ts';
import { FINALIZER } from '../src/controller/observe/firewalls.ts';
import {
  DEFAULT_TIER,
  endpointName,
  LABEL_ENFORCED,
  objectName,
  ruleId,
  TIER,
  TIER_ORDER,
} from '../src/compiler/names.ts';
import {
  grantsIn,
  grantsOf,
  grantText,
  rolesForPeople,
  rolesOf,
  roleWithout,
  type Grant,
} from './harness/grants.ts';
import { readManifests } from '../hack/kustomization.ts';

const WRITES = ['create', 'update', 'patch', 'delete', 'deletecollection'];
const isWrite = ({ verb }: Grant): boolean => WRITES.includes(verb);

test('no grant has a wildcard, except for the names that Calico gives to the policies of a tier', () => {
  for (const { verb, group, resource, name = '' } of grantsOf('default')) {
    expect([verb, group, resource].join()).not.toContain('*');
    expect(name.replace(/^(default|clusterfirewall)\.\*$/, '')).not.toContain('*');
  }
});

test('no grant stands twice', () => {
  const texts = grantsOf('default').map(grantText);
  expect(texts).toEqual([...new Set(texts)]);
});

test('config/pods-only writes no host endpoints, Nodes and FelixConfigurations, and config/nodes adds just that', () => {
  const texts = (folder: string): readonly string[] => grantsOf(folder).filter(isWrite).map(grantText);
  const ofNodes = /hostendpoints|nodes|felixconfigurations/;
  expect(texts('pods-only').filter((text) => ofNodes.test(text))).toEqual([]);
  expect(texts('nodes').filter((text) => !ofNodes.test(text))).toEqual([]);
  expect(texts('default').toSorted()).toEqual([...texts('pods-only'), ...texts('nodes')].toSorted());
});

test('every role is bound to the operator, and to nobody else', () => {
  const manifests = readManifests('config/default');
  for (const { kind, metadata } of rolesOf('default')) {
    const bindings = manifests.filter(
      (each) =>
        each.kind === `${kind}Binding` &&
        each.metadata.namespace === metadata.namespace &&
        (each['roleRef'] as { readonly name: string }).name === metadata.name,
    );
    expect(bindings.map((each) => each['subjects'])).toEqual([
      [{ kind: 'ServiceAccount', name: 'clusterfirewall', namespace: 'clusterfirewall-system' }],
    ]);
  }
});

test('roles for people: everybody who may view may read firewalls, and nobody may write them by another role', () => {
  const roles = new Map(rolesForPeople().map((role) => [role.metadata.name, role]));
  expect([...roles.keys()]).toEqual(['clusterfirewall-viewer', 'clusterfirewall-editor']);
  const added = [...roles.values()].flatMap(({ metadata: { name, labels = {} } }) =>
    Object.keys(labels).flatMap((label) => (label.includes('aggregate-to') ? [`${name}: ${label}`] : [])),
  );
  expect(added).toEqual(['clusterfirewall-viewer: rbac.authorization.k8s.io/aggregate-to-view']);
  const grants = [...roles.values()].flatMap(grantsIn);
  expect(new Set(grants.map(({ resource, group }) => `${resource}.${group}`))).toEqual(
    new Set(['clusterfirewalls.clusterfirewall.io']),
  );
  expect(new Set(grants.filter(isWrite).map(({ role }) => role.metadata.name))).toEqual(
    new Set(['clusterfirewall-editor']),
  );
  const bound = readManifests('config/default').flatMap(({ roleRef }) =>
    roleRef === undefined ? [] : [(roleRef as { readonly name: string }).name],
  );
  expect(bound.filter((name) => roles.has(name))).toEqual([]);
});

test('messages name the folder that gives the right to write a kind', () => {
  const writable = (folder: string): readonly string[] =>
    grantsOf(folder.replace('config/', ''))
      .filter(isWrite)
      .map(({ resource }) => resource);
  for (const kind of generatedKinds) expect(writable(rightTo(kind))).toContain(GENERATED_KINDS[kind].plural);
  expect(writable(RIGHTS.labels)).toEqual(['nodes']);
  expect(writable(RIGHTS.failsafes)).toEqual(['felixconfigurations']);
});

test('a role without one grant has all others', () => {
  for (const grant of grantsOf('default')) {
    const others = grantsIn(grant.role)
      .map(grantText)
      .filter((each) => each !== grantText(grant));
    expect(grantsIn(roleWithout(grant)).map(grantText).toSorted()).toEqual(others.toSorted());
  }
});

describe('the guards', () => {
  const policies = readManifests('config/default').filter(({ kind }) => kind === 'ValidatingAdmissionPolicy');
  const textOf = (name: string): string =>
    JSON.stringify(policies.find(({ metadata }) => metadata.name === `clusterfirewall-${name}-guard`));

  test('know the names that the compiler gives', () => {
    const id = ruleId('default/blog/ingress/web');
    const prefixes = [objectName(DEFAULT_TIER, id), objectName(TIER, id), endpointName(id)].map(
      (name) => /^.*cfw-/.exec(name)?.[0],
    );
    expect(prefixes).toEqual(['cfw-', 'clusterfirewall.cfw-', '0-cfw-']);
    for (const prefix of prefixes) expect(textOf('object')).toContain(`name.startsWith('${String(prefix)}')`);
    expect(textOf('object')).toContain(`name == '${TIER}'`);
    expect(textOf('object')).toContain(`== ${String(TIER_ORDER)}`);
  });

  test('name every kind that the compiler makes', () => {
    for (const kind of generatedKinds)
      expect(textOf('object')).toContain(`"${GENERATED_KINDS[kind].plural}"`);
  });

  test('know what else the operator writes', () => {
    expect(textOf('firewall')).toContain(`'${FINALIZER}'`);
    expect(textOf('node')).toContain(`'${LABEL_ENFORCED}'`);
    for (const annotation of [ANNOTATION_FORMER, ANNOTATION_WRITTEN])
      expect(textOf('failsafe')).toContain(`'${annotation}'`);
  });

  test('of the operator know its name', () => {
    const [account] = readManifests('config/default').filter(({ kind }) => kind === 'ServiceAccount');
    const { name, namespace = '' } = account?.metadata ?? {};
    const condition = {
      name: 'by-the-operator',
      expression: `request.userInfo.username == 'system:serviceaccount:${namespace}:${String(name)}'`,
    };
    const ofOperator = ['object', 'firewall', 'lease', 'revision', 'node', 'failsafe'];
    for (const each of ofOperator) expect(textOf(each)).toContain(JSON.stringify([condition]));
    expect(policies).toHaveLength(ofOperator.length + ['pod', 'networkset', 'removal'].length);
  });

  test('are bound, and refuse', () => {
    const bindings = readManifests('config/default').filter(({ kind }) => kind.endsWith('PolicyBinding'));
    expect(bindings.map(({ spec }) => spec)).toEqual(
      policies.map(({ metadata: { name } }) =>
        expect.objectContaining({ policyName: name, validationActions: ['Deny'] }),
      ),
    );
    for (const { spec } of policies) expect(spec).toMatchObject({ failurePolicy: 'Fail' });
  });
});
