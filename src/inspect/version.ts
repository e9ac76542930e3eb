/** Finds the operator of a cluster, and the versions of the API that it serves. */
import { GROUP } from '../api/schema.ts';
import type { Transport } from '../cluster/http/transport.ts';
import { servedGroups } from '../cluster/objects/discovery.ts';
import { orUnknown, type Answer } from './answer.ts';
import { operatorDeployments, type OperatorDeployment } from './deployments.ts';

export interface Installed {
  readonly operators: Answer<readonly OperatorDeployment[]>;
  /** Versions of clusterfirewall.io that are served; empty where its CustomResourceDefinition is missing. */
  readonly served: Answer<readonly string[]>;
}

export async function installed(transport: Transport, namespace?: string): Promise<Installed> {
  const [operators, served] = await Promise.all([
    orUnknown(operatorDeployments(transport, namespace)),
    orUnknown(servedVersions(transport)),
  ]);
  return { operators, served };
}

async function servedVersions(transport: Transport): Promise<readonly string[]> {
  const groups = await servedGroups(transport);
  return groups.find(({ name }) => name === GROUP)?.versions ?? [];
}
