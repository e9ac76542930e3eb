/** Checks whether an installed operator works. */
import { GROUP, VERSION } from '../api/schema.ts';
import type { Transport } from '../cluster/http/transport.ts';
import { list } from '../cluster/objects/apply.ts';
import { servedGroups } from '../cluster/objects/discovery.ts';
import type { Resource } from '../cluster/resource.ts';
import { FIREWALLS } from '../controller/observe/firewalls.ts';
import { failure, ok, someOf, warning, type Check } from './check.ts';
import { operatorDeployments, type OperatorDeployment } from './deployments.ts';
import { firewallStanding } from './firewalls.ts';
import { ageOf, isStale, operatorLease } from './lease.ts';

export interface AfterInput {
  readonly transport: Transport;
  readonly now: () => Date;
  /** Version of this program. */
  readonly version: string;
  readonly namespace?: string | undefined;
}

export function checksAfter(input: AfterInput): Readonly<Record<string, Check>> {
  const { transport, namespace } = input;
  const deployments = operatorDeployments(transport, namespace);
  // Each check that awaits it reports its error.
  deployments.catch(() => undefined);
  return {
    API: () => api(transport),
    operator: async () => operator(await deployments, input.version),
    lease: async () => lease(input, await deployments),
    guards: () => guards(transport),
    firewalls: () => firewalls(transport),
  };
}

async function api(transport: Transport): ReturnType<Check> {
  const { versions = [] } = (await servedGroups(transport)).find(({ name }) => name === GROUP) ?? {};
  if (versions.length === 0) return failure('the CustomResourceDefinition is missing: apply config/crd');
  return versions.includes(VERSION)
    ? ok(`${GROUP}/${versions.join(', ')}`)
    : failure(`${GROUP}/${versions.join(', ')} without ${VERSION}: take this program of another version`);
}

function operator(deployments: readonly OperatorDeployment[], version: string): Awaited<ReturnType<Check>> {
  const [first, second] = deployments;
  if (first === undefined)
    return failure('there is no Deployment clusterfirewall: install one (docs/install.md)');
  if (second !== undefined)
    return failure(
      `a cluster has one operator, and there are Deployments in ${someOf(deployments.map((each) => each.namespace))}: remove all but one`,
    );
  const { namespace, ready, replicas, updated, observed } = first;
  const words = `${first.version ?? 'of unknown version'}, ${String(ready)} of ${String(replicas)} ready in ${namespace}`;
  if (!observed || updated < replicas) return failure(`${words}; a roll-out is under way`);
  if (ready < replicas)
    return failure(
      `${words}; a pod that is not ready names the reason, such as a watch, at /readyz: kubectl -n ${namespace} describe pods`,
    );
  return first.version === undefined || first.version === version
    ? ok(words)
    : warning(`${words}; this program is ${version}`);
}

async function lease(
  { transport, now }: AfterInput,
  deployments: readonly OperatorDeployment[],
): ReturnType<Check> {
  const found = await operatorLease(
    transport,
    deployments.map((each) => each.namespace),
  );
  const age = ageOf(found, now());
  if (found === undefined || age === undefined)
    return failure('no operator has ever led: look at the log of its pods');
  if (isStale(age)) return failure(`no operator has led for ${String(age)} s: look at the log of its pods`);
  return found.holder === ''
    ? failure('given back, and not taken yet')
    : ok(`${found.holder.replace(/_.*$/, '')}, renewed ${String(age)} s ago`);
}

const GUARDS: Resource = {
  group: 'admissionregistration.k8s.io',
  version: 'v1',
  plural: 'validatingadmissionpolicies',
};
/** The one that everybody wants. Others may be left out for a reason. */
const REMOVAL = 'clusterfirewall-removal-guard';

async function guards(transport: Transport): ReturnType<Check> {
  const found = (await list(transport, GUARDS, { metadataOnly: true }))
    .map(({ metadata }) => metadata.name)
    .filter((name) => name.startsWith('clusterfirewall-'));
  return found.includes(REMOVAL)
    ? ok(`${String(found.length)} of ours`)
    : warning(`${REMOVAL} is missing, so whoever deletes the CustomResourceDefinition opens the cluster`);
}

async function firewalls(transport: Transport): ReturnType<Check> {
  const standings = (await list(transport, FIREWALLS)).map(firewallStanding);
  if (standings.length === 0) return warning('there is none, so nothing is enforced');
  const unseen = standings.filter(({ generation, observedGeneration }) => observedGeneration < generation);
  if (unseen.length > 0)
    return failure(`the operator has not seen the last change of ${someOf(unseen.map(({ name }) => name))}`);
  const unready = standings.filter(({ ready }) => !ready);
  return unready.length === 0
    ? ok(`all ready: ${someOf(standings.map(({ name }) => name))}`)
    : failure(`not ready: ${someOf(unready.map(({ name }) => name))}; see clusterfirewall status`);
}
