import { DEFAULT_FIREWALL } from '../api/schema.ts';
import { isUnknown, knownList } from '../inspect/answer.ts';
import { clusterStatus, unknownsOf, type ClusterStatus } from '../inspect/cluster-status.ts';
import { withCluster, type ClusterFlags } from './commands/cluster.ts';
import type { CommandIO, ExitCode } from './io.ts';
import { statusJson } from './status-json.ts';
import { statusText } from './status-text.ts';

export interface StatusFlags extends ClusterFlags {
  readonly output: 'text' | 'json';
}

export interface StatusInput extends StatusFlags {
  readonly name?: string;
}

/** Prints where a cluster stands, and says by the exit code whether all is as it is wanted. */
export async function showStatus(input: StatusInput, io: CommandIO): Promise<ExitCode> {
  const { name } = input;
  const whole = await withCluster(input, io, ({ transport }) =>
    clusterStatus(transport, io.date(), input.namespace),
  );
  const status = name === undefined ? whole : about(name, whole);
  if (!isUnknown(status.firewalls) && status.firewalls.length === 0) {
    const which =
      name === undefined ? 'there is no ClusterFirewall' : 'there is no ClusterFirewall of this name';
    io.stderr(`clusterfirewall: ${which}: nothing is enforced by it\n`);
    return 2;
  }
  const ok = isAsWanted(status);
  io.stdout(input.output === 'json' ? statusJson(status, ok) : statusText(status));
  if (unknownsOf(status).length > 0) return 3;
  return ok ? 0 : 1;
}

/** One firewall, and the namespaces and nodes that it is about. */
function about(name: string, status: ClusterStatus): ClusterStatus {
  const { firewalls, namespaces, nodes } = status;
  const isMain = name === DEFAULT_FIREWALL;
  return {
    ...status,
    firewalls: isUnknown(firewalls) ? firewalls : firewalls.filter((each) => each.name === name),
    namespaces:
      isUnknown(namespaces) || isMain
        ? namespaces
        : namespaces.filter(({ groups }) => groups.some((group) => group.startsWith(`${name}/`))),
    nodes: isMain ? nodes : [],
  };
}

const isAsWanted = ({ operator, firewalls, namespaces }: ClusterStatus): boolean =>
  !isUnknown(operator) &&
  !operator.stale &&
  knownList(firewalls).every(({ ready }) => ready) &&
  knownList(namespaces).every(({ wanted }) => wanted === undefined);
