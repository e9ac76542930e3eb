import { GROUP, VERSION as API_VERSION } from '../api/schema.ts';
import { messageOf } from '../cluster/errors.ts';
import { isUnknown, reasonsOf } from '../inspect/answer.ts';
import { installed, type Installed } from '../inspect/version.ts';
import { withCluster, type ClusterFlags } from './commands/cluster.ts';
import type { CommandIO, ExitCode } from './io.ts';
import { printable } from './printable.ts';
import { wrapped } from './questions/wrap.ts';
import { VERSION } from './version.ts';

export interface VersionInput extends ClusterFlags {
  readonly client?: true;
  readonly output: 'text' | 'json';
}

/** Prints the client's version, and what the cluster tells. Exit code 3 where something is not known. */
export async function showVersion(input: VersionInput, io: CommandIO): Promise<ExitCode> {
  const answer = input.client === true ? undefined : await ask(input, io);
  if (input.output === 'json') io.stdout(`${JSON.stringify(asJson(answer), undefined, 2)}\n`);
  else io.stdout(asText(answer));
  return answer !== undefined && unknowns(answer).length > 0 ? 3 : 0;
}

interface Installation extends Installed {
  /** Undefined without a kubeconfig. */
  readonly server?: string;
}

async function ask(input: VersionInput, io: CommandIO): Promise<Installation> {
  try {
    return await withCluster(input, io, async ({ transport, server }) => ({
      server,
      ...(await installed(transport, input.namespace)),
    }));
  } catch (error) {
    const unknown = { unknown: messageOf(error) };
    return { operators: unknown, served: unknown };
  }
}

const unknowns = ({ operators, served }: Installed): readonly string[] => reasonsOf([operators, served]);

function asJson(answer: Installation | undefined): object {
  const client = { version: VERSION, api: API_VERSION, node: process.versions.node };
  if (answer === undefined) return { client };
  const { server, operators, served } = answer;
  const why = unknowns(answer);
  return {
    client,
    ...(server !== undefined && { server }),
    ...(!isUnknown(operators) && { operators }),
    ...(!isUnknown(served) && { api: served }),
    ...(why.length > 0 && { unknown: why }),
  };
}

const asText = (answer: Installation | undefined): string =>
  [['client:', VERSION] as const, ...(answer === undefined ? [] : clusterRows(answer))]
    .map(([what, said]) => wrapped(what, said, 11))
    .join('');

type Row = readonly [what: string, said: string];

function clusterRows({ operators, served }: Installation): readonly Row[] {
  if (isUnknown(operators) && isUnknown(served) && operators.unknown === served.unknown)
    return [['cluster:', `no answer: ${printable(served.unknown)}`]];
  return [...operatorRows(operators), ['API:', apiText(served)]];
}

function operatorRows(operators: Installation['operators']): readonly Row[] {
  if (isUnknown(operators)) return [['operator:', `unknown: ${printable(operators.unknown)}`]];
  if (operators.length === 0) return [['operator:', 'not installed']];
  return operators.flatMap(
    ({ namespace, version = 'of unknown version', image, ready, replicas }): readonly Row[] => [
      [
        'operator:',
        `${printable(version)}, ${String(ready)} of ${String(replicas)} ready in ${printable(namespace)}`,
      ],
      ['', printable(image)],
    ],
  );
}

function apiText(served: Installation['served']): string {
  if (isUnknown(served)) return `unknown: ${printable(served.unknown)}`;
  if (served.length === 0) return 'not installed: its CustomResourceDefinition is missing';
  const versions = `${GROUP}/${served.map(printable).join(', ')}`;
  return served.includes(API_VERSION)
    ? versions
    : `${versions}; this program knows ${API_VERSION} alone, so take one of the operator's version`;
}
