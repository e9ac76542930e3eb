/** Checks whether a cluster has what the operator needs, and names what will matter to it. */
import type { Transport } from '../cluster/http/transport.ts';
import { list } from '../cluster/objects/apply.ts';
import { isNotFound } from '../cluster/errors.ts';
import type { Resource, StoredObject } from '../cluster/resource.ts';
import { detectCalico } from '../controller/observe/calico-api.ts';
import { CALICO_GROUP, kindResource } from '../controller/objects/kinds.ts';
import { isOwned } from '../controller/objects/ownership.ts';
import { fieldsOf, listOf, textOf } from '../inventory/object.ts';
import { failure, ok, someOf, warning, type Check } from './check.ts';

export function checksBefore(transport: Transport): Readonly<Record<string, Check>> {
  return {
    Kubernetes: () => kubernetes(transport),
    Calico: () => calico(transport),
    'your rights': () => rights(transport),
    webhooks: () => webhooks(transport),
    policies: () => policies(transport),
    endpoints: () => endpoints(transport),
  };
}

/** ValidatingAdmissionPolicies, which the guards are, are stable since then. */
const OLDEST_MINOR = 30;

const kubernetes: (transport: Transport) => ReturnType<Check> = async (transport) => {
  const { body } = await transport.request({ method: 'GET', path: '/version' });
  const { major, minor, gitVersion } = fieldsOf(body);
  const version = textOf(gitVersion);
  const number = Number.parseInt(textOf(minor), 10);
  return textOf(major) === '1' && number < OLDEST_MINOR
    ? warning(`${version}: the guards need 1.${String(OLDEST_MINOR)}; without them, leave their folders out`)
    : ok(version);
};

const calico = async (transport: Transport): ReturnType<Check> => {
  const found = await detectCalico(transport, new AbortController().signal);
  if (!found.served) return failure(found.message);
  const { mode, version = 'of unknown version', kinds } = found;
  const served = {
    Aggregated: "served by Calico's API server",
    Native: 'served from CRDs',
    Unknown: 'served',
  };
  const words = `${version}, ${served[mode]}`;
  return kinds.has('StagedGlobalNetworkPolicy')
    ? ok(words)
    : warning(`${words}; it has no staged policies, so mode: Observe needs Calico 3.30`);
};

/** The objects that whoever installs config/default creates. */
const NEEDED: readonly (readonly [group: string, resource: string])[] = [
  ['apiextensions.k8s.io', 'customresourcedefinitions'],
  ['rbac.authorization.k8s.io', 'clusterroles'],
  ['rbac.authorization.k8s.io', 'clusterrolebindings'],
  ['admissionregistration.k8s.io', 'validatingadmissionpolicies'],
  ['apps', 'deployments'],
  ['clusterfirewall.io', 'clusterfirewalls'],
];

async function rights(transport: Transport): ReturnType<Check> {
  const answers = await Promise.all(
    NEEDED.map(async ([group, resource]) => {
      const { body } = await transport.request({
        method: 'POST',
        path: '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews',
        body: {
          apiVersion: 'authorization.k8s.io/v1',
          kind: 'SelfSubjectAccessReview',
          spec: { resourceAttributes: { verb: 'create', group, resource } },
        },
      });
      return fieldsOf(fieldsOf(body)['status'])['allowed'] === true ? [] : [resource];
    }),
  );
  const missing = answers.flat();
  return missing.length === 0
    ? ok('you may install it')
    : failure(`you may not create ${missing.join(', ')}: an administrator has to install it`);
}

const ADMISSION: Omit<Resource, 'plural'> = { group: 'admissionregistration.k8s.io', version: 'v1' };
const MUTATING: Resource = { ...ADMISSION, plural: 'mutatingwebhookconfigurations' };

async function webhooks(transport: Transport): ReturnType<Check> {
  const altering = (await list(transport, MUTATING)).filter(alters).map(({ metadata }) => metadata.name);
  return altering.length === 0
    ? ok('none alters objects of Calico')
    : warning(`${someOf(altering)} may alter objects of Calico: a status Altered names those that do`);
}

const alters = (object: StoredObject): boolean =>
  listOf(object['webhooks']).some((webhook) =>
    listOf(fieldsOf(webhook)['rules']).some((rule) =>
      listOf(fieldsOf(rule)['apiGroups']).some((group) => group === '*' || group === CALICO_GROUP),
    ),
  );

const names = (objects: readonly StoredObject[]): readonly string[] =>
  objects.filter(({ metadata }) => !isOwned(metadata)).map(({ metadata }) => metadata.name);

async function policies(transport: Transport): ReturnType<Check> {
  const others = names(await listServed(transport, kindResource('GlobalNetworkPolicy')));
  const inNamespaces = (await list(transport, NETWORK_POLICIES, { metadataOnly: true })).length;
  const words = [
    ...(others.length === 0
      ? []
      : [`${String(others.length)} GlobalNetworkPolicies of others: ${someOf(others)}`]),
    ...(inNamespaces === 0 ? [] : [`${String(inNamespaces)} NetworkPolicies`]),
  ];
  return words.length === 0
    ? ok('none of others')
    : warning(`${words.join('; ')}; validate --inventory names those that may open what is closed`);
}

const NETWORK_POLICIES: Resource = { group: 'networking.k8s.io', version: 'v1', plural: 'networkpolicies' };

async function endpoints(transport: Transport): ReturnType<Check> {
  const others = names(await listServed(transport, kindResource('HostEndpoint')));
  return others.length === 0
    ? ok('no host endpoint of others')
    : warning(
        `${String(others.length)} host endpoints of others: ${someOf(others)}; they matter to spec.nodes (docs/migrate.md)`,
      );
}

/** A kind that is not served has no objects, and the check of Calico says why. */
async function listServed(transport: Transport, resource: Resource): Promise<readonly StoredObject[]> {
  try {
    return await list(transport, resource, { metadataOnly: true });
  } catch (error) {
    if (isNotFound(error)) return [];
    throw error;
  }
}
