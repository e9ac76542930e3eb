/** Finds the operator of a cluster, and the versions of the API that it serves. */
import { GROUP } from '../api/schema.ts';
import { messageOf } from '../cluster/errors.ts';
import type { Transport } from '../cluster/http/transport.ts';
import { servedGroups } from '../cluster/objects/discovery.ts';
import { operatorDeployments, type OperatorDeployment } from './deployments.ts';

/** Something that could not be found out. */
export interface Unknown {
  readonly unknown: string;
}

export interface Installed {
  readonly operators: readonly OperatorDeployment[] | Unknown;
  /** Versions of clusterfirewall.io that are served; empty where its CustomResourceDefinition is missing. */
  readonly served: readonly string[] | Unknown;
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

async function orUnknown<T>(answer: Promise<T>): Promise<T | Unknown> {
  try {
    return await answer;
  } catch (error) {
    return { unknown: messageOf(error) };
  }
}

export const isUnknown = (value: object): value is Unknown => 'unknown' in value;
