import { systemClock } from '../cluster/clock.ts';
import { silentLogger } from '../cluster/logger.ts';
import { knownList, orUnknown } from '../inspect/answer.ts';
import { clusterStatus } from '../inspect/cluster-status.ts';
import { operatorDeployments, type OperatorDeployment } from '../inspect/deployments.ts';
import { awaitEnd, deleteFirewalls } from '../removal/firewalls.ts';
import { removeOrphans } from '../removal/orphans.ts';
import { remnants, type Remnants } from '../removal/remnants.ts';
import { paragraph } from './columns.ts';
import { withCluster, type ClusterFlags } from './commands/cluster.ts';
import type { CommandIO, Connection, ExitCode } from './io.ts';
import { printable } from './printable.ts';
import { announcement, rest, stuck } from './uninstall-text.ts';

export interface UninstallInput extends ClusterFlags {
  readonly retain?: true;
  readonly yes?: true;
  /** Seconds. */
  readonly timeout: number;
}

/** Says what opens, asks, and ends every ClusterFirewall. Exit code 3 where something is left. */
export function uninstall(input: UninstallInput, io: CommandIO): Promise<ExitCode> {
  return withCluster(input, io, async (connection) => {
    const { transport } = connection;
    const found = await remnants(transport);
    const operators = knownList(await orUnknown(operatorDeployments(transport, input.namespace)));
    if (isClean(found) || (input.retain === true && found.firewalls.length === 0)) {
      io.stdout(
        isClean(found) ? 'nothing is enforced, and nothing is left\n' : 'there is no ClusterFirewall\n',
      );
      io.stdout(await rest(transport, operators));
      return 0;
    }
    const status = await clusterStatus(transport, io.date(), input.namespace);
    io.stdout(announcement({ retain: input.retain === true, found, status, server: connection.server }));
    const refusal = await confirm(input, io);
    if (refusal !== undefined) return refusal;
    return carryOut(input, { io, connection, found, operators });
  });
}

interface Work {
  readonly io: CommandIO;
  readonly connection: Connection;
  readonly found: Remnants;
  readonly operators: readonly OperatorDeployment[];
}

async function carryOut(
  input: UninstallInput,
  { io, connection, found, operators }: Work,
): Promise<ExitCode> {
  const { transport } = connection;
  await deleteFirewalls(transport, found.firewalls, input.retain === true);
  const namespaces =
    input.namespace === undefined ? operators.map((each) => each.namespace) : [input.namespace];
  const ended = await awaitEnd({
    transport,
    clock: systemClock,
    date: io.date,
    namespaces,
    timeoutMs: input.timeout * 1000,
    operate: connection.operate,
  });
  if (ended.left.length > 0) {
    io.stderr(stuck(ended, operators));
    return 3;
  }
  if (input.retain === true) {
    io.stdout('done: everything stays in force, and no ClusterFirewall is left\n');
    io.stdout(await rest(transport, operators));
    return 0;
  }
  const failures = await removeOrphans(await remnants(transport), {
    transport,
    clock: systemClock,
    log: silentLogger,
  });
  const left = await remnants(transport);
  const held = left.objects.map(
    ({ id, waitsFor = [] }) => `${id} waits for ${waitsFor.join(', ') || 'its deletion'}`,
  );
  const problems = failures.length > 0 ? failures : held;
  for (const problem of problems) io.stderr(paragraph(printable(`left: ${problem}`)));
  if (problems.length > 0) return 3;
  io.stdout('done: everything is open, and nothing is left\n');
  io.stdout(await rest(transport, operators));
  return 0;
}

const isClean = ({ firewalls, objects, labelledNodes, failsafes }: Remnants): boolean =>
  firewalls.length === 0 && objects.length === 0 && labelledNodes.length === 0 && failsafes === undefined;

/** The exit code of a refusal; undefined for a yes. */
async function confirm({ yes, retain }: UninstallInput, io: CommandIO): Promise<ExitCode | undefined> {
  if (yes === true) return undefined;
  const answer = await io.ask(`${retain === true ? 'Let go of it' : 'Open it'}? Type yes: `);
  if (answer === undefined) {
    io.stderr('clusterfirewall: nothing was changed: there is no terminal to ask at, so say --yes\n');
    return 2;
  }
  if (answer.trim() === 'yes') return undefined;
  io.stderr('clusterfirewall: nothing was changed\n');
  return 1;
}
